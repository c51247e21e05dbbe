// SPDX-License-Identifier: MIT
// pattern.c - address patterns of OSC 1.0 and 1.1: ? * [a-z] [!a-z] {one,two} and //.
#include "engine/osc/pattern.h"

#include <stdint.h>
#include <string.h>

bool pattern_is(const char *path)
{
    return path[strcspn(path, "?*[{")] != 0 || strstr(path, "//");
}

// ---- form ----

/// The characters that patterns are made of, beside '/'.
static bool is_special(char c)
{
    return c != 0 && strchr("?*[]{},", c);
}

/// Moves `*p` from '[' to its ']'.
static const char *check_set(const char **p)
{
    const char *first = *p + 1 + ((*p)[1] == '!');
    const char *end = strpbrk(first, "]/");
    if (!end || *end == '/') return "a [ of a path pattern has no ]";
    if (end == first) return "a [] of a path pattern is empty";
    *p = end;
    return NULL;
}

/// Moves `*p` from '{' to its '}'.
static const char *check_words(const char **p)
{
    const char *end = *p + 1;
    while (*end == ',' || (*end != '/' && *end && !is_special(*end)))
        end++;
    if (*end == 0 || *end == '/') return "a { of a path pattern has no }";
    if (*end != '}') return "a {} of a path pattern may hold words and commas alone";
    *p = end;
    return NULL;
}

const char *pattern_check(const char *pattern)
{
    if (strnlen(pattern, PATTERN_BYTES) == PATTERN_BYTES) return "a path pattern is longer than 255 bytes";
    for (const char *p = pattern; *p; p++) {
        const char *problem = NULL;
        if (*p == '[')
            problem = check_set(&p);
        else if (*p == '{')
            problem = check_words(&p);
        else if (strchr("]},", *p))
            problem = "a ] } or , of a path pattern has no [ or { before it";
        else if (strncmp(p, "///", 3) == 0)
            problem = "a path pattern has more than two / in a row";
        if (problem) return problem;
    }
    return NULL;
}

// ---- matching ----

/// Places in the pattern that the path so far can have led to. One sweep over them from left to right is
/// enough for a character, as what a place leads to without one (the end of a '*', the words of a '{') lies
/// to its right.
struct places {
    uint64_t bits[PATTERN_BYTES / 64];
};

static void add(struct places *s, size_t at)
{
    s->bits[at / 64] |= UINT64_C(1) << at % 64;
}

static bool has(const struct places *s, size_t at)
{
    return s->bits[at / 64] >> at % 64 & 1;
}

/// The first place at or behind `at`; PATTERN_BYTES when there is none.
static size_t next_place(const struct places *s, size_t at)
{
    for (; at < PATTERN_BYTES; at = (at / 64 + 1) * 64) {
        uint64_t bits = s->bits[at / 64] >> at % 64;
        if (bits) return at + (size_t)__builtin_ctzll(bits);
    }
    return PATTERN_BYTES;
}

/// The second '/' of "//", which stands for any number of path parts, each with its '/'.
static bool is_deep(const char *pattern, size_t at)
{
    return at > 0 && pattern[at] == '/' && pattern[at - 1] == '/';
}

static void arrive(struct places *s, const char *pattern, size_t at)
{
    add(s, at);
    if (is_deep(pattern, at)) add(s, at + 1);
}

/// `set` begins with '['.
static bool set_has(const char *set, char c)
{
    bool is_not = set[1] == '!', found = false;
    for (set += 1 + is_not; *set != ']'; set++) {
        char from = *set, to = from;
        if (set[1] == '-' && set[2] != ']') to = *(set += 2);
        found |= c >= from && c <= to;
    }
    return found != is_not;
}

/// Adds the beginning of each word of the '{' at `at`.
static void add_words(struct places *s, const char *pattern, size_t at)
{
    for (; pattern[at] != '}'; at++)
        if (pattern[at] == '{' || pattern[at] == ',') add(s, at + 1);
}

/// Where place `at` leads to with character `c` of the path.
static void step(const char *pattern, size_t at, char c, struct places *next)
{
    bool is_part = c != '/';
    switch (pattern[at]) {
    case '*':
        if (is_part) add(next, at);
        break;
    case '?':
        if (is_part) arrive(next, pattern, at + 1);
        break;
    case '[':
        if (is_part && set_has(pattern + at, c)) arrive(next, pattern, at + strcspn(pattern + at, "]") + 1);
        break;
    case '/':
        if (is_deep(pattern, at)) {
            add(next, at);
            if (!is_part) add(next, at + 1);
        } else if (!is_part) {
            arrive(next, pattern, at + 1);
        }
        break;
    default:
        if (pattern[at] == c) arrive(next, pattern, at + 1);
    }
}

/// All places that `now` leads to with `c`; completes `now` by what it leads to without.
static void sweep(const char *pattern, struct places *now, char c, struct places *next)
{
    size_t words_end = 0; // of the {} that the sweep is in
    for (size_t at = next_place(now, 0); at < PATTERN_BYTES; at = next_place(now, at + 1)) {
        switch (pattern[at]) {
        case 0: break;
        case '{': add_words(now, pattern, at); break;
        case ',':
        case '}':
            if (at >= words_end) words_end = at + strcspn(pattern + at, "}") + 1;
            add(now, words_end);
            break;
        default:
            if (pattern[at] == '*') add(now, at + 1);
            step(pattern, at, c, next);
        }
    }
}

bool pattern_matches(const char *pattern, const char *path)
{
    size_t n = strlen(pattern);
    struct places now = {{1}};
    for (; *path; path++) {
        struct places next = {{0}};
        sweep(pattern, &now, *path, &next);
        if (next_place(&next, 0) == PATTERN_BYTES) return false;
        now = next;
    }
    struct places none = {{0}};
    sweep(pattern, &now, 0, &none);
    return has(&now, n) || (n > 0 && is_deep(pattern, n - 1) && has(&now, n - 1));
}
