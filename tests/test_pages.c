// SPDX-License-Identifier: MIT
// test_pages.c - the sample store against a plain model of it.
#include <stdlib.h>
#include <string.h>

#include "alloc/pages.h"
#include "alloc/vm.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/child.h"
#include "tests/random.h"

#define N_PAGES 256
#define N_RUNS  64

struct fixture {
    struct arena arena;
    struct pages pages;
    size_t page;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->page = vm_page_bytes();
    return arena_init(&f->arena, 1 << 20) ||
           pages_init(&f->pages, arena_allocator(&f->arena), N_PAGES * f->page, N_RUNS, false);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pages_fini(&f->pages);
    pages_fini(&f->pages); // a zeroed one
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void check_one_free_run(const struct pages *p)
{
    assert_int_equal(p->n_free_runs, 1);
    assert_int_equal(p->free_start[0], 0);
    assert_int_equal(p->free_length[0], p->n_pages);
    assert_int_equal(p->n_used, 0);
}

static void test_fills_and_empties(void **state)
{
    struct fixture *f = *state;
    struct pages *p = &f->pages;
    void *whole, *none;
    assert_int_equal(pages_alloc(p, (N_PAGES + 1) * f->page, &whole), STATUS_FULL); // one more than there are
    assert_int_equal(pages_alloc(p, N_PAGES * f->page + 1, &whole), STATUS_FULL);
    assert_int_equal(pages_alloc(p, N_PAGES * f->page, &whole), STATUS_OK);
    assert_int_equal(p->n_free_runs, 0);
    assert_int_equal(pages_alloc(p, 1, &none), STATUS_FULL);
    pages_free(p, whole, N_PAGES * f->page);
    check_one_free_run(p);

    assert_int_equal(pages_alloc(p, (N_PAGES - 1) * f->page, &whole), STATUS_OK); // one less
    assert_int_equal(pages_alloc(p, 1, &none), STATUS_OK);
    assert_ptr_equal(none, (char *)whole + (N_PAGES - 1) * f->page);
    pages_free(p, whole, (N_PAGES - 1) * f->page);
    pages_free(p, none, 1);
    check_one_free_run(p);
    assert_int_equal(p->n_used_high, N_PAGES);
    assert_int_equal(p->n_refused, 3);
}

static void test_refuses_nothing_and_too_much(void **state)
{
    struct fixture *f = *state;
    void *memory;
    assert_int_equal(pages_alloc(&f->pages, 0, &memory), STATUS_FULL);
    assert_int_equal(pages_alloc(&f->pages, SIZE_MAX, &memory), STATUS_FULL);
    assert_int_equal(pages_alloc(&f->pages, SIZE_MAX - f->page, &memory), STATUS_FULL);
    assert_int_equal(f->pages.n_refused, 3);
    check_one_free_run(&f->pages);
}

/// All four ways in which a run that comes back meets its neighbours.
static void test_joins_neighbours(void **state)
{
    struct fixture *f = *state;
    struct pages *p = &f->pages;
    void *runs[5], *rest;
    for (int i = 0; i < 5; i++)
        assert_int_equal(pages_alloc(p, f->page, &runs[i]), STATUS_OK);
    assert_int_equal(pages_alloc(p, (N_PAGES - 5) * f->page, &rest), STATUS_OK);
    pages_free(p, runs[1], f->page); // alone
    pages_free(p, runs[3], f->page); // alone
    assert_int_equal(p->n_free_runs, 2);
    pages_free(p, runs[4], f->page); // joins the one before
    assert_int_equal(p->n_free_runs, 2);
    pages_free(p, runs[0], f->page); // joins the one behind
    assert_int_equal(p->n_free_runs, 2);
    pages_free(p, runs[2], f->page); // joins both
    assert_int_equal(p->n_free_runs, 1);
    assert_int_equal(p->free_length[0], 5);
    pages_free(p, rest, (N_PAGES - 5) * f->page);
    check_one_free_run(p);
}

/// As many live runs as were asked for, each between two gaps: the most gaps that there can be.
static void test_holds_the_most_gaps(void **state)
{
    struct fixture *f = *state;
    struct pages *p = &f->pages;
    void *runs[N_RUNS], *one_more;
    for (uint32_t i = 0; i < N_RUNS; i++) {
        assert_int_equal(pages_alloc(p, (i ? 1 : 2) * f->page, &runs[i]), STATUS_OK);
        if (i % 2) pages_free(p, runs[i], f->page);
        if (i % 2) assert_int_equal(pages_alloc(p, 2 * f->page, &runs[i]), STATUS_OK);
    }
    assert_int_equal(pages_alloc(p, f->page, &one_more), STATUS_FULL); // one run too many
    for (uint32_t i = 0; i < N_RUNS; i += 2)
        pages_free(p, runs[i], (i ? 1 : 2) * f->page);
    assert_int_equal(p->n_free_runs, N_RUNS / 2 + 1);
    assert_true(pages_is_whole(p));
    for (uint32_t i = 1; i < N_RUNS; i += 2)
        pages_free(p, runs[i], 2 * f->page);
    check_one_free_run(p);
}

static void test_says_how_the_gaps_lie(void **state)
{
    struct fixture *f = *state;
    struct pages *p = &f->pages;
    void *a, *b, *c;
    struct pages_gaps gaps = pages_gaps(p);
    assert_int_equal(gaps.free_bytes, N_PAGES * f->page);
    assert_int_equal(gaps.largest_bytes, gaps.free_bytes);
    assert_true(gaps.fragmentation == 0.0f);
    assert_int_equal(pages_alloc(p, 64 * f->page, &a), STATUS_OK);
    assert_int_equal(pages_alloc(p, 128 * f->page, &b), STATUS_OK);
    assert_int_equal(pages_alloc(p, 64 * f->page, &c), STATUS_OK);
    gaps = pages_gaps(p);
    assert_int_equal(gaps.free_bytes, 0);
    assert_true(gaps.fragmentation == 0.0f);
    pages_free(p, a, 64 * f->page);
    pages_free(p, c, 64 * f->page);
    gaps = pages_gaps(p);
    assert_int_equal(gaps.free_bytes, 128 * f->page);
    assert_int_equal(gaps.largest_bytes, 64 * f->page);
    assert_int_equal(gaps.n_runs, 2);
    assert_true(gaps.fragmentation == 0.5f);
    p->n_used++; // a book that lies
    assert_false(pages_is_whole(p));
    p->n_used--;
    assert_true(pages_is_whole(p));
    pages_free(p, b, 128 * f->page);
}

static void free_twice(void *ctx)
{
    struct fixture *f = ctx;
    void *a, *b;
    assert_int_equal(pages_alloc(&f->pages, f->page, &a), STATUS_OK);
    assert_int_equal(pages_alloc(&f->pages, f->page, &b), STATUS_OK);
    pages_free(&f->pages, a, f->page);
    pages_free(&f->pages, a, f->page);
}

static void free_foreign(void *ctx)
{
    struct fixture *f = ctx;
    pages_free(&f->pages, f, f->page);
}

static void test_runs_that_are_not_in_use(void **state)
{
    struct fixture *f = *state;
    if (CHIMED_MEMORY_GUARDS) {
        check_dies(free_twice, f, "is no run in use");
        check_dies(free_foreign, f, "is no run in use");
        return;
    }
    free_twice(f);
    free_foreign(f);
    assert_int_equal(f->pages.n_foreign, 2);
    assert_true(pages_is_whole(&f->pages));
}

// ---- against a model ----

struct model {
    bool used[N_PAGES];
    struct {
        uint32_t *memory;
        size_t bytes;
        uint32_t mark;
    } runs[N_RUNS];
    uint32_t n_runs;
};

/// First fit, looked for page by page. N_PAGES when there is no gap.
static uint32_t first_fit(const struct model *m, uint32_t length)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < N_PAGES; i++) {
        n = m->used[i] ? 0 : n + 1;
        if (n == length) return i + 1 - length;
    }
    return N_PAGES;
}

