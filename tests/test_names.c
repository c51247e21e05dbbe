// SPDX-License-Identifier: MIT
// test_names.c - the hash table of names.
#include <stdio.h>
#include <string.h>

#include "engine/names.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/random.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    return (int)arena_init(&arena, 1 << 24);
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static bool holds(const struct names *n, uint32_t hash, uint32_t record)
{
    for (uint32_t i = names_first(n, hash); i != NAMES_NONE; i = names_next(n, i))
        if (i == record) return true;
    return false;
}

static void test_empty(void **state)
{
    (void)state;
    struct names n;
    assert_int_equal(names_init(&n, arena_allocator(&arena), 1), STATUS_OK);
    for (uint32_t hash = 0; hash < 1000; hash++)
        assert_int_equal(names_first(&n, hash), NAMES_NONE);
}

static void test_full_and_empty_again(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 15, 16, 17, 1000};
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        struct names n;
        assert_int_equal(names_init(&n, arena_allocator(&arena), sizes[k]), STATUS_OK);
        for (uint32_t i = 0; i < sizes[k]; i++)
            names_insert(&n, names_hash_int(i), i);
        for (uint32_t i = 0; i < sizes[k]; i++)
            assert_int_equal(names_first(&n, names_hash_int(i)), i);
        assert_int_equal(names_first(&n, names_hash_int(sizes[k])), NAMES_NONE);
        for (uint32_t i = 0; i < sizes[k]; i++) {
            names_remove(&n, i);
            assert_int_equal(names_first(&n, names_hash_int(i)), NAMES_NONE);
        }
    }
}

/// Records of one hash, and of one bucket: newest first, and any of them may go.
static void test_collisions(void **state)
{
    (void)state;
    struct names n;
    assert_int_equal(names_init(&n, arena_allocator(&arena), 16), STATUS_OK);
    for (uint32_t i = 0; i < 16; i++)
        names_insert(&n, i % 2 ? 7 : 7 + 16, i);
    uint32_t expected = 15;
    for (uint32_t i = names_first(&n, 7); i != NAMES_NONE; i = names_next(&n, i), expected -= 2)
        assert_int_equal(i, expected);
    assert_int_equal(expected, UINT32_MAX);
    static const uint32_t order[] = {15, 1, 7, 0, 14, 8};
    for (size_t k = 0; k < COUNT_OF(order); k++) {
        names_remove(&n, order[k]);
        for (uint32_t i = 0; i < 16; i++) {
            bool gone = false;
            for (size_t g = 0; g <= k; g++)
                gone |= order[g] == i;
            assert_int_equal(holds(&n, i % 2 ? 7 : 23, i), !gone);
        }
    }
}

static void test_hashes_spread(void **state)
{
    (void)state;
    uint32_t by_number[256] = {0}, by_name[256] = {0};
    for (uint32_t i = 0; i < 25600; i++) {
        char name[32];
        snprintf(name, sizeof name, "/sounds/door-%u.wav", i);
        by_number[names_hash_int(i) % 256]++;
        by_name[names_hash_text(name) % 256]++;
    }
    for (int i = 0; i < 256; i++) { // 100 each, give or take six standard deviations
        assert_in_range(by_number[i], 40, 160);
        assert_in_range(by_name[i], 40, 160);
    }
    assert_int_not_equal(names_hash_text("ab"), names_hash_text("ba"));
    assert_int_equal(names_hash_text("\xff"), names_hash_text("\xff"));
}

// ---- set-up ----

static enum status init_names(void *object, struct allocator *a)
{
    return names_init(object, a, 1000);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct names n;
    check_arena_sizes(&(struct arena_user){init_names, NULL, &n});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_empty),         TEST(test_full_and_empty_again), TEST(test_collisions),
        TEST(test_hashes_spread), TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
