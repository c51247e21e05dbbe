// SPDX-License-Identifier: MIT
// test_arena.c - the arena, and the pages of address space under it.
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "alloc/vm.h"
#include "tests/check.h"

// ---- vm ----

/// True when touching `p` ends the process that does it.
static bool is_forbidden(volatile uint8_t *p, bool write)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        if (write)
            *p = 1;
        else
            (void)*p;
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void test_vm_rounds_up_to_pages(void **state)
{
    (void)state;
    size_t page = vm_page_bytes();
    assert_true(page >= 4096 && (page & (page - 1)) == 0);
    assert_int_equal(vm_round_to_pages(0), 0);
    assert_int_equal(vm_round_to_pages(1), page);
    assert_int_equal(vm_round_to_pages(page - 1), page);
    assert_int_equal(vm_round_to_pages(page), page);
    assert_int_equal(vm_round_to_pages(page + 1), 2 * page);
    assert_int_equal(vm_round_to_pages(SIZE_MAX - page + 1), SIZE_MAX - page + 1);
    assert_int_equal(vm_round_to_pages(SIZE_MAX - page + 2), 0);
    assert_int_equal(vm_round_to_pages(SIZE_MAX), 0);
}

static void test_vm_commits_and_decommits(void **state)
{
    (void)state;
    size_t page = vm_page_bytes();
    void *base;
    assert_int_equal(vm_reserve(4 * page, &base), STATUS_OK);
    uint8_t *p = base;
    assert_true(is_forbidden(p, false));
    assert_int_equal(vm_commit(p + page, 2 * page), STATUS_OK);
    for (size_t i = page; i < 3 * page; i++)
        assert_int_equal(p[i], 0);
    memset(p + page, 0xa5, 2 * page);
    assert_true(is_forbidden(p + page - 1, false));
    assert_true(is_forbidden(p + 3 * page, true));
    assert_false(is_forbidden(p + 3 * page - 1, true));

    vm_decommit(p + page, page);
    assert_true(is_forbidden(p + page, false));
    assert_int_equal(p[2 * page], 0xa5);
    assert_int_equal(vm_commit(p + page, page), STATUS_OK);
    assert_int_equal(p[page], 0);
    assert_int_equal(p[2 * page - 1], 0);
    vm_release(base, 4 * page);
    vm_release(NULL, 0);
}

static void test_vm_refuses_what_no_machine_has(void **state)
{
    (void)state;
    void *base;
    assert_int_equal(vm_reserve(SIZE_MAX / 2 / vm_page_bytes() * vm_page_bytes(), &base), STATUS_NO_MEMORY);
}

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
    assert_int_equal(a.refused_bytes, 0);
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
    assert_int_equal(a.refused_bytes, 2);
    assert_non_null(arena_push(&a, 1, 1, 1)); // the last one
    assert_int_equal(a.used_bytes, a.size_bytes);
    assert_null(arena_push(&a, 1, 1, 1));
    assert_int_equal(a.refused_bytes, 2); // the first refusal stays
    arena_fini(&a);
}

static void test_refuses_sizes_that_overflow(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 4096), STATUS_OK);
    assert_null(arena_push(&a, SIZE_MAX, 2, 8));
    assert_int_equal(a.refused_bytes, SIZE_MAX);
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
    assert_int_equal(a.refused_bytes, 1);
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
    assert_null(arena_push(&a, 1, 1, 1));
    assert_int_equal(a.refused_bytes, 1);
    arena_fini(&a);
}

static void test_sealing_leaves_nothing_to_fault(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 8 << 20), STATUS_OK);
    volatile uint8_t *p = arena_push(&a, 8 << 20, 1, CACHE_LINE);
    assert_non_null(p);
    arena_seal(&a, false);
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    for (size_t i = 0; i < 8 << 20; i += 4096)
        p[i] = 1;
    getrusage(RUSAGE_THREAD, &after);
    // Without the seal it is 2048 of them; a sanitizer's own memory may take a few.
    assert_true(after.ru_minflt - before.ru_minflt < 32);
    arena_fini(&a);
}

static void test_tags_add_up(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    size_t sum = 0;
    for (uint32_t i = 0; i < ARENA_MAX_TAGS; i++) {
        assert_non_null(arena_push(&a, i, 100, 64));
        arena_tag(&a, "part");
        assert_string_equal(a.tags[i].name, "part");
        sum += a.tags[i].bytes;
    }
    assert_int_equal(a.n_tags, ARENA_MAX_TAGS);
    assert_int_equal(sum, a.used_bytes);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vm_rounds_up_to_pages),
        cmocka_unit_test(test_vm_commits_and_decommits),
        cmocka_unit_test(test_vm_refuses_what_no_machine_has),
        cmocka_unit_test(test_hands_out_zeroed_aligned_memory),
        cmocka_unit_test(test_fills_to_the_last_byte),
        cmocka_unit_test(test_refuses_sizes_that_overflow),
        cmocka_unit_test(test_a_zeroed_arena_is_full),
        cmocka_unit_test(test_bad_sizes_are_refused),
        cmocka_unit_test(test_a_sealed_arena_keeps_what_it_has),
        cmocka_unit_test(test_sealing_leaves_nothing_to_fault),
        cmocka_unit_test(test_tags_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
