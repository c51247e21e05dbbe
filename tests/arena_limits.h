// SPDX-License-Identifier: MIT
// arena_limits.h - what every init that takes an allocator is put through: memory of every size that is too
// small, and each of its requests refused.
#ifndef TESTS_ARENA_LIMITS_H
#define TESTS_ARENA_LIMITS_H
#include "alloc/adaptors.h"
#include "alloc/arena.h"
#include "tests/check.h"

/// An init under test and its end. `fini` may be NULL; it is called after failures too.
struct arena_user {
    enum status (*init)(void *object, struct allocator *a);
    void (*fini)(void *object);
    void *object;
};

static inline void init_and_fini(const struct arena_user *u, struct allocator *a, enum status expected)
{
    assert_int_equal(u->init(u->object, a), expected);
    if (expected) assert_true(a->n_refused > 0);
    if (u->fini) u->fini(u->object);
}

/// Runs the init once in a fresh arena of `size` bytes. Returns what it used.
static inline size_t init_in_arena(const struct arena_user *u, size_t size, enum status expected)
{
    struct arena a;
    assert_int_equal(arena_init(&a, (size_t)1 << 30), STATUS_OK);
    size_t reserved = a.size_bytes;
    a.size_bytes = size < reserved ? size : reserved;
    init_and_fini(u, arena_allocator(&a), expected);
    size_t used = a.used_bytes;
    a.size_bytes = reserved;
    arena_fini(&a);
    return used;
}

/// Runs the init once with its i-th request refused. Returns how many it made.
static inline uint64_t init_with_refusal(const struct arena_user *u, uint64_t i, enum status expected)
{
    struct arena a;
    struct failing f;
    assert_int_equal(arena_init(&a, (size_t)1 << 30), STATUS_OK);
    init_and_fini(u, failing_allocator(&f, arena_allocator(&a), i, false), expected);
    arena_fini(&a);
    return f.n_seen;
}

/// The init fails cleanly in every arena that is too small, in steps of at least a cache line; in one that
/// just suffices it succeeds. It also fails cleanly whichever of its requests is refused.
static inline void check_arena_sizes(const struct arena_user *u)
{
    size_t needed = init_in_arena(u, SIZE_MAX, STATUS_OK);
    size_t step = needed / 256 / CACHE_LINE * CACHE_LINE + CACHE_LINE;
    for (size_t size = 0; size < needed; size += step)
        init_in_arena(u, size, STATUS_NO_MEMORY);
    init_in_arena(u, needed - 1, STATUS_NO_MEMORY);
    init_in_arena(u, needed, STATUS_OK);

    uint64_t n_requests = init_with_refusal(u, UINT64_MAX, STATUS_OK);
    assert_true(n_requests > 0);
    for (uint64_t i = 0; i < n_requests; i++)
        init_with_refusal(u, i, STATUS_NO_MEMORY);
}

#endif
