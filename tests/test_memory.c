// SPDX-License-Identifier: MIT
// test_memory.c - the map of regions, and the guard before each of them: every mistake that it is there for
// is made.
#include <string.h>
#include <sys/resource.h>

#include "alloc/memory.h"
#include "alloc/vm.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/child.h"

// ---- guard ----

struct guarded {
    struct allocator libc;
    struct guard guard;
    struct allocator *a;
    uint64_t serial;
};

static int set_up_guard(void **state)
{
    static struct guarded g;
    g = (struct guarded){.libc = libc_allocator()};
    guard_init(&g.guard, &g.libc, "control", &g.serial);
    g.a = guard_allocator(&g.guard);
    *state = &g;
    return 0;
}

static int tear_down_guard(void **state)
{
    struct guarded *g = *state;
    return guard_fini(&g->guard) == 0 ? 0 : 1;
}

static void count_live(void *ctx, const struct guard_live *live)
{
    assert_string_equal(live->owner, "control");
    *(size_t *)ctx += live->bytes;
}

static void test_guard_lets_right_use_through(void **state)
{
    struct guarded *g = *state;
    uint8_t *blocks[300];
    for (size_t align = 1; align <= 4096; align *= 2) {
        uint8_t *p = allocator_make(g->a, 1, 100, align, NULL);
        assert_int_equal((uintptr_t)p % align, 0);
        allocator_unmake(g->a, p, 1, 100);
    }
    for (size_t i = 0; i < 300; i++) { // more than the quarantine holds
        blocks[i] = make(uint8_t, i, g->a);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], 0xff, i);
    }
    struct guard_live fault;
    assert_true(guard_is_whole(&g->guard, &fault));
    assert_int_equal(g->guard.n_live, 300);
    for (size_t i = 0; i < 300; i++)
        unmake(blocks[(i * 7) % 300], (i * 7) % 300, g->a);
    assert_true(guard_is_whole(&g->guard, &fault));
    assert_int_equal(g->guard.n_live, 0);
    assert_int_equal(g->guard.live_bytes, 0);
    assert_null(make(uint8_t, SIZE_MAX - 10, g->a));
    assert_int_equal(g->a->n_refused, 1);
}

static void test_guard_reports_leaks(void **state)
{
    struct guarded *g = *state;
    size_t bytes = 0;
    allocator_tag(g->a, "set-up");
    int *kept = make(int, 10, g->a);
    uint64_t since = g->serial;
    allocator_tag(g->a, "session");
    int *gone = make(int, 20, g->a), *leaked = make(int, 30, g->a);
    unmake(gone, 20, g->a);
    assert_int_equal(guard_each_live(&g->guard, since, count_live, &bytes), 1);
    assert_int_equal(bytes, 120);
    bytes = 0;
    assert_int_equal(guard_each_live(&g->guard, 0, count_live, &bytes), 2);
    assert_int_equal(bytes, 160);
    unmake(leaked, 30, g->a);
    assert_int_equal(guard_each_live(&g->guard, since, count_live, &bytes), 0);
    unmake(kept, 10, g->a);
}

static void finds_place(void *ctx, const struct guard_live *live)
{
    assert_string_equal(live->tag, "session");
    if (CHIMED_MEMORY_TRACKING)
        *(bool *)ctx = strncmp(live->where, "tests/test_memory.c:", 20) == 0;
    else
        *(bool *)ctx = live->where == NULL;
}

static void test_guard_knows_the_place(void **state)
{
    struct guarded *g = *state;
    bool found = false;
    allocator_tag(g->a, "session");
    int *p = make(int, 10, g->a);
    guard_each_live(&g->guard, 0, finds_place, &found);
    assert_true(found);
    unmake(p, 10, g->a);
}

// The mistakes. Those on memory are found at once by AddressSanitizer, and otherwise at the next look.

static void overrun(void *ctx)
{
    struct guarded *g = ctx;
    volatile uint8_t *p = make(uint8_t, 100, g->a);
    p[100] = 1;
    unmake((uint8_t *)(uintptr_t)p, 100, g->a);
}

