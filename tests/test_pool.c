// SPDX-License-Identifier: MIT
// test_pool.c - pools of one thread: fixed blocks, handles, and the general set of three sizes.
#include <string.h>

#include "alloc/pools.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/child.h"
#include "tests/random.h"

struct item {
    uint64_t value, more[4];
};

// ---- one size ----

static void test_fills_and_empties(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pool p;
    pool_handle handles[10], none;
    struct item *items[10];
    assert_int_equal(POOL_INIT(&p, &libc, struct item, 10), STATUS_OK);
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 10; i++) {
            items[i] = POOL_ALLOC(&p, struct item, &handles[i]);
            assert_non_null(items[i]);
            assert_int_not_equal(handles[i], POOL_NONE);
            *items[i] = (struct item){i, {i, i, i, i}};
            assert_int_equal(pool_n_used(&p), i + 1);
        }
        assert_null(pool_alloc(&p, &none)); // one more than full
        assert_int_equal(none, POOL_NONE);
        assert_null(pool_alloc(&p, NULL));
        for (uint64_t i = 0; i < 10; i++) {
            assert_ptr_equal(POOL_GET(&p, struct item, handles[i]), items[i]);
            assert_int_equal(items[i]->value, i);
            assert_int_equal(pool_handle_of(&p, items[i]), handles[i]);
            assert_true(pool_free(&p, handles[i]));
            assert_true(pool_is_whole(&p));
        }
        assert_int_equal(pool_n_used(&p), 0);
    }
    assert_int_equal(pool_n_high(&p), 10);
    assert_int_equal(p.n_refused, 6);
    assert_int_equal(p.n_stale, 0);
    pool_fini(&p, &libc);
    pool_fini(&p, &libc); // a zeroed one
    assert_null(pool_alloc(&p, NULL));
}

static void test_notices_what_is_gone(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pool p;
    pool_handle first, second, other;
    assert_int_equal(POOL_INIT(&p, &libc, struct item, 2), STATUS_OK);
    struct item *block = pool_alloc(&p, &first);
    assert_true(pool_free(&p, first));
    assert_null(pool_get(&p, first));
    assert_false(pool_free(&p, first));               // twice
    assert_ptr_equal(pool_alloc(&p, &second), block); // the same block, used again
    assert_int_not_equal(first, second);
    assert_null(pool_get(&p, first));
    assert_false(pool_free(&p, first)); // does not take it from its new owner
    assert_ptr_equal(pool_get(&p, second), block);
    assert_non_null(pool_alloc(&p, &other));

    assert_null(pool_get(&p, POOL_NONE));
    assert_false(pool_free(&p, POOL_NONE));
    assert_null(pool_get(&p, second + 2));                      // no such block
    assert_null(pool_get(&p, second + ((pool_handle)2 << 32))); // a generation that will be
    assert_int_equal(pool_handle_of(&p, &p), POOL_NONE);
    assert_int_equal(pool_handle_of(&p, NULL), POOL_NONE);
    assert_int_equal(pool_handle_of(&p, (char *)block + 8), POOL_NONE); // inside of a block
    assert_int_equal(pool_handle_of(&p, block + 2), POOL_NONE);         // behind the last one
    assert_int_equal(p.n_stale, 3);
    assert_int_equal(pool_n_used(&p), 2);
    pool_fini(&p, &libc);
}

/// The generation comes around to where it began.
static void test_generations_wrap(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pool p;
    pool_handle h;
    assert_int_equal(pool_init(&p, &libc, 1, 8), STATUS_OK);
    p.generations[0] = UINT32_MAX - 1; // free
    assert_non_null(pool_alloc(&p, &h));
    assert_int_equal(h >> 32, UINT32_MAX);
    assert_true(pool_free(&p, h));
    assert_non_null(pool_alloc(&p, &h));
    assert_int_equal(h >> 32, 1);
    assert_true(pool_free(&p, h));
    pool_fini(&p, &libc);
}

