// SPDX-License-Identifier: MIT
// strbuf.h - builds a string, in an array of fixed size or on an allocator; what does not fit is cut and
// remembered.
#ifndef ALLOC_STRBUF_H
#define ALLOC_STRBUF_H
#include <stdbool.h>
#include <stddef.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"

struct strbuf {
    char *text; // always ends in 0
    size_t length, size;
    struct allocator *a; // borrowed; NULL: the array is the caller's and stays as large as it is
    bool cut;            // something did not fit
};

/// Starts an empty string in `size` bytes at `memory` (at least 1).
struct strbuf strbuf_make(char *memory, size_t size);
/// Starts an empty string that grows on `a`; nothing is taken yet.
struct strbuf strbuf_on(struct allocator *a);
/// Gives back what was taken of the allocator; the string is empty and may be used again.
void strbuf_fini(struct strbuf *s);

void strbuf_append(struct strbuf *s, const char *text);
PRINTF_LIKE(2, 3) void strbuf_format(struct strbuf *s, const char *format, ...);
/// Back to an empty string, in the same memory.
void strbuf_clear(struct strbuf *s);

/// Copies `text` into an array of `size` bytes. False when it was too long: then the array holds "".
NODISCARD bool string_copy(char *to, size_t size, const char *text);

#endif
