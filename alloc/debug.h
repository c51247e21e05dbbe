// SPDX-License-Identifier: MIT
// debug.h - what debug builds add to memory: where it was asked for, patterns where it is free, ASan's marks.
//
// CHIMED_MEMORY_TRACKING keeps file and line of every allocation. CHIMED_MEMORY_GUARDS fills what nobody may
// touch with a pattern and looks at it before it is handed out again. Builds with AddressSanitizer also tell
// it, so that the very access is caught. All three vanish from a build that has none of them.
#ifndef ALLOC_DEBUG_H
#define ALLOC_DEBUG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "alloc/attr.h"

#ifndef CHIMED_MEMORY_TRACKING
#define CHIMED_MEMORY_TRACKING 0
#endif
#ifndef CHIMED_MEMORY_GUARDS
#define CHIMED_MEMORY_GUARDS 0
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(MEMORY_ASAN)
#define MEMORY_ASAN 1
#endif
#ifndef MEMORY_ASAN
#define MEMORY_ASAN 0
#endif

#if MEMORY_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, bytes)   ((void)(p), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#endif

/// Where the macro stands, as "file:line"; NULL where nobody keeps it.
#if CHIMED_MEMORY_TRACKING
#define DEBUG_TEXT_(line) #line
#define DEBUG_TEXT(line)  DEBUG_TEXT_(line)
#define ALLOC_HERE        (__FILE__ ":" DEBUG_TEXT(__LINE__))
#else
#define ALLOC_HERE ((const char *)NULL)
#endif

/// What free memory is filled with: as a float a large number, as an index or a pointer a wild one.
#define DEBUG_FREE_BYTE 0xdd

/// True when all of `bytes` at `p` are `value`. NULL stands for no bytes.
static inline bool debug_is_filled(const void *p, uint8_t value, size_t bytes)
{
    const uint8_t *b = p;
    return !b || bytes == 0 || (b[0] == value && memcmp(b, b + 1, bytes - 1) == 0);
}

#if CHIMED_MEMORY_GUARDS || MEMORY_ASAN

/// From now on nobody may touch this memory.
static inline void debug_retire(void *p, size_t bytes)
{
    if (CHIMED_MEMORY_GUARDS && p && bytes > 0) {
        ASAN_UNPOISON_MEMORY_REGION(p, bytes); // parts of it may be retired already
        memset(p, DEBUG_FREE_BYTE, bytes);
    }
    ASAN_POISON_MEMORY_REGION(p, bytes);
}

/// It may be used again. False when somebody wrote into it in between; its content is arbitrary.
static inline bool debug_revive(void *p, size_t bytes)
{
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    return !CHIMED_MEMORY_GUARDS || debug_is_filled(p, DEBUG_FREE_BYTE, bytes);
}

#else
#define debug_retire(p, bytes) ((void)0)
#define debug_revive(p, bytes) true
#endif

/// Says on standard error which rule of memory was broken, and ends the process.
_Noreturn PRINTF_LIKE(1, 2) void debug_fail(const char *format, ...);

#endif