static void model_alloc(struct fixture *f, struct model *m, uint64_t *seed, uint32_t mark)
{
    size_t bytes = 1 + random_below(seed, (uint32_t)(f->page * (random_below(seed, 8) ? 4 : 60)));
    uint32_t length = (uint32_t)((bytes + f->page - 1) / f->page), at = first_fit(m, length);
    void *memory;
    enum status status = pages_alloc(&f->pages, bytes, &memory);
    assert_int_equal(status, at == N_PAGES ? STATUS_FULL : STATUS_OK);
    if (status) return;
    assert_ptr_equal(memory, f->pages.base + at * f->page);
    uint32_t *words = memory, last = (uint32_t)(length * f->page / 4) - 1;
    assert_int_equal(words[0] | words[last] | words[last / 2], 0);
    words[0] = words[last] = mark;
    memset(m->used + at, true, length);
    m->runs[m->n_runs].memory = words;
    m->runs[m->n_runs].bytes = bytes;
    m->runs[m->n_runs++].mark = mark;
}

static void model_free(struct fixture *f, struct model *m, uint32_t i)
{
    uint32_t *words = m->runs[i].memory, length = (uint32_t)((m->runs[i].bytes + f->page - 1) / f->page);
    assert_int_equal(words[0], m->runs[i].mark);
    assert_int_equal(words[length * f->page / 4 - 1], m->runs[i].mark);
    pages_free(&f->pages, words, m->runs[i].bytes);
    memset(m->used + ((uint8_t *)words - f->pages.base) / (ptrdiff_t)f->page, false, length);
    m->runs[i] = m->runs[--m->n_runs];
}