static void underrun(void *ctx)
{
    struct guarded *g = ctx;
    volatile uint8_t *p = make(uint8_t, 100, g->a);
    p[-1] = 1;
    unmake((uint8_t *)(uintptr_t)p, 100, g->a);
}

static void use_after_free(void *ctx)
{
    struct guarded *g = ctx;
    volatile uint8_t *p = make(uint8_t, 100, g->a);
    unmake((uint8_t *)(uintptr_t)p, 100, g->a);
    p[0] = 1;
    for (int i = 0; i <= GUARD_QUARANTINE; i++)
        unmake(make(uint8_t, 1, g->a), 1, g->a);
}

static void use_after_free_till_the_end(void *ctx)
{
    struct guarded *g = ctx;
    volatile uint8_t *p = make(uint8_t, 100, g->a);
    unmake((uint8_t *)(uintptr_t)p, 100, g->a);
    p[99] = 1;
    guard_fini(&g->guard);
}

static void double_free(void *ctx)
{
    struct guarded *g = ctx;
    uint8_t *p = make(uint8_t, 100, g->a);
    unmake(p, 100, g->a);
    unmake(p, 100, g->a);
}

static void foreign_pointer(void *ctx)
{
    struct guarded *g = ctx;
    static uint8_t mine[256];
    unmake(mine + 128, 100, g->a);
}

static void inner_pointer(void *ctx)
{
    struct guarded *g = ctx;
    uint8_t *p = make(uint8_t, 1000, g->a);
    unmake(p + 128, 872, g->a);
}

static void wrong_size(void *ctx)
{
    struct guarded *g = ctx;
    uint8_t *p = make(uint8_t, 100, g->a);
    unmake(p, 99, g->a);
}

static void test_guard_finds_mistakes(void **state)
{
    struct guarded *g = *state;
    const char *at_once = MEMORY_ASAN ? "use-after-poison" : NULL;
    check_dies(overrun, g, at_once ? at_once : "control: written to behind its end: 100 bytes");
    check_dies(underrun, g, at_once ? at_once : "control: written to before its start: 100 bytes");
    check_dies(use_after_free, g,
               at_once ? at_once : "control: written to after it was given back: 100 bytes");
    check_dies(use_after_free_till_the_end, g, at_once ? at_once : "written to after it was given back");
    check_dies(double_free, g, "control: given back twice: 100 bytes");
    check_dies(foreign_pointer, g, "was not made here");
    check_dies(inner_pointer, g, "was not made here");
    check_dies(wrong_size, g, "control: given back with another size: 100 bytes");
    if (CHIMED_MEMORY_TRACKING) check_dies(double_free, g, "made at tests/test_memory.c:");
}

static void test_guard_looks_on_demand(void **state)
{
    struct guarded *g = *state;
    struct guard_live fault;
    uint8_t *p = make(uint8_t, 10, g->a);
    ASAN_UNPOISON_MEMORY_REGION(p, 16);
    p[10] ^= 1;
    assert_false(guard_is_whole(&g->guard, &fault));
    assert_ptr_equal(fault.memory, p);
    ASAN_UNPOISON_MEMORY_REGION(p, 16);
    p[10] ^= 1;
    assert_true(guard_is_whole(&g->guard, &fault));
    unmake(p, 10, g->a);
    ASAN_UNPOISON_MEMORY_REGION(p, 10);
    p[9] ^= 1;
    assert_false(guard_is_whole(&g->guard, &fault));
    ASAN_UNPOISON_MEMORY_REGION(p, 10);
    p[9] ^= 1;
}

// ---- the map ----

static struct memory memory;

static struct memory_config small_config(void)
{
    struct memory_config config = {0};
    for (int i = 0; i < MEMORY_REGIONS; i++)
        config.budget_bytes[i] = 1 << 20;
    config.budget_bytes[MEMORY_STREAMS] = 0;
    config.budget_bytes[MEMORY_SOUNDS] = (size_t)32 << 30;
    return config;
}

