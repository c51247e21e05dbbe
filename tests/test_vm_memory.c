// SPDX-License-Identifier: MIT
// test_vm_memory.c - the pages of address space under arenas.
#include <string.h>
#include <sys/resource.h>

#include "alloc/vm.h"
#include "tests/check.h"
#include "tests/child.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vm_rounds_up_to_pages),
        cmocka_unit_test(test_vm_commits_and_decommits),
        cmocka_unit_test(test_vm_decommits_without_mappings),
        cmocka_unit_test(test_vm_refuses_what_no_machine_has),
        cmocka_unit_test(test_vm_prefaults),
        cmocka_unit_test(test_vm_uses_huge_pages_where_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
