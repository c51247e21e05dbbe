// SPDX-License-Identifier: MIT
// test_arena.c - the arena.
#include <string.h>
#include <sys/resource.h>

#include "alloc/arena.h"
#include "alloc/debug.h"
#include "alloc/vm.h"
#include "tests/check.h"
#include "tests/child.h"

// ---- arena ----

static void test_hands_out_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    uint8_t *end = a.base;
    for (size_t align = 1; align <= 4096; align *= 2) {
        uint8_t *p = arena_push(&a, 3, 7, align);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % align, 0);
        assert_true(p >= end);
        for (int i = 0; i < 21; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 21);
        end = p + 21;
    }
    assert_int_equal(a.used_bytes, end - a.base);
    assert_int_equal(a.refusal.bytes, 0);
    arena_fini(&a);
    assert_null(a.base);
    arena_fini(&a); // a zeroed one
}

static void test_fills_to_the_last_byte(void **state)
{
    (void)state;
    size_t page = vm_page_bytes();
    struct arena a;
    assert_int_equal(arena_init(&a, 3 * page - 5), STATUS_OK);
    assert_int_equal(a.size_bytes, 3 * page);
    uint8_t *p = arena_push(&a, 3 * page - 1, 1, 1);
    assert_non_null(p);
    p[3 * page - 2] = 1;
    assert_null(arena_push(&a, 2, 1, 1)); // one more than is left
    assert_int_equal(a.refusal.bytes, 2);
    assert_non_null(arena_push(&a, 1, 1, 1)); // the last one
    assert_int_equal(a.used_bytes, a.size_bytes);
    assert_null(arena_push(&a, 1, 1, 1));
    assert_int_equal(a.refusal.bytes, 2); // the first refusal stays
    arena_fini(&a);
}

static void test_refuses_sizes_that_overflow(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 4096), STATUS_OK);
    assert_null(arena_push(&a, SIZE_MAX, 2, 8));
    assert_int_equal(a.refusal.bytes, SIZE_MAX);
    assert_null(arena_push(&a, SIZE_MAX / 2 + 1, 2, 8));
    assert_non_null(arena_push(&a, 1, 1, 1));
    assert_null(arena_push(&a, SIZE_MAX, 1, 1));
    assert_null(arena_push(&a, SIZE_MAX, 1, 4096));
    assert_int_equal(a.used_bytes, 1);
    arena_fini(&a);
}

static void test_a_zeroed_arena_is_full(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_null(arena_push(&a, 1, 1, 1));
    assert_int_equal(a.refusal.bytes, 1);
    struct arena_mark mark = arena_begin(&a);
    arena_end(&a, mark);
    arena_reset(&a);
    assert_true(arena_is_whole(&a));
    assert_true(arena_seal(&a, false));
    arena_fini(&a);
}

static void test_bad_sizes_are_refused(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 0), STATUS_BAD_ARGUMENT);
    assert_null(a.base);
    assert_int_equal(arena_init(&a, SIZE_MAX), STATUS_BAD_ARGUMENT);
    assert_int_equal(arena_init(&a, SIZE_MAX / 2), STATUS_NO_MEMORY);
    arena_fini(&a);
}

static void push_one(void *ctx)
{
    assert_null(arena_push((struct arena *)ctx, 1, 1, 1));
}

static void test_a_sealed_arena_keeps_what_it_has(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    uint8_t *p = arena_push(&a, 100000, 1, CACHE_LINE);
    assert_non_null(p);
    for (int i = 0; i < 100000; i++)
        p[i] = (uint8_t)i;
    assert_true(arena_seal(&a, false));
    for (int i = 0; i < 100000; i++)
        assert_int_equal(p[i], (uint8_t)i);
    if (CHIMED_MEMORY_GUARDS) {
        check_dies(push_one, &a, "is sealed");
    } else {
        push_one(&a);
        assert_int_equal(a.refusal.bytes, 1);
        assert_int_equal(a.n_refused, 1);
    }
    arena_fini(&a);
}