static void test_random_use_keeps_blocks_apart(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pool p;
    static struct {
        pool_handle handle;
        uint64_t value;
    } live[100];
    uint32_t n_live = 0;
    uint64_t seed = 5;
    assert_int_equal(POOL_INIT(&p, &libc, struct item, 100), STATUS_OK);
    for (uint64_t i = 0; i < 200000; i++) {
        if (n_live < 100 && random_below(&seed, 2)) {
            struct item *item = pool_alloc(&p, &live[n_live].handle);
            assert_non_null(item);
            live[n_live++].value = item->value = item->more[3] = i;
        } else if (n_live > 0) {
            uint32_t k = random_below(&seed, n_live);
            struct item *item = pool_get(&p, live[k].handle);
            assert_non_null(item);
            assert_int_equal(item->value, live[k].value);
            assert_int_equal(item->more[3], live[k].value);
            assert_true(pool_free(&p, live[k].handle));
            live[k] = live[--n_live];
        }
    }
    assert_int_equal(pool_n_used(&p), n_live);
    assert_true(pool_is_whole(&p));
    pool_fini(&p, &libc);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pool p;
    assert_int_equal(pool_init(&p, &libc, 0, 8), STATUS_BAD_ARGUMENT);
    assert_int_equal(pool_init(&p, &libc, (1u << 24) + 1, 8), STATUS_BAD_ARGUMENT);
    assert_int_equal(pool_init(&p, &libc, 1, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(pool_init(&p, &libc, 1, (1u << 30) + 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(pool_init(&p, &libc, 3, 1), STATUS_OK);
    assert_int_equal(p.block_bytes, 8);
    pool_fini(&p, &libc);
}

static void use_after_free(void *ctx)
{
    struct pool *p = ctx;
    pool_handle h;
    struct item *item = pool_alloc(p, &h);
    pool_free(p, h);
    *(volatile uint64_t *)&item->more[2] = 1;
    (void)pool_alloc(p, &h);
}

static void free_twice(void *ctx)
{
    struct allocator *a = pool_allocator(ctx);
    struct item *item = make(struct item, 1, a);
    unmake(item, 1, a);
    unmake(item, 1, a);
}

static void free_foreign(void *ctx)
{
    struct item item;
    unmake(&item, 1, pool_allocator(ctx));
}

static void test_mistakes_are_found(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pool p;
    assert_int_equal(pool_init(&p, &libc, 4, 64), STATUS_OK);
    if (MEMORY_ASAN || (CHIMED_MEMORY_GUARDS && HAS_ASSERT))
        check_dies(use_after_free, &p, MEMORY_ASAN ? "use-after-poison" : "untouched");
    if (CHIMED_MEMORY_GUARDS) {
        check_dies(free_twice, &p, "is no block in use");
        check_dies(free_foreign, &p, "is no block in use");
    } else {
        free_twice(&p);
        free_foreign(&p);
        assert_int_equal(p.n_stale, 2);
    }
    pool_fini(&p, &libc);
}

// ---- as allocators ----

static void test_is_an_allocator(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pool p;
    assert_int_equal(pool_init(&p, &libc, 2, 64), STATUS_OK);
    struct allocator *a = pool_allocator(&p);
    uint8_t *x = make(uint8_t, 64, a), *y = make(uint8_t, 1, a);
    assert_non_null(x);
    assert_non_null(y);
    assert_null(make(uint8_t, 1, a));
    memset(x, 0xff, 64);
    unmake(x, 64, a);
    assert_null(make(uint8_t, 65, a));
    x = make(uint8_t, 64, a);
    for (int i = 0; i < 64; i++)
        assert_int_equal(x[i], 0); // again
    unmake(x, 64, a);
    unmake(y, 1, a);
    assert_int_equal(a->n_refused, 2);
    assert_int_equal(p.n_refused, 2);
    pool_fini(&p, &libc);

    assert_int_equal(pool_init(&p, &libc, 2, 24), STATUS_OK);
    a = pool_allocator(&p);
    assert_null(make(uint8_t, 8, a)); // a cache line is not to be had in blocks of 24
    assert_non_null(allocator_make(a, 1, 8, 8, NULL));
    pool_fini(&p, &libc);
}

static void test_three_sizes(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pools p;
    assert_int_equal(pools_init(&p, &libc, (const uint32_t[]){2, 1, 1}), STATUS_OK);
    struct allocator *a = pools_allocator(&p);
    uint8_t *small = make(uint8_t, 64, a), *medium = make(uint8_t, 65, a), *large = make(uint8_t, 1024, a);
    assert_non_null(small);
    assert_non_null(medium);
    assert_non_null(large);
    assert_int_equal(pool_n_used(&p.pools[POOLS_SMALL]), 1);
    assert_int_equal(pool_n_used(&p.pools[POOLS_MEDIUM]), 1);
    assert_int_equal(pool_n_used(&p.pools[POOLS_LARGE]), 1);
    assert_null(make(uint8_t, 200, a)); // all in use, and nothing larger
    assert_null(make(uint8_t, 1025, a));
    assert_int_equal(p.n_refused, 2);
    assert_int_equal(p.n_moved_up, 0);
    unmake(large, 1024, a);
    uint8_t *moved = make(uint8_t, 200, a);
    assert_ptr_equal(moved, large);
    assert_int_equal(p.n_moved_up, 1);
    unmake(moved, 200, a);
    unmake(medium, 65, a);
    unmake(small, 64, a);
    for (int i = 0; i < POOLS_SIZES; i++)
        assert_int_equal(pool_n_used(&p.pools[i]), 0);
    assert_int_equal(p.n_foreign, 0);
    pools_fini(&p, &libc);
    pools_fini(&p, &libc);
}

static void pools_free_twice(void *ctx)
{
    struct allocator *a = pools_allocator(ctx);
    uint8_t *p = make(uint8_t, 100, a);
    unmake(p, 100, a);
    unmake(p, 100, a);
}

static void test_three_sizes_and_a_mistake(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pools p;
    assert_int_equal(pools_init(&p, &libc, (const uint32_t[]){0, 2, 0}), STATUS_OK);
    if (CHIMED_MEMORY_GUARDS) {
        check_dies(pools_free_twice, &p, "is no block in use");
    } else {
        pools_free_twice(&p);
        assert_int_equal(p.n_foreign, 1);
    }
    assert_non_null(make(uint8_t, 1, pools_allocator(&p)));
    pools_fini(&p, &libc);
}

static enum status init_pool(void *object, struct allocator *a)
{
    return pool_init(object, a, 100, 40);
}

static enum status init_pools(void *object, struct allocator *a)
{
    return pools_init(object, a, (const uint32_t[]){10, 10, 10});
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct pool pool;
    struct pools pools;
    check_arena_sizes(&(struct arena_user){init_pool, NULL, &pool});
    check_arena_sizes(&(struct arena_user){init_pools, NULL, &pools});
}

/// What was made before the refusal is given back.
static void test_refusals_leak_nothing(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    for (uint64_t i = 0; i < 6; i++) {
        struct failing f;
        struct counting c;
        struct pools p;
        struct allocator *a = failing_allocator(&f, counting_allocator(&c, &libc), i, false);
        assert_int_equal(pools_init(&p, a, (const uint32_t[]){10, 10, 10}), STATUS_NO_MEMORY);
        assert_int_equal(c.live_bytes, 0);
        assert_int_equal(c.n_made, c.n_freed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_and_empties),
        cmocka_unit_test(test_notices_what_is_gone),
        cmocka_unit_test(test_generations_wrap),
        cmocka_unit_test(test_random_use_keeps_blocks_apart),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_mistakes_are_found),
        cmocka_unit_test(test_is_an_allocator),
        cmocka_unit_test(test_three_sizes),
        cmocka_unit_test(test_three_sizes_and_a_mistake),
        cmocka_unit_test(test_small_arenas),
        cmocka_unit_test(test_refusals_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
