// SPDX-License-Identifier: MIT
// framing.c - cuts the bytes of a connection into packets, and wraps answers in the same manner.
#include "engine/osc/framing.h"

#include <string.h>

#include "engine/osc/text.h"
#include "engine/osc/write.h"

enum { END = 0xC0, ESC = 0xDB, ESC_END = 0xDC, ESC_ESC = 0xDD };

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// ---- in ----

uint8_t *framing_room(struct framing *f, uint32_t *n_bytes)
{
    // What is kept: the decoded part of a SLIP frame, or the part of a packet or line that came; and, were
    // there any, what was not looked at.
    uint32_t n_kept = f->kind == FRAMING_SLIP ? f->n_plain : f->at - f->begin, n_left = f->end - f->at;
    if (f->begin > 0) memmove(f->bytes, f->bytes + f->begin, n_kept);
    if (f->at > n_kept) memmove(f->bytes + n_kept, f->bytes + f->at, n_left);
    f->begin = 0;
    f->at = n_kept;
    f->end = n_kept + n_left;
    *n_bytes = FRAMING_BYTES - f->end;
    return f->bytes + f->end;
}

void framing_add(struct framing *f, uint32_t n_bytes)
{
    f->end += n_bytes;
}

static enum frame lost(const char **why, const char *text)
{
    *why = text;
    return FRAME_LOST;
}

static enum frame next_length(struct framing *f, const uint8_t **bytes, uint32_t *n_bytes, const char **why)
{
    uint32_t n = f->end - f->begin;
    f->at = f->end;
    if (n > 0 && f->bytes[f->begin] != 0) return lost(why, "the length of a packet is over 65536");
    if (n < 4) return FRAME_NONE;
    uint32_t length = read_u32(f->bytes + f->begin);
    if (length > OSC_MAX_PACKET_BYTES) return lost(why, "the length of a packet is over 65536");
    if (n - 4 < length) return FRAME_NONE;
    *bytes = f->bytes + f->begin + 4;
    *n_bytes = length;
    f->begin += 4 + length;
    return FRAME_PACKET;
}

static enum frame next_slip(struct framing *f, const uint8_t **bytes, uint32_t *n_bytes, const char **why)
{
    while (f->at < f->end) {
        uint8_t byte = f->bytes[f->at++];
        if (byte == END) {
            if (f->is_escaped) return lost(why, "a SLIP frame ends in an escape");
            *bytes = f->bytes + f->begin;
            *n_bytes = f->n_plain;
            f->begin = f->at;
            f->n_plain = 0;
            if (*n_bytes > 0) return FRAME_PACKET;
            continue; // the END before a frame
        }
        if (f->is_escaped) {
            if (byte != ESC_END && byte != ESC_ESC) return lost(why, "a SLIP frame has a wrong escape");
            byte = byte == ESC_END ? END : ESC;
            f->is_escaped = false;
        } else if (byte == ESC) {
            f->is_escaped = true;
            continue;
        }
        if (f->n_plain == OSC_MAX_PACKET_BYTES) return lost(why, "a SLIP frame is longer than 65536 bytes");
        f->bytes[f->begin + f->n_plain++] = byte;
    }
    return FRAME_NONE;
}

/// Takes the line up to `end`, and the line's own end with it.
static enum frame take_line(struct framing *f, uint32_t end, uint32_t next, const uint8_t **bytes,
                            uint32_t *n_bytes)
{
    uint32_t begin = f->begin;
    bool was_skipping = f->is_skipping;
    f->begin = f->at = next;
    f->is_skipping = false;
    if (was_skipping) return FRAME_NONE; // it was told when it became too long
    if (end > begin && f->bytes[end - 1] == '\r') end--;
    if (end - begin > FRAMING_MAX_LINE_BYTES) return FRAME_LONG_LINE;
    *bytes = f->bytes + begin;
    *n_bytes = end - begin;
    return end > begin && f->bytes[begin] != '#' ? FRAME_LINE : FRAME_NONE;
}

static enum frame next_line(struct framing *f, const uint8_t **bytes, uint32_t *n_bytes)
{
    const uint8_t *found;
    while ((found = memchr(f->bytes + f->at, '\n', f->end - f->at))) {
        uint32_t end = (uint32_t)(found - f->bytes);
        enum frame frame = take_line(f, end, end + 1, bytes, n_bytes);
        if (frame != FRAME_NONE) return frame;
    }
    f->at = f->end;
    if (!f->is_skipping && f->end - f->begin <= FRAMING_MAX_LINE_BYTES + 1) return FRAME_NONE;
    bool is_first = !f->is_skipping;
    f->is_skipping = true;
    f->begin = f->end;
    return is_first ? FRAME_LONG_LINE : FRAME_NONE;
}

