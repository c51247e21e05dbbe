// SPDX-License-Identifier: MIT
// packet.c - the gate: checks a datagram whole before anything looks inside, and hands out its messages.
#include "engine/osc/packet.h"

#include <string.h>

#include "engine/osc/pattern.h"

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t read_u64(const uint8_t *p)
{
    return (uint64_t)read_u32(p) << 32 | read_u32(p + 4);
}

/// Bytes of a padded string that begins at `p`, or 0 when it does not end in `n` bytes.
static size_t padded_string_bytes(const uint8_t *p, size_t n)
{
    const uint8_t *end = n ? memchr(p, 0, n) : NULL;
    if (!end) return 0;
    size_t bytes = ((size_t)(end - p) + 4) & ~(size_t)3;
    return bytes <= n ? bytes : 0;
}

/// Bytes of one argument's data, or SIZE_MAX when it does not fit into `n` or its type is unknown.
static size_t arg_bytes(char type, const uint8_t *p, size_t n)
{
    size_t bytes;
    switch (type) {
    case 'T':
    case 'F':
    case 'N':
    case 'I':
    case '[':
    case ']': return 0;
    case 'i':
    case 'f':
    case 'c':
    case 'r':
    case 'm': bytes = 4; break;
    case 'h':
    case 'd':
    case 't': bytes = 8; break;
    case 's':
    case 'S':
        bytes = padded_string_bytes(p, n);
        if (bytes == 0) return SIZE_MAX;
        break;
    case 'b': {
        if (n < 4) return SIZE_MAX;
        uint32_t size = read_u32(p);
        if (size > n - 4) return SIZE_MAX;
        bytes = 4 + (((size_t)size + 3) & ~(size_t)3);
        break;
    }
    default: return SIZE_MAX;
    }
    return bytes <= n ? bytes : SIZE_MAX;
}

static const char *check_args(const char *types, const uint8_t *p, size_t n)
{
    int depth = 0;
    if (strlen(types) > OSC_MAX_ARGS) return "a message has more than 64 arguments";
    for (; *types; types++) {
        depth += (*types == '[') - (*types == ']');
        if (depth < 0 || depth > OSC_MAX_DEPTH) return "the arrays of a message do not match";
        size_t bytes = arg_bytes(*types, p, n);
        if (bytes == SIZE_MAX) return "an argument is cut short or of an unknown type";
        p += bytes;
        n -= bytes;
    }
    if (depth != 0) return "the arrays of a message do not match";
    return n == 0 ? NULL : "a message has more bytes than its type tags say";
}

static const char *check_message(const uint8_t *p, size_t n)
{
    size_t path_bytes = padded_string_bytes(p, n);
    if (path_bytes == 0) return "a message's path does not end";
    if (p[0] != '/') return "a message's path does not begin with /";
    const char *path = (const char *)p;
    const char *problem = pattern_is(path) ? pattern_check(path) : NULL;
    if (problem) return problem;
    if (path_bytes == n || p[path_bytes] != ',') return NULL; // no type tags: the arguments cannot be read
    size_t types_bytes = padded_string_bytes(p + path_bytes, n - path_bytes);
    if (types_bytes == 0) return "a message's type tags do not end";
    size_t head = path_bytes + types_bytes;
    return check_args((const char *)p + path_bytes + 1, p + head, n - head);
}

static bool is_bundle(const uint8_t *p, size_t n)
{
    return n >= 16 && memcmp(p, "#bundle", 8) == 0;
}

static const char *check_element(const uint8_t *p, size_t n, int depth)
{
    if (n == 0) return "empty";
    if (n % 4 != 0) return "the length is not a multiple of 4";
    if (p[0] == '#' && !is_bundle(p, n)) return "a bundle is cut short";
    if (!is_bundle(p, n)) return check_message(p, n);
    if (depth == OSC_MAX_DEPTH) return "bundles are nested more than 8 deep";

    p += 16;
    n -= 16;
    while (n > 0) {
        uint32_t size = n >= 4 ? read_u32(p) : 0;
        if (size == 0 || size > n - 4) return "an element of a bundle has a wrong length";
        const char *problem = check_element(p + 4, size, depth + 1);
        if (problem) return problem;
        p += 4 + size;
        n -= 4 + size;
    }
    return NULL;
}

const char *osc_packet_check(const uint8_t *packet, size_t n_bytes)
{
    if (n_bytes > OSC_MAX_PACKET_BYTES) return "longer than 65536 bytes";
    return check_element(packet, n_bytes, 0);
}

/// A visit under way.
struct walk {
    void (*visit)(void *context, const struct osc_message *message);
    void *context;
    uint32_t n_messages;
};

static void visit_message(struct walk *w, const uint8_t *p, size_t n, uint64_t time)
{
    size_t path_bytes = padded_string_bytes(p, n);
    struct osc_message m = {(const char *)p, "", p + n, time, w->n_messages++, true};
    if (path_bytes < n && p[path_bytes] == ',') {
        m.types = (const char *)p + path_bytes + 1;
        m.args = p + path_bytes + padded_string_bytes(p + path_bytes, n - path_bytes);
        m.has_no_types = false;
    }
    w->visit(w->context, &m);
}

static void visit_element(struct walk *w, const uint8_t *p, size_t n, uint64_t time)
{
    if (!is_bundle(p, n)) {
        visit_message(w, p, n, time);
        return;
    }
    if (read_u64(p + 8) > time) time = read_u64(p + 8);
    for (size_t at = 16; at < n;) {
        uint32_t size = read_u32(p + at);
        visit_element(w, p + at + 4, size, time);
        at += 4 + size;
    }
}

void osc_packet_visit(const uint8_t *packet, size_t n_bytes,
                      void (*visit)(void *context, const struct osc_message *message), void *context)
{
    struct walk w = {visit, context, 0};
    visit_element(&w, packet, n_bytes, OSC_NOW);
}

static double float_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

static double double_from_bits(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

bool osc_next_arg(const char **types, const uint8_t **data, struct osc_arg *arg)
{
    if (**types == 0) return false;
    const uint8_t *p = *data;
    arg->type = *(*types)++;
    arg->i = 0;
    switch (arg->type) {
    case 'i': arg->i = (int32_t)read_u32(p); break;
    case 'c':
    case 'r':
    case 'm': arg->i = read_u32(p); break;
    case 'h':
    case 't': arg->i = (int64_t)read_u64(p); break;
    case 'f': arg->f = float_from_bits(read_u32(p)); break;
    case 'd': arg->f = double_from_bits(read_u64(p)); break;
    case 'T': arg->i = 1; break;
    case 's':
    case 'S': arg->s = (const char *)p; break;
    default: break;
    }
    *data = p + arg_bytes(arg->type, p, OSC_MAX_PACKET_BYTES);
    return true;
}