static void check_free_list(const struct pages *p, const struct model *m)
{
    uint32_t n_used = 0, n_gaps = 0;
    for (uint32_t i = 0; i < N_PAGES; i++) {
        n_used += m->used[i];
        n_gaps += !m->used[i] && (i == 0 || m->used[i - 1]);
    }
    assert_int_equal(p->n_used, n_used);
    assert_int_equal(p->n_free_runs, n_gaps);
    for (uint32_t i = 0; i < p->n_free_runs; i++)
        for (uint32_t page = 0; page < (uint32_t)p->free_length[i]; page++)
            assert_false(m->used[p->free_start[i] + page]);
}

static void test_follows_the_model(void **state)
{
    struct fixture *f = *state;
    static struct model m;
    uint64_t seed = 1;
    memset(&m, 0, sizeof m);
    for (uint32_t i = 0; i < 100000; i++) {
        // Drifts between nearly empty and full.
        bool grows = random_below(&seed, 100) < (i / 5000 % 2 ? 35u : 65u);
        if (m.n_runs < N_RUNS && (grows || m.n_runs == 0))
            model_alloc(f, &m, &seed, i + 1);
        else
            model_free(f, &m, random_below(&seed, m.n_runs));
        if (i % 64 == 0) check_free_list(&f->pages, &m);
    }
    while (m.n_runs > 0)
        model_free(f, &m, m.n_runs - 1);
    check_one_free_run(&f->pages);
    assert_true(f->pages.n_refused > 0); // it was full at times
}

// ---- for a long time ----

#define LARGE_RUNS 1000
/// Sanitizers make each step dear.
#define N_STEPS (MEMORY_ASAN || TSAN ? 50000 : 1000000)

static int set_up_large(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->page = vm_page_bytes();
    return arena_init(&f->arena, 1 << 20) ||
           pages_init(&f->pages, arena_allocator(&f->arena), (size_t)1 << 30, LARGE_RUNS, false);
}

/// Sizes of sounds as they are: most are effects of 0.1 to 3 s, some are speech, few are music. 48 kHz, mono
/// or stereo, 16 bits or float.
static size_t sound_bytes(uint64_t *seed)
{
    double seconds = random_below(seed, 100) < 80   ? random_between(seed, 0.1, 3)
                     : random_below(seed, 100) < 90 ? random_between(seed, 3, 30)
                                                    : random_between(seed, 60, 300);
    return (size_t)(seconds * 48000) * (random_below(seed, 2) + 1) * (random_below(seed, 2) ? 2 : 4) + 1;
}