/// What a connection speaks, by its first byte; FRAMING_UNKNOWN when that is none of the three.
static enum framing_kind kind_of(uint8_t first)
{
    if (first == 0) return FRAMING_LENGTH;
    if (first == END) return FRAMING_SLIP; // which no UTF-8 text has
    bool is_text = (first >= ' ' && first != 0x7F) || first == '\t' || first == '\r' || first == '\n';
    return is_text ? FRAMING_TEXT : FRAMING_UNKNOWN;
}

enum frame framing_next(struct framing *f, const uint8_t **bytes, uint32_t *n_bytes, const char **why)
{
    if (f->kind == FRAMING_UNKNOWN) {
        if (f->at == f->end) return FRAME_NONE;
        f->kind = kind_of(f->bytes[f->at]);
    }
    switch (f->kind) {
    case FRAMING_LENGTH: return next_length(f, bytes, n_bytes, why);
    case FRAMING_SLIP: return next_slip(f, bytes, n_bytes, why);
    case FRAMING_TEXT: return next_line(f, bytes, n_bytes);
    case FRAMING_UNKNOWN: break;
    }
    return lost(why,
                "the first byte begins neither a length up to 65536, nor a SLIP frame, nor a line of text");
}

enum frame framing_last(struct framing *f, const uint8_t **bytes, uint32_t *n_bytes)
{
    if (f->kind != FRAMING_TEXT || f->begin == f->end) return FRAME_NONE;
    return take_line(f, f->end, f->end, bytes, n_bytes);
}

static uint32_t count_messages(const uint8_t *p, uint32_t n, int depth)
{
    uint32_t n_messages = 0;
    if (n < 16 || p[0] != '#' || memcmp(p, "#bundle", 8) != 0 || depth > OSC_MAX_DEPTH) return 1;
    for (uint32_t at = 16; n - at >= 4;) {
        uint32_t size = read_u32(p + at);
        if (size > n - at - 4) return n_messages + 1;
        n_messages += count_messages(p + at + 4, size, depth + 1);
        at += 4 + size;
    }
    return n_messages;
}

uint32_t packet_count_messages(const uint8_t *packet, uint32_t n_bytes)
{
    return count_messages(packet, n_bytes, 0);
}

// ---- answers ----

static uint32_t wrap_slip(const uint8_t *message, uint32_t n_bytes, uint8_t *out)
{
    uint8_t *to = out;
    *to++ = END;
    for (uint32_t i = 0; i < n_bytes; i++) {
        if (message[i] == END || message[i] == ESC) {
            *to++ = ESC;
            *to++ = message[i] == END ? ESC_END : ESC_ESC;
        } else {
            *to++ = message[i];
        }
    }
    *to++ = END;
    return (uint32_t)(to - out);
}

uint32_t framing_wrap(enum framing_kind kind, const uint8_t *message, uint32_t n_bytes, uint8_t *out)
{
    if (kind == FRAMING_SLIP) return wrap_slip(message, n_bytes, out);
    if (kind == FRAMING_TEXT)
        return (uint32_t)text_from_osc(message, n_bytes, (char *)out, FRAMING_LINE_BYTES(n_bytes));
    osc_write_u32(out, n_bytes);
    memcpy(out + 4, message, n_bytes);
    return n_bytes + 4;
}

uint32_t framing_end_of(enum framing_kind kind, const uint8_t *bytes, uint32_t n_bytes, uint32_t at)
{
    uint32_t end = 0;
    while (end <= at && end < n_bytes) {
        const uint8_t *found;
        switch (kind) {
        case FRAMING_SLIP: // one END before and one behind
            found = memchr(bytes + end + 1, END, n_bytes - end - 1);
            end = found ? (uint32_t)(found - bytes) + 1 : n_bytes;
            break;
        case FRAMING_TEXT:
            found = memchr(bytes + end, '\n', n_bytes - end);
            end = found ? (uint32_t)(found - bytes) + 1 : n_bytes;
            break;
        default: end += 4 + read_u32(bytes + end);
        }
    }
    return end;
}
