// SPDX-License-Identifier: MIT
// slice.c - views of bytes that somebody else owns: parts, comparisons and searches without a copy.
#include "alloc/slice.h"

#include <string.h>

struct slice slice_make(const void *data, size_t length)
{
    return (struct slice){data, length};
}

struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

struct slice slice_sub(struct slice s, size_t start, size_t end)
{
    if (end > s.length) end = s.length;
    if (start > end) start = end;
    return (struct slice){s.data ? s.data + start : NULL, end - start};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.length > 0 && is_space(s.data[0]))
        s = slice_sub(s, 1, s.length);
    while (s.length > 0 && is_space(s.data[s.length - 1]))
        s.length--;
    return s;
}

bool slice_next(struct slice *s, char separator, struct slice *part)
{
    if (s->length == 0) return false;
    size_t end = slice_find_char(*s, separator);
    *part = slice_sub(*s, 0, end);
    *s = slice_sub(*s, end == SLICE_NONE ? s->length : end + 1, s->length);
    return true;
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && slice_compare(a, b) == 0;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t n = a.length < b.length ? a.length : b.length;
    int order = n > 0 && a.data && b.data ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

bool slice_starts_with(struct slice s, struct slice start)
{
    return slice_equal(slice_sub(s, 0, start.length), start);
}

bool slice_ends_with(struct slice s, struct slice end)
{
    return s.length >= end.length && slice_equal(slice_sub(s, s.length - end.length, s.length), end);
}

size_t slice_find_char(struct slice s, char c)
{
    const char *p = s.length > 0 ? memchr(s.data, c, s.length) : NULL;
    return p ? (size_t)(p - s.data) : SLICE_NONE;
}

size_t slice_find(struct slice s, struct slice part)
{
    if (part.length == 0) return 0;
    const char *p = s.length > 0 ? memmem(s.data, s.length, part.data, part.length) : NULL;
    return p ? (size_t)(p - s.data) : SLICE_NONE;
}

bool slice_copy(struct slice s, char *to, size_t size)
{
    if (size == 0) return false;
    to[0] = 0;
    if (s.length >= size) return false;
    if (s.length > 0) memcpy(to, s.data, s.length);
    to[s.length] = 0;
    return true;
}
