// SPDX-License-Identifier: MIT
// strbuf.c - builds a string, in an array of fixed size or on an allocator; what does not fit is cut and
// remembered.
#include "alloc/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/// Bytes of the first piece.
#define FIRST_SIZE 64

/// What stands for "" before anything was taken; nobody writes to it.
static char empty[1];

struct strbuf strbuf_make(char *memory, size_t size)
{
    memory[0] = 0;
    return (struct strbuf){.text = memory, .size = size};
}

struct strbuf strbuf_on(struct allocator *a)
{
    return (struct strbuf){.text = empty, .a = a};
}

void strbuf_fini(struct strbuf *s)
{
    if (!s->a) return;
    if (s->size > 0) unmake(s->text, s->size, s->a);
    *s = strbuf_on(s->a);
}

/// Makes room for `n` more bytes and the closing 0. False when there is none to be had.
static bool grow(struct strbuf *s, size_t n)
{
    size_t needed, size = s->size ? s->size : FIRST_SIZE;
    if (!s->a || !size_add(s->length, n, &needed) || !size_add(needed, 1, &needed)) return false;
    while (size < needed)
        if (!size_multiply(size, 2, &size)) return false;
    char *text = make(char, size, s->a);
    if (!text) return false;
    memcpy(text, s->text, s->length + 1);
    if (s->size > 0) unmake(s->text, s->size, s->a);
    s->text = text;
    s->size = size;
    return true;
}

void strbuf_append(struct strbuf *s, const char *text)
{
    strbuf_format(s, "%s", text);
}

void strbuf_format(struct strbuf *s, const char *format, ...)
{
    size_t room = s->size - s->length; // at least 1, the closing 0, once there is memory
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(room > 0 ? s->text + s->length : NULL, room, format, args);
    if (n >= 0 && (size_t)n >= room && grow(s, (size_t)n)) {
        room = s->size - s->length;
        n = vsnprintf(s->text + s->length, room, format, again);
    }
    va_end(again);
    va_end(args);
    if (n >= 0 && (size_t)n < room) {
        s->length += (size_t)n;
        return;
    }
    s->cut = true;
    if (s->size == 0) return;
    // A string that was to grow keeps what it had; one of fixed size keeps as much as fits.
    if (!s->a) s->length = s->size - 1;
    s->text[s->length] = 0;
}

void strbuf_clear(struct strbuf *s)
{
    s->length = 0;
    s->cut = false;
    if (s->size > 0) s->text[0] = 0;
}

bool string_copy(char *to, size_t size, const char *text)
{
    size_t n = strlen(text) + 1;
    to[0] = 0;
    if (n > size) return false;
    memcpy(to, text, n);
    return true;
}
