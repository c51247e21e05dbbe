// SPDX-License-Identifier: MIT
// arena_limits.h - what every init that takes an arena is put through: arenas of every size that is too
// small.
#ifndef TESTS_ARENA_LIMITS_H
#define TESTS_ARENA_LIMITS_H
#include "alloc/arena.h"
#include "tests/check.h"

/// An init under test and its end. `fini` may be NULL; it is called after failures too.
struct arena_user {
    enum status (*init)(void *object, struct arena *a);
    void (*fini)(void *object);
    void *object;
};

/// Runs the init once in a fresh arena of `size` bytes. Returns what it used.
static inline size_t init_in_arena(const struct arena_user *u, size_t size, bool sealed, enum status expected)
{
    struct arena a;
    assert_int_equal(arena_init(&a, (size_t)1 << 30), STATUS_OK);
    size_t reserved = a.size_bytes;
    a.size_bytes = size < reserved ? size : reserved;
    a.sealed = sealed;
    assert_int_equal(u->init(u->object, &a), expected);
    if (expected) assert_true(a.refused_bytes > 0);
    if (u->fini) u->fini(u->object);
    size_t used = a.used_bytes;
    a.size_bytes = reserved;
    arena_fini(&a);
    return used;
}

/// The init fails cleanly in every arena that is too small, in steps of at least a cache line, and in a
/// sealed one; in one that just suffices it succeeds.
static inline void check_arena_sizes(const struct arena_user *u)
{
    size_t needed = init_in_arena(u, SIZE_MAX, false, STATUS_OK);
    size_t step = needed / 256 / CACHE_LINE * CACHE_LINE + CACHE_LINE;
    for (size_t size = 0; size < needed; size += step)
        init_in_arena(u, size, false, STATUS_NO_MEMORY);
    init_in_arena(u, needed - 1, false, STATUS_NO_MEMORY);
    init_in_arena(u, needed, false, STATUS_OK);
    init_in_arena(u, SIZE_MAX, true, STATUS_NO_MEMORY);
}

#endif
