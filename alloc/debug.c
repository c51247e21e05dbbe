// SPDX-License-Identifier: MIT
// debug.c - the end of a process that broke a rule of memory.
#include "alloc/debug.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void debug_fail(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "chimed: memory: %s\n", text);
    abort();
}
