// SPDX-License-Identifier: MIT
// test_vec.c - what grows on an allocator: arrays and strings.
#include <string.h>

#include "alloc/adaptors.h"
#include "alloc/arena.h"
#include "alloc/pools.h"
#include "alloc/strbuf.h"
#include "alloc/vec.h"
#include "tests/check.h"

static void test_grows(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct counting c;
    VEC(uint32_t) numbers = VEC_ON(counting_allocator(&c, &libc));
    for (uint32_t i = 0; i < 10000; i++) {
        assert_true(VEC_PUSH(&numbers, i * 3));
        assert_true(numbers.v.n <= numbers.v.capacity);
    }
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(numbers.items[i], i * 3);
    assert_true(c.n_made < 14); // doubling
    assert_int_equal(VEC_POP(&numbers), 9999 * 3);
    assert_int_equal(numbers.v.n, 9999);
    VEC_FINI(&numbers);
    assert_int_equal(c.live_bytes, 0);
    assert_true(VEC_PUSH(&numbers, 1)); // and may be used again
    VEC_FINI(&numbers);
    VEC_FINI(&numbers);
    assert_int_equal(c.n_made, c.n_freed);
}

static void test_takes_out(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    VEC(int) v = VEC_ON(&libc);
    for (int i = 0; i < 5; i++)
        assert_true(VEC_PUSH(&v, i));
    VEC_REMOVE(&v, 1);
    assert_int_equal(v.items[1], 2);
    VEC_REMOVE(&v, 3); // the last one
    assert_int_equal(v.v.n, 3);
    VEC_REMOVE_SWAP(&v, 0);
    assert_int_equal(v.items[0], 3);
    assert_int_equal(v.items[1], 2);
    VEC_REMOVE_SWAP(&v, 1);
    VEC_REMOVE(&v, 0);
    assert_int_equal(v.v.n, 0);
    VEC_FINI(&v);
}

/// A refused growth changes nothing.
static void test_stays_when_refused(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    for (uint64_t i = 0; i < 4; i++) {
        struct failing f;
        VEC(uint64_t) v = VEC_ON(failing_allocator(&f, &libc, i, true));
        uint64_t n = 0;
        while (VEC_PUSH(&v, n))
            n++;
        assert_int_equal(v.v.n, n);
        assert_int_equal(n, i == 0 ? 0 : 8u << (i - 1));
        for (uint64_t k = 0; k < n; k++)
            assert_int_equal(v.items[k], k);
        assert_false(VEC_RESERVE(&v, SIZE_MAX / 2));
        VEC_FINI(&v);
    }
}

/// On pools it grows from size to size and ends at the largest.
static void test_on_pools(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct pools p;
    assert_int_equal(pools_init(&p, &libc, (const uint32_t[]){2, 2, 2}), STATUS_OK);
    VEC(uint64_t) v = VEC_ON(pools_allocator(&p));
    while (VEC_PUSH(&v, 7)) {
    }
    assert_int_equal(v.v.n, POOLS_LARGE_BYTES / sizeof(uint64_t));
    VEC_FINI(&v);
    for (int i = 0; i < POOLS_SIZES; i++)
        assert_int_equal(pool_n_used(&p.pools[i]), 0);
    pools_fini(&p, &libc);
}

// ---- strings ----

static void test_strings_grow(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct counting c;
    struct strbuf s = strbuf_on(counting_allocator(&c, &libc));
    assert_string_equal(s.text, "");
    strbuf_clear(&s);
    assert_int_equal(c.n_made, 0);
    for (int i = 0; i < 1000; i++)
        strbuf_format(&s, "%d,", i);
    assert_int_equal(s.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(strlen(s.text), s.length);
    assert_int_equal(strncmp(s.text, "0,1,2,", 6), 0);
    assert_string_equal(s.text + s.length - 4, "999,");
    assert_false(s.cut);
    strbuf_clear(&s);
    assert_string_equal(s.text, "");
    strbuf_append(&s, "again");
    assert_string_equal(s.text, "again");
    strbuf_fini(&s);
    assert_string_equal(s.text, "");
    assert_int_equal(c.live_bytes, 0);
    strbuf_append(&s, ""); // takes memory, for the closing 0 only
    assert_string_equal(s.text, "");
    strbuf_fini(&s);
    strbuf_fini(&s);
    assert_int_equal(c.n_made, c.n_freed);
}

static void test_strings_keep_what_they_had(void **state)
{
    (void)state;
    struct allocator libc = libc_allocator();
    struct failing f;
    struct strbuf s = strbuf_on(failing_allocator(&f, &libc, 0, true));
    strbuf_append(&s, "nothing");
    assert_true(s.cut);
    assert_string_equal(s.text, "");

    s = strbuf_on(failing_allocator(&f, &libc, 1, true));
    strbuf_append(&s, "kept");
    strbuf_format(&s, "%0100d", 1);
    assert_true(s.cut);
    assert_string_equal(s.text, "kept");
    strbuf_append(&s, "!"); // fits
    assert_string_equal(s.text, "kept!");
    strbuf_fini(&s);
}

static void test_strings_in_a_scope(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 16), STATUS_OK);
    struct arena_mark mark = arena_begin(&a);
    struct strbuf s = strbuf_on(arena_allocator(&a));
    for (int i = 0; i < 100; i++)
        strbuf_append(&s, "0123456789");
    assert_int_equal(s.length, 1000);
    arena_end(&a, mark); // no strbuf_fini(): it goes with the scope
    assert_int_equal(a.used_bytes, 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_takes_out),
        cmocka_unit_test(test_stays_when_refused),
        cmocka_unit_test(test_on_pools),
        cmocka_unit_test(test_strings_grow),
        cmocka_unit_test(test_strings_keep_what_they_had),
        cmocka_unit_test(test_strings_in_a_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
