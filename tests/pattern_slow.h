// SPDX-License-Identifier: MIT
// pattern_slow.h - what an address pattern matches, by trying everything: slow, and too simple to be wrong.
#ifndef TESTS_PATTERN_SLOW_H
#define TESTS_PATTERN_SLOW_H
#include <stdbool.h>
#include <string.h>

/// The pattern has passed pattern_check(). Takes time that is exponential in its stars.
static inline bool slow_matches(const char *p, const char *s);

static inline bool slow_set(const char *p, const char *s)
{
    bool is_not = p[1] == '!', found = false;
    if (*s == 0 || *s == '/') return false;
    for (p += 1 + is_not; *p != ']'; p++) {
        if (p[1] == '-' && p[2] != ']') {
            found |= *s >= p[0] && *s <= p[2];
            p += 2;
        } else {
            found |= *s == *p;
        }
    }
    return found != is_not && slow_matches(p + 1, s + 1);
}

static inline bool slow_words(const char *p, const char *s)
{
    const char *rest = strchr(p, '}') + 1;
    while (*p != '}') {
        size_t n = strcspn(++p, ",}");
        if (strncmp(p, s, n) == 0 && slow_matches(rest, s + n)) return true;
        p += n;
    }
    return false;
}

static inline bool slow_deep(const char *p, const char *s)
{
    if (*s != '/') return false;
    if (p[2] == 0) return true;
    for (; *s; s++)
        if (*s == '/' && slow_matches(p + 2, s + 1)) return true;
    return false;
}

static inline bool slow_matches(const char *p, const char *s)
{
    switch (*p) {
    case 0: return *s == 0;
    case '?': return *s && *s != '/' && slow_matches(p + 1, s + 1);
    case '*': return slow_matches(p + 1, s) || (*s && *s != '/' && slow_matches(p, s + 1));
    case '[': return slow_set(p, s);
    case '{': return slow_words(p, s);
    case '/':
        if (p[1] == '/') return slow_deep(p, s);
        break;
    default: break;
    }
    return *p == *s && slow_matches(p + 1, s + 1);
}

#endif
