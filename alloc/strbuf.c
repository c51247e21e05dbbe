// SPDX-License-Identifier: MIT
// strbuf.c - builds a string in memory that somebody else owns; what does not fit is cut and remembered.
#include "alloc/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct strbuf strbuf_make(char *memory, size_t size)
{
    memory[0] = 0;
    return (struct strbuf){.text = memory, .size = size};
}

void strbuf_append(struct strbuf *s, const char *text)
{
    strbuf_format(s, "%s", text);
}

void strbuf_format(struct strbuf *s, const char *format, ...)
{
    size_t room = s->size - s->length; // at least 1: the closing 0
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->text + s->length, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room) {
        s->cut = true;
        s->length = s->size - 1;
        s->text[s->length] = 0;
    } else {
        s->length += (size_t)n;
    }
}

bool string_copy(char *to, size_t size, const char *text)
{
    size_t n = strlen(text) + 1;
    to[0] = 0;
    if (n > size) return false;
    memcpy(to, text, n);
    return true;
}