static void check_nothing_faults(bool lock)
{
    struct arena a;
    assert_int_equal(arena_init(&a, 8 << 20), STATUS_OK);
    volatile uint8_t *p = arena_push(&a, 8 << 20, 1, CACHE_LINE);
    assert_non_null(p);
    arena_seal(&a, lock);
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    for (size_t i = 0; i < 8 << 20; i += 4096)
        p[i] = 1;
    getrusage(RUSAGE_THREAD, &after);
    // Without the seal it is 2048 of them; a sanitizer's own memory may take a few.
    assert_true(after.ru_minflt - before.ru_minflt < 32);
    arena_fini(&a);
}

/// Whether or not it may be locked.
static void test_sealing_leaves_nothing_to_fault(void **state)
{
    (void)state;
    check_nothing_faults(false);
    if (!MEMORY_ASAN) check_nothing_faults(true); // under which mlock() does nothing, and says that it did
}

// ---- tags ----

static void test_tags_add_up(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    size_t sum = 0;
    for (uint32_t i = 0; i < ARENA_MAX_TAGS; i++) {
        arena_tag(&a, "part");
        size_t before = a.used_bytes;
        assert_non_null(arena_push(&a, i, 100, 64));
        assert_string_equal(a.tags[i].name, "part");
        assert_int_equal(arena_tag_bytes(&a, i), a.used_bytes - before);
    }
    arena_tag(&a, "one too many"); // counts for the last one
    assert_non_null(arena_push(&a, 1, 100, 64));
    assert_int_equal(a.n_tags, ARENA_MAX_TAGS);
    for (uint32_t i = 0; i < a.n_tags; i++)
        sum += arena_tag_bytes(&a, i);
    assert_int_equal(sum, a.used_bytes);
    assert_true(arena_is_whole(&a));
    arena_fini(&a);
}

static void test_explains_what_it_refused(void **state)
{
    (void)state;
    struct arena a;
    char text[256];
    assert_int_equal(arena_init(&a, 4096), STATUS_OK);
    a.name = "mixer";
    arena_explain(&a, text, sizeof text);
    assert_string_equal(text, "");
    arena_tag(&a, "buses");
    assert_non_null(arena_push(&a, 1, 96, 64));
    assert_null(arena_push(&a, 1, 4096, 64));
    assert_null(arena_push(&a, 1, 9999, 64)); // the first one is told
    assert_int_equal(a.n_refused, 2);
    arena_explain(&a, text, sizeof text);
    const char *expected = "mixer, buses: asked for 4096 bytes with 96 of 4096 in use";
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    if (CHIMED_MEMORY_TRACKING) assert_non_null(strstr(text, " at tests/test_arena.c:"));
    arena_fini(&a);
}

// ---- scopes ----

static void test_scopes_nest(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    arena_tag(&a, "keeps");
    assert_non_null(arena_push(&a, 10, 1, 1));
    struct arena_mark outer = arena_begin(&a);
    arena_tag(&a, "outer");
    uint8_t *first = arena_push(&a, 5000, 1, 64);
    memset(first, 0xff, 5000);
    struct arena_mark inner = arena_begin(&a);
    arena_tag(&a, "inner");
    assert_non_null(arena_push(&a, 100000, 1, 64));
    arena_end(&a, inner);
    assert_int_equal(a.used_bytes, first + 5000 - a.base);
    assert_int_equal(a.n_tags, 2);
    arena_end(&a, outer);
    assert_int_equal(a.used_bytes, 10);
    assert_int_equal(a.n_tags, 1);
    assert_int_equal(a.depth, 0);
    assert_true(arena_high_bytes(&a) >= 105000);

    // What was used before is zero again, also where new memory begins behind it.
    uint8_t *again = arena_push(&a, 200000, 1, 64);
    assert_ptr_equal(again, first);
    for (int i = 0; i < 200000; i++)
        if (again[i] != 0) fail_msg("byte %d is %d", i, again[i]);
    assert_true(arena_is_whole(&a));
    arena_fini(&a);
}

