// SPDX-License-Identifier: MIT
// attr.h - the attributes that carry contracts in this tree.
#ifndef ALLOC_ATTR_H
#define ALLOC_ATTR_H

/// Stands before every function that the audio callback may reach: bounded time, no lock, no allocation,
/// no system call. Compilers that know function effects check it; elsewhere it can be searched for.
#if defined(__clang__) && defined(__has_attribute)
#if __has_attribute(nonblocking)
#define RT_SAFE __attribute__((nonblocking))
#endif
#endif
#ifndef RT_SAFE
#define RT_SAFE
#endif

#define NODISCARD               __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, args) __attribute__((format(printf, text, args)))

/// Bytes of a cache line; what two threads write lies on different ones.
#define CACHE_LINE 64

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
