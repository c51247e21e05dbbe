// SPDX-License-Identifier: MIT
// test_arena.c - the arena, and the pages of address space under it.
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "alloc/debug.h"
#include "alloc/vm.h"
#include "tests/check.h"
#include "tests/child.h"

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

/// Single pages of changing rights, until the process may have no more mappings. Returns how many.
static size_t use_up_mappings(uint8_t *base, size_t n_pages)
{
    size_t page = vm_page_bytes(), i = 0;
    while (i < n_pages && vm_commit(base + i * page, page) == STATUS_OK)
        i += 2;
    return i;
}

/// Where the kernel cannot take pages back, what they held is gone all the same.
static void check_decommit_without_mappings(bool locked)
{
    size_t page = vm_page_bytes(), n_pages = (size_t)1 << 18;
    void *base, *many;
    assert_int_equal(vm_reserve(3 * page, &base), STATUS_OK);
    assert_int_equal(vm_reserve(n_pages * page, &many), STATUS_OK);
    assert_int_equal(vm_commit(base, 3 * page), STATUS_OK);
    memset(base, 0xa5, 3 * page);
    if (locked && !vm_lock(base, 3 * page)) skip();
    uint8_t *middle = (uint8_t *)base + page;
    size_t n = use_up_mappings(many, n_pages);
    vm_decommit(middle, page);
    vm_release(many, n_pages * page);
    if (n == n_pages) skip(); // as many as it likes
    assert_int_equal(vm_commit(middle, page), STATUS_OK);
    for (size_t i = 0; i < page; i++)
        assert_int_equal(middle[i], 0);
    assert_int_equal(middle[-1], 0xa5);
    assert_int_equal(middle[page], 0xa5);
    vm_release(base, 3 * page);
}

static void test_vm_decommits_without_mappings(void **state)
{
    (void)state;
    const char *sanitizer = getenv("CHIMED_SANITIZE");
    if (sanitizer && strstr(sanitizer, "thread")) skip(); // it has mappings of its own to make
    check_decommit_without_mappings(false);
    check_decommit_without_mappings(true);
}

static void test_vm_refuses_what_no_machine_has(void **state)
{
    (void)state;
    void *base;
    assert_int_equal(vm_reserve(SIZE_MAX / 2 / vm_page_bytes() * vm_page_bytes(), &base), STATUS_NO_MEMORY);
}

static void test_vm_prefaults(void **state)
{
    (void)state;
    size_t bytes = 1024 * vm_page_bytes();
    void *base;
    assert_int_equal(vm_reserve(bytes, &base), STATUS_OK);
    assert_int_equal(vm_commit(base, bytes), STATUS_OK);
    volatile uint8_t *p = base;
    p[5] = 77;
    vm_prefault(base, bytes);
    assert_int_equal(p[5], 77);
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    for (size_t i = 0; i < bytes; i += vm_page_bytes())
        p[i] = 1;
    getrusage(RUSAGE_THREAD, &after);
    // AddressSanitizer's own memory of each page takes faults that are not ours.
    assert_true(MEMORY_ASAN || after.ru_minflt - before.ru_minflt < 32);
    vm_release(base, bytes);
}

/// Whatever the machine allows, the memory works.
static void test_vm_uses_huge_pages_where_it_may(void **state)
{
    (void)state;
    size_t huge = vm_huge_page_bytes(), bytes = huge ? 4 * huge : 4 << 20;
    assert_int_equal(huge & (huge - 1), 0);
    assert_true(huge == 0 || huge > vm_page_bytes());
    void *base;
    assert_int_equal(vm_reserve(bytes, &base), STATUS_OK);
    assert_int_equal(vm_commit(base, bytes), STATUS_OK);
    enum status status = vm_use_huge_pages(base, bytes);
    assert_true(status == STATUS_OK || status == STATUS_UNSUPPORTED);
    assert_true(huge > 0 || status == STATUS_UNSUPPORTED);
    memset(base, 3, bytes);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    assert_true(usage.ru_maxrss > (long)(bytes >> 10));
    vm_release(base, bytes);
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
        cmocka_unit_test(test_vm_rounds_up_to_pages),
        cmocka_unit_test(test_vm_commits_and_decommits),
        cmocka_unit_test(test_vm_decommits_without_mappings),
        cmocka_unit_test(test_vm_refuses_what_no_machine_has),
        cmocka_unit_test(test_vm_prefaults),
        cmocka_unit_test(test_vm_uses_huge_pages_where_it_may),
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
