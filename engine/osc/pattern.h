// SPDX-License-Identifier: MIT
// pattern.h - address patterns of OSC 1.0 and 1.1: ? * [a-z] [!a-z] {one,two} and //.
//
// The matcher's time is linear in the length of the path times the length of the pattern: it keeps the set of
// places in the pattern that the path so far can have led to, and never goes back (K. Thompson, "Regular
// Expression Search Algorithm", CACM 11(6), 1968).
#ifndef ENGINE_OSC_PATTERN_H
#define ENGINE_OSC_PATTERN_H
#include <stdbool.h>

#include "alloc/attr.h"

/// Longest pattern, with its closing 0.
#define PATTERN_BYTES 256

/// True when a path has any of the characters that patterns have.
bool pattern_is(const char *path);

/// NULL when a pattern is well formed; else a sentence that says what is not.
NODISCARD const char *pattern_check(const char *pattern);

/// True when the pattern, which is well formed, matches the whole path. ? * [] {} do not match a '/'; //
/// matches any number of path parts.
bool pattern_matches(const char *pattern, const char *path);

#endif