static int set_up_memory(void **state)
{
    (void)state;
    struct memory_config config = small_config();
    return memory_init(&memory, &config) ? 1 : 0;
}

static int tear_down_memory(void **state)
{
    (void)state;
    memory_fini(&memory);
    memory_fini(&memory); // a zeroed one
    return 0;
}

static void touch(void *p)
{
    *(volatile uint8_t *)p = 1;
}

static void test_regions_lie_apart(void **state)
{
    (void)state;
    assert_int_equal(memory.asked_bytes, MEMORY_SPACE_BYTES);
    assert_true(memory.reserved_bytes <= MEMORY_SPACE_BYTES); // less under a limit, or valgrind
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        struct memory_part *part = &memory.parts[i];
        size_t space = part->budget_bytes;
        assert_int_equal(space % vm_page_bytes(), 0);
        check_dies(touch, part->base - 1, NULL);
        check_dies(touch, part->base + space, NULL);
        if (i == MEMORY_SOUNDS || space == 0) continue;
        struct allocator *a = memory_allocator(&memory, (enum memory_region)i);
        uint8_t *p = make(uint8_t, 5000, a);
        assert_non_null(p);
        assert_true(p >= part->base && p + 5000 <= part->base + space);
        memset(p, 1, 5000);
        struct memory_usage usage;
        memory_usage(&memory, (enum memory_region)i, &usage);
        check_dies(touch, part->base + usage.committed_bytes, NULL);
    }
}

static void test_a_budget_ends(void **state)
{
    (void)state;
    struct allocator *a = memory_allocator(&memory, MEMORY_CONTROL);
    struct memory_usage usage;
    char text[256];
    memory_explain(&memory, MEMORY_CONTROL, text, sizeof text);
    assert_string_equal(text, "");
    allocator_tag(a, "names");
    assert_non_null(make(uint8_t, 700000, a));
    assert_null(make(uint8_t, 400000, a));
    assert_null(make(uint8_t, 1, memory_allocator(&memory, MEMORY_STREAMS))); // no budget at all
    assert_non_null(make(uint8_t, 300000, a));
    memory_usage(&memory, MEMORY_CONTROL, &usage);
    assert_string_equal(usage.name, "control");
    assert_int_equal(usage.budget_bytes, 1 << 20);
    assert_true(usage.used_bytes >= 1000000 && usage.used_bytes <= usage.committed_bytes);
    assert_int_equal(usage.high_bytes, usage.used_bytes);
    assert_true(usage.committed_bytes <= usage.budget_bytes);
    assert_int_equal(usage.free_bytes, usage.budget_bytes - usage.used_bytes);
    assert_int_equal(usage.n_refused, 1);
    assert_int_equal(usage.locked_bytes, 0);
    memory_explain(&memory, MEMORY_CONTROL, text, sizeof text);
    assert_int_equal(strncmp(text, "control, names: asked for 4", 27), 0);
    assert_true(memory_is_whole(&memory, text, sizeof text));
}

static void push_sealed(void *ctx)
{
    (void)make(uint8_t, 1, memory_allocator(ctx, MEMORY_MIXER));
}

static void test_seal_closes_and_locks(void **state)
{
    (void)state;
    struct memory_usage usage;
    assert_non_null(make(uint8_t, 100000, memory_allocator(&memory, MEMORY_MIXER)));
    struct rlimit limit;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    bool locked = memory_seal(&memory, true);
    memory_usage(&memory, MEMORY_MIXER, &usage);
    if (limit.rlim_cur >= 8 << 20) assert_true(locked);
    assert_int_equal(usage.locked_bytes, locked ? usage.committed_bytes : 0);
    if (CHIMED_MEMORY_GUARDS) {
        check_dies(push_sealed, &memory, "arena mixer is sealed");
    } else {
        push_sealed(&memory);
        memory_usage(&memory, MEMORY_MIXER, &usage);
        assert_int_equal(usage.n_refused, 1);
    }
}

