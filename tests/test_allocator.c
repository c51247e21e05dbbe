// SPDX-License-Identifier: MIT
// test_allocator.c - sizes, the C library as an allocator, and those that stand before another one.
#include <pthread.h>
#include <string.h>

#include "alloc/adaptors.h"
#include "alloc/allocator.h"
#include "alloc/arena.h"
#include "tests/check.h"
#include "tests/child.h"

// ---- sizes ----

static void test_sizes_are_checked(void **state)
{
    (void)state;
    size_t r;
    assert_true(size_add(SIZE_MAX - 1, 1, &r));
    assert_int_equal(r, SIZE_MAX);
    assert_false(size_add(SIZE_MAX, 1, &r));
    assert_int_equal(r, SIZE_MAX);
    assert_true(size_multiply(SIZE_MAX / 2, 2, &r));
    assert_int_equal(r, SIZE_MAX - 1);
    assert_false(size_multiply(SIZE_MAX / 2 + 1, 2, &r));
    assert_int_equal(r, SIZE_MAX);
    assert_true(size_align(0, 64, &r) && r == 0);
    assert_true(size_align(1, 64, &r) && r == 64);
    assert_true(size_align(64, 64, &r) && r == 64);
    assert_true(size_align(65, 64, &r) && r == 128);
    assert_true(size_align(SIZE_MAX - 63, 64, &r));
    assert_int_equal(r, SIZE_MAX - 63);
    assert_false(size_align(SIZE_MAX - 62, 64, &r));
}

// ---- libc ----

static void test_libc_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct allocator a = libc_allocator();
    for (size_t n = 0; n < 300; n++) {
        uint8_t *p = make(uint8_t, n, &a);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % CACHE_LINE, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n); // the next one may get the same memory
        unmake(p, n, &a);
    }
    unmake((int *)NULL, 10, &a);
    assert_int_equal(a.n_refused, 0);
}

static void test_libc_refuses_what_no_machine_has(void **state)
{
    (void)state;
    struct allocator a = libc_allocator();
    uint64_t n_before = a.n_refused;
    assert_null(make(uint64_t, SIZE_MAX / 4, &a)); // overflows
    assert_null(make(uint8_t, SIZE_MAX, &a));
    assert_int_equal(a.n_refused, 2);
    assert_true(allocator_refused(&a, n_before));
    assert_false(allocator_refused(&a, a.n_refused));
}

// ---- one at a time ----

#define N_THREADS 4
#define N_ROUNDS  5000

static void *use_locked(void *ctx)
{
    struct allocator a = locked_allocator(ctx);
    for (uint32_t i = 0; i < N_ROUNDS; i++) {
        size_t n = 1 + i % 37;
        uint32_t *p = make(uint32_t, n, &a);
        for (size_t k = 0; k < n; k++)
            p[k] = i;
        unmake(p, n, &a);
    }
    return (void *)(uintptr_t)a.n_refused;
}

static void test_threads_share_one(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct counting counting; // counts without atomics: only the lock keeps it right
    struct locked locked;
    locked_init(&locked, counting_allocator(&counting, &libc));
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_locked, &locked), 0);
    for (int i = 0; i < N_THREADS; i++) {
        void *n_refused;
        pthread_join(threads[i], &n_refused);
        assert_null(n_refused);
    }
    assert_int_equal(counting.n_made, N_THREADS * N_ROUNDS);
    assert_int_equal(counting.n_freed, N_THREADS * N_ROUNDS);
    assert_int_equal(counting.live_bytes, 0);
    locked_fini(&locked);
    locked_fini(&locked); // a zeroed one
}

// ---- never NULL ----

static void ask_for_too_much(void *ctx)
{
    (void)make(uint8_t, 5000, (struct allocator *)ctx);
}

static void test_insists(void **state)
{
    (void)state;
    struct arena arena;
    struct insisting insisting;
    assert_int_equal(arena_init(&arena, 4096), STATUS_OK);
    struct allocator *a = insisting_allocator(&insisting, arena_allocator(&arena), "mixer");
    allocator_tag(a, "meters");
    assert_non_null(make(uint8_t, 100, a));
    assert_string_equal(arena.tags[0].name, "meters");
    unmake(arena.base, 100, a);
    check_dies(ask_for_too_much, a, "chimed: no memory: mixer, meters asked for 5000 bytes");
    if (CHIMED_MEMORY_TRACKING) check_dies(ask_for_too_much, a, " at tests/test_allocator.c:");
    arena_fini(&arena);
}

// ---- refuses one ----

static void test_refuses_the_ith(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct failing f;
    for (uint64_t i = 0; i < 5; i++) {
        for (int and_later = 0; and_later < 2; and_later++) {
            struct allocator *a = failing_allocator(&f, &libc, i, and_later);
            for (uint64_t k = 0; k < 5; k++) {
                int *p = make(int, 3, a);
                bool refused = k == i || (k > i && and_later);
                assert_true(refused == (p == NULL));
                unmake(p, 3, a);
            }
            assert_int_equal(a->n_refused, and_later ? 5 - i : 1);
            assert_int_equal(f.n_seen, 5);
        }
    }
    assert_int_equal(libc.n_refused, 0);
}

// ---- counts ----

static void test_counts(void **state)
{
    (void)state;
    struct arena arena;
    struct counting c;
    assert_int_equal(arena_init(&arena, 4096), STATUS_OK);
    struct allocator *a = counting_allocator(&c, arena_allocator(&arena));
    allocator_tag(a, "x");
    assert_int_equal(arena.n_tags, 1);
    uint8_t *p = make(uint8_t, 1000, a), *q = make(uint8_t, 500, a);
    assert_non_null(p);
    unmake(p, 1000, a);
    assert_int_equal(c.live_bytes, 500);
    unmake(q, 500, a);
    assert_null(make(uint8_t, 4000, a));
    assert_int_equal(c.n_made, 2);
    assert_int_equal(c.n_freed, 2);
    assert_int_equal(c.n_refused, 1);
    assert_int_equal(c.live_bytes, 0);
    assert_int_equal(c.high_bytes, 1500);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_checked),
        cmocka_unit_test(test_libc_is_zeroed_and_aligned),
        cmocka_unit_test(test_libc_refuses_what_no_machine_has),
        cmocka_unit_test(test_threads_share_one),
        cmocka_unit_test(test_insists),
        cmocka_unit_test(test_refuses_the_ith),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
