// SPDX-License-Identifier: MIT
// osc_build.h - OSC packets written byte by byte, independent of the code under test; wrong ones too.
#ifndef TESTS_OSC_BUILD_H
#define TESTS_OSC_BUILD_H
#include <stdint.h>
#include <string.h>

#include "tests/check.h"

struct osc_build {
    uint8_t bytes[70000];
    size_t n;
};

static inline void build_raw(struct osc_build *b, const void *bytes, size_t n)
{
    assert_true(b->n + n <= sizeof b->bytes);
    memcpy(b->bytes + b->n, bytes, n);
    b->n += n;
}

static inline void build_u32(struct osc_build *b, uint32_t value)
{
    build_raw(
        b, (uint8_t[]){(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value},
        4);
}

static inline void build_u64(struct osc_build *b, uint64_t value)
{
    build_u32(b, (uint32_t)(value >> 32));
    build_u32(b, (uint32_t)value);
}

static inline void build_text(struct osc_build *b, const char *text)
{
    build_raw(b, text, strlen(text));
    build_raw(b, "\0\0\0", 4 - strlen(text) % 4);
}

static inline void build_float(struct osc_build *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    build_u32(b, bits);
}

static inline void build_double(struct osc_build *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    build_u64(b, bits);
}

/// Path and type tags (with their comma); the arguments follow.
static inline void build_head(struct osc_build *b, const char *path, const char *types)
{
    build_text(b, path);
    build_text(b, types);
}

static inline void build_bundle(struct osc_build *b, uint64_t time)
{
    build_raw(b, "#bundle", 8);
    build_u64(b, time);
}

/// Begins an element of a bundle; returns where its size stands, for build_end().
static inline size_t build_begin(struct osc_build *b)
{
    build_u32(b, 0);
    return b->n - 4;
}

static inline void build_end(struct osc_build *b, size_t at)
{
    uint32_t size = (uint32_t)(b->n - at - 4);
    for (int i = 0; i < 4; i++)
        b->bytes[at + (size_t)i] = (uint8_t)(size >> (24 - 8 * i));
}

#endif