static void test_space_is_handed_over(void **state)
{
    (void)state;
    void *base, *sound;
    size_t bytes;
    struct pages pages;
    struct memory_usage usage;
    memory_take_space(&memory, MEMORY_SOUNDS, &base, &bytes);
    assert_int_equal(bytes, (size_t)32 << 30);
    struct allocator *a = memory_allocator(&memory, MEMORY_CONTROL);
    assert_int_equal(pages_init_at(&pages, a, base, bytes, 100, false), STATUS_OK);
    assert_int_equal(pages_alloc(&pages, 1000000, &sound), STATUS_OK);
    memset(sound, 1, 1000000);
    memory_publish_pages(&memory, MEMORY_SOUNDS, &pages);
    memory_usage(&memory, MEMORY_SOUNDS, &usage);
    assert_int_equal(usage.budget_bytes, bytes);
    assert_int_equal(usage.used_bytes, vm_round_to_pages(1000000));
    assert_int_equal(usage.committed_bytes, VM_HUGE_PAGE_BYTES); // a large store takes whole ones
    assert_int_equal(usage.free_bytes, bytes - usage.used_bytes);
    assert_int_equal(usage.largest_free_bytes, usage.free_bytes);
    pages_free(&pages, sound, 1000000);
    assert_int_equal(pages_alloc(&pages, bytes + 1, &sound), STATUS_FULL);
    memory_publish_pages(&memory, MEMORY_SOUNDS, &pages);
    memory_usage(&memory, MEMORY_SOUNDS, &usage);
    assert_int_equal(usage.used_bytes, 0);
    assert_int_equal(usage.committed_bytes, 0);
    assert_int_equal(usage.high_bytes, vm_round_to_pages(1000000));
    assert_int_equal(usage.n_refused, 1);
    pages_fini(&pages);
}

static void count_all(void *ctx, const struct guard_live *live)
{
    assert_string_equal(live->owner, "queues");
    ++*(uint32_t *)ctx;
}

static void test_lists_what_is_live(void **state)
{
    (void)state;
    struct allocator *a = memory_allocator(&memory, MEMORY_QUEUES);
    uint32_t n = 0;
    assert_non_null(make(int, 10, a));
    uint64_t since = memory_now(&memory);
    int *p = make(int, 10, a), *q = make(int, 20, a);
    assert_non_null(q);
    unmake(p, 10, a);
    bool tracked = CHIMED_MEMORY_TRACKING || CHIMED_MEMORY_GUARDS;
    assert_int_equal(memory_each_live(&memory, since, count_all, &n), tracked ? 1 : 0);
    assert_int_equal(memory_each_live(&memory, 0, count_all, &n), tracked ? 2 : 0);
    assert_int_equal(n, tracked ? 3 : 0);
}

static void test_finds_what_is_broken(void **state)
{
    (void)state;
    char text[256];
    assert_true(memory_is_whole(&memory, text, sizeof text));
    uint8_t *p = make(uint8_t, 100, memory_allocator(&memory, MEMORY_VOICES));
    if (CHIMED_MEMORY_GUARDS) {
        ASAN_UNPOISON_MEMORY_REGION(p, 120);
        p[100] ^= 1;
        assert_false(memory_is_whole(&memory, text, sizeof text));
        assert_non_null(strstr(text, "voices: the guard of 100 bytes"));
        ASAN_UNPOISON_MEMORY_REGION(p, 120);
        p[100] ^= 1;
    }
    memory.parts[MEMORY_DEBUG].arena.used_bytes++;
    assert_false(memory_is_whole(&memory, text, sizeof text));
    assert_string_equal(text, "debug: the books are wrong");
    memory.parts[MEMORY_DEBUG].arena.used_bytes--;
}

