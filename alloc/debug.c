// SPDX-License-Identifier: MIT
// debug.c - the end of a process that broke a rule of memory.
#include "alloc/debug.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void debug_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("chimed: memory: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}
