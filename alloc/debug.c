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
    // clang-tidy 14 forgets the va_start() where a file is part of two programs.
    vsnprintf(text, sizeof text, format, args); // NOLINT(clang-analyzer-valist.Uninitialized)
    va_end(args);
    fprintf(stderr, "chimed: memory: %s\n", text);
    abort();
}