/// Where less address space is to be had than is asked for.
static void use_little_space(void *ctx)
{
    (void)ctx;
    struct rlimit limit = {(rlim_t)3 << 30, (rlim_t)3 << 30};
    struct memory_config config = {0};
    config.budget_bytes[MEMORY_SOUNDS] = (size_t)1 << 30;
    config.budget_bytes[MEMORY_VOICES] = 1 << 20;
    static struct memory m;
    if (setrlimit(RLIMIT_AS, &limit)) _exit(0);
    bool ok = memory_init(&m, &config) == STATUS_OK && m.asked_bytes == MEMORY_SPACE_BYTES &&
              m.reserved_bytes < (size_t)3 << 30 && m.reserved_bytes > (size_t)1 << 30 &&
              make(int, 10, memory_allocator(&m, MEMORY_VOICES));
    memory_fini(&m);
    config.budget_bytes[MEMORY_SOUNDS] = (size_t)4 << 30;
    ok &= memory_init(&m, &config) == STATUS_NO_MEMORY && !m.base;
    if (ok) debug_fail("as it should be");
}

static void test_falls_back_to_less(void **state)
{
    (void)state;
    if (MEMORY_ASAN || TSAN) return; // they need the address space themselves
    check_dies(use_little_space, NULL, "as it should be");
}

static void test_bad_configurations(void **state)
{
    (void)state;
    struct memory m;
    struct memory_config config = small_config();
    config.budget_bytes[MEMORY_MIXER] = SIZE_MAX - 10;
    assert_int_equal(memory_init(&m, &config), STATUS_BAD_ARGUMENT);
    memory_fini(&m);
    config.budget_bytes[MEMORY_MIXER] = SIZE_MAX / 2;
    config.budget_bytes[MEMORY_DEBUG] = SIZE_MAX / 2;
    assert_int_equal(memory_init(&m, &config), STATUS_BAD_ARGUMENT);
    config.budget_bytes[MEMORY_DEBUG] = 0;
    assert_int_equal(memory_init(&m, &config), STATUS_NO_MEMORY);
    memory_fini(&m);
    config = (struct memory_config){.space_bytes = 1}; // nothing at all, in no space
    assert_int_equal(memory_init(&m, &config), STATUS_OK);
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        assert_string_equal(memory_region_name((enum memory_region)i), m.parts[i].arena.name);
        assert_null(make(uint8_t, 1, memory_allocator(&m, (enum memory_region)i)));
    }
    memory_fini(&m);
}

/// Any init may stand on any region.
static enum status init_part(void *object, struct allocator *a)
{
    return pages_init(object, a, 1 << 20, 10, false);
}

static void test_regions_under_refusals(void **state)
{
    (void)state;
    struct pages p;
    struct failing f;
    uint64_t n = 0;
    do {
        struct allocator *a = failing_allocator(&f, memory_allocator(&memory, MEMORY_CONTROL), n, false);
        enum status status = init_part(&p, a);
        assert_int_equal(status, f.n_seen > n ? STATUS_NO_MEMORY : STATUS_OK);
        pages_fini(&p);
    } while (f.n_seen > n++);
    assert_int_equal(n, 3);
}

#define MAP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down_memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_guard_lets_right_use_through, set_up_guard, tear_down_guard),
        cmocka_unit_test_setup_teardown(test_guard_reports_leaks, set_up_guard, tear_down_guard),
        cmocka_unit_test_setup_teardown(test_guard_knows_the_place, set_up_guard, tear_down_guard),
        cmocka_unit_test_setup_teardown(test_guard_finds_mistakes, set_up_guard, tear_down_guard),
        cmocka_unit_test_setup_teardown(test_guard_looks_on_demand, set_up_guard, tear_down_guard),
        MAP_TEST(test_regions_lie_apart),
        MAP_TEST(test_a_budget_ends),
        MAP_TEST(test_seal_closes_and_locks),
        MAP_TEST(test_space_is_handed_over),
        MAP_TEST(test_lists_what_is_live),
        MAP_TEST(test_finds_what_is_broken),
        cmocka_unit_test(test_falls_back_to_less),
        cmocka_unit_test(test_bad_configurations),
        MAP_TEST(test_regions_under_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
