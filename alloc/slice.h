// SPDX-License-Identifier: MIT
// slice.h - views of bytes that somebody else owns: parts, comparisons and searches without a copy.
#ifndef ALLOC_SLICE_H
#define ALLOC_SLICE_H
#include <stdbool.h>
#include <stddef.h>

#include "alloc/attr.h"

/// Borrows `data`; it need not end in 0. A zeroed one is empty.
struct slice {
    const char *data;
    size_t length;
};

/// For printf: SLICE_FORMAT in the text, SLICE_ARGS(s) behind it.
#define SLICE_FORMAT  "%.*s"
#define SLICE_ARGS(s) (int)(s).length, (s).data ? (s).data : ""

/// No such place.
#define SLICE_NONE ((size_t)-1)

struct slice slice_make(const void *data, size_t length);
/// All of `text` but its closing 0.
struct slice slice_of(const char *text);

/// From `start` up to but not including `end`, both cut to what there is.
struct slice slice_sub(struct slice s, size_t start, size_t end);
/// Without spaces, tabs and line ends at both ends.
struct slice slice_trim(struct slice s);

/// Takes the part before the first `separator` off the front of `*s`, and the separator with it. False when
/// `*s` is empty; a separator at the end has no empty part behind it.
bool slice_next(struct slice *s, char separator, struct slice *part);

bool slice_equal(struct slice a, struct slice b);
/// As memcmp(), a shorter one before what it begins.
int slice_compare(struct slice a, struct slice b);
bool slice_starts_with(struct slice s, struct slice start);
bool slice_ends_with(struct slice s, struct slice end);

/// Where `c`, or all of `part`, first stands; SLICE_NONE when nowhere. An empty part stands at 0.
size_t slice_find_char(struct slice s, char c);
size_t slice_find(struct slice s, struct slice part);

/// Copies it into an array of `size` bytes with a closing 0. False when it is too long: then the array holds
/// "".
NODISCARD bool slice_copy(struct slice s, char *to, size_t size);

#endif