static void test_reset_gives_everything_back(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        arena_begin(&a);
        arena_tag(&a, "part");
        uint8_t *p = arena_push(&a, 1 << 20, 1, 1);
        assert_non_null(p);
        assert_ptr_equal(p, a.base);
        assert_null(arena_push(&a, 1, 1, 1));
        if (p) p[0] = p[(1 << 20) - 1] = 7;
        arena_reset(&a);
        assert_int_equal(a.used_bytes | a.depth | a.n_tags, 0);
        assert_int_equal(a.committed_bytes, 1 << 20); // and keeps the pages
    }
    assert_int_equal(arena_high_bytes(&a), 1 << 20);
    uint8_t *p = arena_push(&a, 1 << 20, 1, 1);
    assert_int_equal(p[0] | p[(1 << 20) - 1], 0);
    arena_fini(&a);
}

/// Writes to memory that was given back, and pushes: the push finds it, or AddressSanitizer does at once.
static void use_after_rewind(void *ctx)
{
    struct arena *a = ctx;
    struct arena_mark mark = arena_begin(a);
    volatile uint8_t *p = arena_push(a, 100, 1, 64);
    arena_end(a, mark);
    p[50] = 1;
    (void)arena_push(a, 100, 1, 64);
}

static void end_in_the_wrong_order(void *ctx)
{
    struct arena *a = ctx;
    struct arena_mark outer = arena_begin(a);
    (void)arena_begin(a);
    arena_end(a, outer);
}

static void test_mistakes_with_scopes(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    if (CHIMED_MEMORY_GUARDS || MEMORY_ASAN)
        check_dies(use_after_rewind, &a, MEMORY_ASAN ? "use-after-poison" : "after it was given back");
    if (HAS_ASSERT) check_dies(end_in_the_wrong_order, &a, "mark.depth + 1 == a->depth");
    arena_fini(&a);
}

// ---- as an allocator, and in space of others ----

static void test_is_an_allocator(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 16), STATUS_OK);
    struct allocator *source = arena_allocator(&a);
    allocator_tag(source, "numbers");
    uint32_t *numbers = make(uint32_t, 100, source);
    assert_non_null(numbers);
    assert_int_equal((uintptr_t)numbers % CACHE_LINE, 0);
    unmake(numbers, 100, source); // does nothing
    assert_int_equal(arena_tag_bytes(&a, 0), 400);
    assert_null(make(uint32_t, 1 << 16, source));
    assert_null(make(uint32_t, SIZE_MAX / 2, source));
    assert_int_equal(source->n_refused, 2);
    assert_int_equal(a.n_refused, 2);
    assert_ptr_equal(arena_allocator(&a), source);
    assert_int_equal(source->n_refused, 2); // and stays
    arena_fini(&a);
}

static void test_takes_space_of_others(void **state)
{
    (void)state;
    size_t page = vm_page_bytes();
    void *base;
    assert_int_equal(vm_reserve(4 * page, &base), STATUS_OK);
    struct arena a;
    arena_init_at(&a, "part", (uint8_t *)base + page, 2 * page);
    uint8_t *p = arena_push(&a, 2 * page, 1, 1);
    assert_ptr_equal(p, (uint8_t *)base + page);
    assert_null(arena_push(&a, 1, 1, 1));
    assert_true(is_forbidden(p - 1, false));
    assert_true(is_forbidden(p + 2 * page, true));
    arena_fini(&a);
    assert_true(is_forbidden(p, false)); // given back, but still reserved
    vm_release(base, 4 * page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_out_zeroed_aligned_memory),
        cmocka_unit_test(test_fills_to_the_last_byte),
        cmocka_unit_test(test_refuses_sizes_that_overflow),
        cmocka_unit_test(test_a_zeroed_arena_is_full),
        cmocka_unit_test(test_bad_sizes_are_refused),
        cmocka_unit_test(test_a_sealed_arena_keeps_what_it_has),
        cmocka_unit_test(test_sealing_leaves_nothing_to_fault),
        cmocka_unit_test(test_tags_add_up),
        cmocka_unit_test(test_explains_what_it_refused),
        cmocka_unit_test(test_scopes_nest),
        cmocka_unit_test(test_reset_gives_everything_back),
        cmocka_unit_test(test_mistakes_with_scopes),
        cmocka_unit_test(test_is_an_allocator),
        cmocka_unit_test(test_takes_space_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
