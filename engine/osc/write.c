// SPDX-License-Identifier: MIT
// write.c - builds OSC messages in memory of its own size; never allocates.
#include "engine/osc/write.h"

#include <string.h>

static size_t padded(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

void osc_write_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

void osc_begin(struct osc_writer *w, const char *path)
{
    // Only the counts: what is behind them is written before it is read.
    w->n_path = w->n_tags = w->n_args = 0;
    w->overflow = false;
    size_t n = strlen(path) + 1;
    if (padded(n) > sizeof w->path) {
        w->overflow = true;
        return;
    }
    w->n_path = padded(n);
    memset(w->path + w->n_path - 4, 0, 4);
    memcpy(w->path, path, n);
    w->tags[w->n_tags++] = ',';
}

/// Room for an argument of `n` bytes and its tag; NULL when there is none. What pads it is zeroed.
static uint8_t *add(struct osc_writer *w, char tag, size_t n)
{
    // One tag byte stays free for the closing 0.
    if (w->overflow || w->n_tags + 2 > sizeof w->tags || padded(n) > sizeof w->args - w->n_args) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *p = w->args + w->n_args;
    w->tags[w->n_tags++] = tag;
    w->n_args += padded(n);
    memset(w->args + w->n_args - 4, 0, 4); // what pads a text
    return p;
}

void osc_add_int(struct osc_writer *w, int32_t value)
{
    uint8_t *p = add(w, 'i', 4);
    if (p) osc_write_u32(p, (uint32_t)value);
}

void osc_add_long(struct osc_writer *w, int64_t value)
{
    uint8_t *p = add(w, 'h', 8);
    if (!p) return;
    osc_write_u32(p, (uint32_t)((uint64_t)value >> 32));
    osc_write_u32(p + 4, (uint32_t)value);
}

void osc_add_float(struct osc_writer *w, float value)
{
    uint8_t *p = add(w, 'f', 4);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (p) osc_write_u32(p, bits);
}

void osc_add_text(struct osc_writer *w, const char *value)
{
    size_t n = strlen(value) + 1;
    uint8_t *p = add(w, 's', n);
    if (p) memcpy(p, value, n);
}

size_t osc_end(const struct osc_writer *w, uint8_t *out)
{
    size_t n_tags = padded(w->n_tags + 1);
    size_t n = w->n_path + n_tags + w->n_args;
    if (w->overflow || n > OSC_MAX_MESSAGE_BYTES) return 0;
    memcpy(out, w->path, w->n_path);
    memset(out + w->n_path, 0, n_tags);
    memcpy(out + w->n_path, w->tags, w->n_tags);
    memcpy(out + w->n_path + n_tags, w->args, w->n_args);
    return n;
}