/// The books of a million loads and unloads; each thousandth step takes and touches the memory itself.
static void test_loads_and_unloads(void **state)
{
    struct fixture *f = *state;
    struct pages *p = &f->pages;
    static struct {
        uint32_t start, length;
    } runs[LARGE_RUNS];
    uint32_t n_runs = 0;
    uint64_t seed = 11;
    for (uint32_t i = 0; i < N_STEPS; i++) {
        if (i % 1000 == 0) {
            size_t bytes = sound_bytes(&seed);
            void *memory;
            if (pages_alloc(p, bytes, &memory) == STATUS_OK) {
                memset(memory, 1, 1);
                pages_free(p, memory, bytes);
            }
            assert_true(pages_is_whole(p));
        }
        // Drifts between nearly empty and as full as it gets.
        bool grows = random_below(&seed, 100) < (i / 20000 % 2 ? 40u : 60u);
        uint32_t length = (uint32_t)(vm_round_to_pages(sound_bytes(&seed)) / f->page), start;
        if (grows && pages_place(p, length, &start)) {
            runs[n_runs].start = start;
            runs[n_runs++].length = length;
        } else if (n_runs > 0) {
            uint32_t k = random_below(&seed, n_runs);
            assert_true(pages_unplace(p, runs[k].start, runs[k].length));
            runs[k] = runs[--n_runs];
        }
        assert_int_equal(p->n_live, n_runs);
    }
    assert_true(p->n_used_high > p->n_pages / 10 * 9); // it was full at times
    while (n_runs > 0) {
        n_runs--;
        assert_true(pages_unplace(p, runs[n_runs].start, runs[n_runs].length));
    }
    assert_int_equal(p->n_free_runs, 1);
    assert_int_equal(p->n_used, 0);
    assert_int_equal(p->n_live, 0);
    assert_int_equal(p->free_length[0], p->n_pages);
}

// ---- a large store, whose huge pages runs share ----

static bool is_filled(const uint8_t *p, uint8_t value, size_t bytes)
{
    return p[0] == value && memcmp(p, p + 1, bytes - 1) == 0;
}

/// Runs come zeroed though their neighbours' pages stay, hold what was written, and leave nothing behind.
static void test_runs_share_huge_pages(void **state)
{
    (void)state;
    struct arena a;
    struct pages p;
    struct {
        uint8_t *memory;
        size_t bytes;
        uint8_t value;
    } runs[40];
    uint32_t n_runs = 0;
    uint64_t seed = 5;
    assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
    assert_int_equal(pages_init(&p, arena_allocator(&a), 32 * VM_HUGE_PAGE_BYTES, COUNT_OF(runs), false),
                     STATUS_OK);
    for (int i = 0; i < 4000; i++) {
        size_t bytes = 1 + random_below(&seed, i % 8 ? 300000 : 5000000);
        void *memory;
        bool grows = n_runs < COUNT_OF(runs) && random_below(&seed, 2);
        if (grows && pages_alloc(&p, bytes, &memory) == STATUS_OK) {
            assert_true(is_filled(memory, 0, bytes));
            uint8_t value = (uint8_t)(1 + i % 255);
            memset(memory, value, bytes);
            runs[n_runs].memory = memory;
            runs[n_runs].bytes = bytes;
            runs[n_runs++].value = value;
        } else if (n_runs > 0) {
            uint32_t k = random_below(&seed, n_runs);
            assert_true(is_filled(runs[k].memory, runs[k].value, runs[k].bytes));
            pages_free(&p, runs[k].memory, runs[k].bytes);
            runs[k] = runs[--n_runs];
        }
    }
    while (n_runs-- > 0)
        pages_free(&p, runs[n_runs].memory, runs[n_runs].bytes);
    assert_int_equal(pages_gaps(&p).empty_bytes, 32 * VM_HUGE_PAGE_BYTES);
    pages_fini(&p);
    arena_fini(&a);
}

// ---- set-up ----

static void test_bad_arguments(void **state)
{
    struct fixture *f = *state;
    struct pages p;
    assert_int_equal(pages_init(&p, arena_allocator(&f->arena), 0, 1, false), STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, arena_allocator(&f->arena), f->page, 0, false), STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, arena_allocator(&f->arena), f->page, UINT32_MAX, false),
                     STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, arena_allocator(&f->arena), SIZE_MAX, 1, false), STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, arena_allocator(&f->arena), ((size_t)UINT32_MAX + 1) * f->page, 1, false),
                     STATUS_BAD_ARGUMENT);
    pages_fini(&p);
}

static enum status init_one(void *object, struct allocator *a)
{
    return pages_init(object, a, 1 << 20, 1000, false);
}

static void fini_one(void *object)
{
    pages_fini(object);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct pages p;
    check_arena_sizes(&(struct arena_user){init_one, fini_one, &p});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fills_and_empties, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_nothing_and_too_much, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_joins_neighbours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_holds_the_most_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_says_how_the_gaps_lie, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_runs_that_are_not_in_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loads_and_unloads, set_up_large, tear_down),
        cmocka_unit_test_setup_teardown(test_follows_the_model, set_up, tear_down),
        cmocka_unit_test(test_runs_share_huge_pages),
        cmocka_unit_test_setup_teardown(test_bad_arguments, set_up, tear_down),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
