// SPDX-License-Identifier: MIT
// message.c - builds and reads one OSC message, with liblo as the codec.
#include "clients/message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct chime_message *chime_message_new(const char *path)
{
    if (!path) return NULL;
    struct chime_message *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->path = strdup(path);
    m->body = lo_message_new();
    if (m->path && m->body) return m;
    chime_message_free(m);
    return NULL;
}

void chime_message_free(struct chime_message *m)
{
    if (!m) return;
    if (m->body) lo_message_free(m->body);
    free(m->path);
    free(m);
}

// ---- arguments ----

static void note(struct chime_message *m, int result)
{
    if (result != 0) m->failed = true;
}

void chime_add_int(struct chime_message *m, int32_t value)
{
    note(m, lo_message_add_int32(m->body, value));
}

void chime_add_long(struct chime_message *m, int64_t value)
{
    note(m, lo_message_add_int64(m->body, value));
}

void chime_add_float(struct chime_message *m, float value)
{
    note(m, lo_message_add_float(m->body, value));
}

void chime_add_double(struct chime_message *m, double value)
{
    note(m, lo_message_add_double(m->body, value));
}

void chime_add_text(struct chime_message *m, const char *value)
{
    note(m, value ? lo_message_add_string(m->body, value) : -1);
}

const char *chime_message_path(const struct chime_message *m)
{
    return m->path;
}

size_t chime_message_count(const struct chime_message *m)
{
    return (size_t)lo_message_get_argc(m->body);
}

char chime_message_type(const struct chime_message *m, size_t i)
{
    return i < chime_message_count(m) ? lo_message_get_types(m->body)[i] : 0;
}

// Eight-byte arguments stand on four-byte boundaries, so they are copied out.
double chime_message_number(const struct chime_message *m, size_t i)
{
    char type = chime_message_type(m, i);
    const void *at = type ? (const void *)lo_message_get_argv(m->body)[i] : NULL;
    int32_t whole;
    int64_t wide;
    float single;
    double real;
    lo_timetag time;
    switch (type) {
    case 'i': memcpy(&whole, at, sizeof whole); return whole;
    case 'h': memcpy(&wide, at, sizeof wide); return (double)wide;
    case 'f': memcpy(&single, at, sizeof single); return (double)single;
    case 'd': memcpy(&real, at, sizeof real); return real;
    case 'T': return 1;
    case 't': memcpy(&time, at, sizeof time); return time.sec + time.frac * 0x1p-32;
    default: return 0;
    }
}

int64_t chime_message_int(const struct chime_message *m, size_t i)
{
    if (chime_message_type(m, i) == 'h') {
        int64_t wide;
        memcpy(&wide, lo_message_get_argv(m->body)[i], sizeof wide);
        return wide;
    }
    double value = chime_message_number(m, i);
    if (isnan(value)) return 0;
    if (value >= 0x1p63) return INT64_MAX;
    return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}

const char *chime_message_text(const struct chime_message *m, size_t i)
{
    char type = chime_message_type(m, i);
    // Not "->s": the argument need not stand where its union could.
    return type == 's' || type == 'S' ? (const char *)lo_message_get_argv(m->body)[i] : NULL;
}

// ---- bytes ----

enum chime_status message_write(const struct chime_message *m, void *bytes, size_t size, size_t *length)
{
    if (m->failed) return CHIME_NO_MEMORY;
    if (m->path[0] != '/') return CHIME_BAD_ARGUMENT;
    size_t wanted = lo_message_length(m->body, m->path);
    if (wanted > size) return CHIME_BAD_ARGUMENT;
    return lo_message_serialise(m->body, m->path, bytes, length) ? CHIME_OK : CHIME_NO_MEMORY;
}

enum chime_status chime_message_pack(const struct chime_message *m, void *bytes, size_t size, size_t *length)
{
    return message_write(m, bytes, size, length);
}

enum chime_status chime_message_unpack(const void *bytes, size_t size, struct chime_message **m)
{
    struct message_list list = {0};
    *m = NULL;
    if (size == 0 || *(const char *)bytes != '/') return CHIME_BAD_ARGUMENT;
    enum chime_status status = message_unpack(bytes, size, &list);
    *m = message_take(&list);
    return status;
}

struct chime_message *message_take(struct message_list *list)
{
    struct chime_message *m = list->first;
    if (!m) return NULL;
    list->first = m->next;
    if (!list->first) list->last = NULL;
    m->next = NULL;
    return m;
}
