// SPDX-License-Identifier: MIT
// strbuf.h - builds a string in memory that somebody else owns; what does not fit is cut and remembered.
#ifndef ALLOC_STRBUF_H
#define ALLOC_STRBUF_H
#include <stdbool.h>
#include <stddef.h>

#include "alloc/attr.h"

struct strbuf {
    char *text; // always ends in 0; borrows the caller's array
    size_t length, size;
    bool cut; // something did not fit
};

/// Starts an empty string in `size` bytes at `memory` (at least 1).
struct strbuf strbuf_make(char *memory, size_t size);
void strbuf_append(struct strbuf *s, const char *text);
PRINTF_LIKE(2, 3) void strbuf_format(struct strbuf *s, const char *format, ...);

/// Copies `text` into an array of `size` bytes. False when it was too long: then the array holds "".
NODISCARD bool string_copy(char *to, size_t size, const char *text);

#endif
