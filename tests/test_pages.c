// SPDX-License-Identifier: MIT
// test_pages.c - the sample store against a plain model of it.
#include <stdlib.h>
#include <string.h>

#include "alloc/pages.h"
#include "alloc/vm.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
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
           pages_init(&f->pages, &f->arena, N_PAGES * f->page, N_RUNS, false);
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
    assert_int_equal(p->free_runs[0].start, 0);
    assert_int_equal(p->free_runs[0].length, p->n_pages);
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
    assert_int_equal(p->free_runs[0].length, 5);
    pages_free(p, rest, (N_PAGES - 5) * f->page);
    check_one_free_run(p);
}

/// Every second page free: the most gaps that there can be.
static void test_holds_the_most_gaps(void **state)
{
    struct fixture *f = *state;
    struct pages *p = &f->pages;
    void *runs[N_PAGES];
    for (int i = 0; i < 2 * N_RUNS; i++)
        assert_int_equal(pages_alloc(p, f->page, &runs[i]), STATUS_OK);
    for (int i = 0; i < 2 * N_RUNS; i += 2)
        pages_free(p, runs[i], f->page);
    assert_int_equal(p->n_free_runs, N_RUNS + 1);
    for (int i = 1; i < 2 * N_RUNS; i += 2)
        pages_free(p, runs[i], f->page);
    check_one_free_run(p);
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
        for (uint32_t page = 0; page < p->free_runs[i].length; page++)
            assert_false(m->used[p->free_runs[i].start + page]);
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

// ---- set-up ----

static void test_bad_arguments(void **state)
{
    struct fixture *f = *state;
    struct pages p;
    assert_int_equal(pages_init(&p, &f->arena, 0, 1, false), STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, &f->arena, f->page, 0, false), STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, &f->arena, f->page, UINT32_MAX, false), STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, &f->arena, SIZE_MAX, 1, false), STATUS_BAD_ARGUMENT);
    assert_int_equal(pages_init(&p, &f->arena, ((size_t)UINT32_MAX + 1) * f->page, 1, false),
                     STATUS_BAD_ARGUMENT);
    pages_fini(&p);
}

static enum status init_one(void *object, struct arena *a)
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
        cmocka_unit_test_setup_teardown(test_follows_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_arguments, set_up, tear_down),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
