// SPDX-License-Identifier: MIT
// test_schedule.c - the heap of commands that wait for their time.
#include <stdlib.h>
#include <string.h>

#include "engine/rt/schedule.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/random.h"

#define N_ENTRIES 64u

struct fixture {
    struct arena arena;
    struct schedule s;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (arena_init(&f->arena, 1 << 26)) return 1;
    return (int)schedule_init(&f->s, arena_allocator(&f->arena), N_ENTRIES);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void push(struct schedule *s, uint32_t entry, uint64_t time)
{
    schedule_push(s, &(struct command){.entry = (uint16_t)entry, .time = time, .slot = entry + 1000});
}

static void pop(struct schedule *s, uint32_t entry, uint64_t time)
{
    const struct command *c = schedule_first(s);
    assert_non_null(c);
    assert_int_equal(c->entry, entry);
    assert_int_equal(c->slot, entry + 1000);
    assert_int_equal(schedule_first_time(s), time);
    schedule_pop(s);
}

static void test_nothing(void **state)
{
    struct schedule *s = &((struct fixture *)*state)->s;
    assert_null(schedule_first(s));
    assert_false(schedule_remove(s, 0));
    assert_false(schedule_remove(s, N_ENTRIES));
    assert_false(schedule_remove(s, UINT32_MAX));
}

static void test_order_of_time(void **state)
{
    struct schedule *s = &((struct fixture *)*state)->s;
    for (uint32_t i = 0; i < N_ENTRIES; i++) // each once, in no order
        push(s, i, (i * 37 + 11) % N_ENTRIES);
    assert_int_equal(s->n_used, N_ENTRIES);
    for (uint32_t time = 0; time < N_ENTRIES; time++) {
        const struct command *c = schedule_first(s);
        assert_int_equal((c->entry * 37u + 11) % N_ENTRIES, time);
        pop(s, c->entry, time);
    }
    assert_null(schedule_first(s));
}

static void test_equal_times_keep_the_order_of_arrival(void **state)
{
    struct schedule *s = &((struct fixture *)*state)->s;
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < N_ENTRIES; i++) // full
            push(s, (i * 29 + round) % N_ENTRIES, i % 3);
        for (uint32_t time = 0; time < 3; time++)
            for (uint32_t i = time; i < N_ENTRIES; i += 3)
                pop(s, (i * 29 + round) % N_ENTRIES, time);
        assert_null(schedule_first(s));
    }
}

static void test_removes_from_anywhere(void **state)
{
    struct schedule *s = &((struct fixture *)*state)->s;
    for (uint32_t removed = 0; removed < N_ENTRIES; removed++) {
        for (uint32_t i = 0; i < N_ENTRIES; i++)
            push(s, i, (i * 37) % N_ENTRIES);
        assert_true(schedule_remove(s, removed));
        assert_false(schedule_remove(s, removed));
        push(s, removed, 1000); // its entry is free again
        assert_true(schedule_remove(s, removed));
        for (uint32_t time = 0; time < N_ENTRIES; time++) {
            if (time == (removed * 37) % N_ENTRIES) continue;
            pop(s, schedule_first(s)->entry, time);
        }
        assert_null(schedule_first(s));
    }
}

/// A hole near the leaves of the late side is filled by the last entry of the early side.
static void test_a_removal_can_let_an_entry_rise(void **state)
{
    struct schedule *s = &((struct fixture *)*state)->s;
    static const uint64_t times[] = {0, 5, 1, 6, 7, 2, 50, 60, 61, 62, 63, 3};
    static const uint32_t expected[] = {0, 2, 5, 11, 1, 3, 4, 6, 8, 9, 10};
    for (uint32_t i = 0; i < COUNT_OF(times); i++)
        push(s, i, times[i]);
    assert_true(schedule_remove(s, 7));
    for (uint32_t i = 0; i < COUNT_OF(expected); i++)
        pop(s, expected[i], times[expected[i]]);
    assert_null(schedule_first(s));
}

static void test_shift_moves_what_waits_alone(void **state)
{
    struct schedule *s = &((struct fixture *)*state)->s;
    push(s, 0, 1000);
    push(s, 1, 2000);
    schedule_shift(s, 500);
    push(s, 2, 1600); // by the new clock
    pop(s, 0, 1500);
    pop(s, 2, 1600);
    schedule_shift(s, (uint64_t)-2000);
    push(s, 3, 400);
    pop(s, 3, 400);
    pop(s, 1, 500);
}

/// The 32 bits of seconds end in 2036; the order goes on.
static void test_times_wrap(void **state)
{
    struct schedule *s = &((struct fixture *)*state)->s;
    for (uint32_t i = 0; i < N_ENTRIES; i++)
        push(s, i, (UINT64_C(1) << 32) * ((i * 37) % N_ENTRIES - N_ENTRIES / 2));
    for (uint32_t i = 0; i < N_ENTRIES; i++)
        pop(s, schedule_first(s)->entry, (UINT64_C(1) << 32) * (i - N_ENTRIES / 2));
    push(s, 0, UINT64_MAX);
    push(s, 1, 5);
    schedule_shift(s, 3); // the first one goes over the edge
    pop(s, 0, 2);
    pop(s, 1, 8);
}

// ---- against a plain list ----

struct waiting {
    uint64_t time, sequence;
    bool is_there;
};

static uint32_t first_of(const struct waiting *list, uint32_t n)
{
    uint32_t first = n;
    for (uint32_t i = 0; i < n; i++) {
        if (!list[i].is_there) continue;
        if (first == n || list[i].time < list[first].time ||
            (list[i].time == list[first].time && list[i].sequence < list[first].sequence))
            first = i;
    }
    return first;
}

static void check_first(const struct schedule *s, const struct waiting *list, uint32_t n)
{
    uint32_t first = first_of(list, n);
    const struct command *c = schedule_first(s);
    if (first == n) {
        assert_null(c);
        return;
    }
    assert_non_null(c);
    assert_int_equal(c->entry, first);
    assert_int_equal(schedule_first_time(s), list[first].time);
}

static void run_random(struct schedule *s, uint32_t n, uint64_t seed, uint32_t n_steps)
{
    struct waiting *list = calloc(n, sizeof *list);
    uint32_t n_used = 0;
    for (uint32_t step = 0; step < n_steps; step++) {
        uint32_t entry = random_below(&seed, n), what = random_below(&seed, 100);
        // Fills up in one half of the time, and empties in the other.
        if (what < (step / (4 * n) % 2 ? 35u : 65u)) {
            if (list[entry].is_there) continue;
            list[entry] = (struct waiting){(UINT64_C(1) << 40) + random_below(&seed, 50), step, true};
            push(s, entry, list[entry].time);
            n_used++;
        } else if (what < 90) {
            assert_int_equal(schedule_remove(s, entry), list[entry].is_there);
            n_used -= list[entry].is_there;
            list[entry].is_there = false;
        } else if (what < 99) {
            if (n_used == 0) continue;
            list[schedule_first(s)->entry].is_there = false;
            schedule_pop(s);
            n_used--;
        } else {
            uint64_t by = random_below(&seed, 2000) - UINT64_C(1000);
            schedule_shift(s, by);
            for (uint32_t i = 0; i < n; i++)
                list[i].time += by;
        }
        assert_int_equal(s->n_used, n_used);
        check_first(s, list, n);
    }
    free(list);
}

static void test_random(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 10, 64, 300};
    for (uint32_t i = 0; i < COUNT_OF(sizes); i++) {
        struct arena a;
        struct schedule s;
        assert_int_equal(arena_init(&a, 1 << 20), STATUS_OK);
        assert_int_equal(schedule_init(&s, arena_allocator(&a), sizes[i]), STATUS_OK);
        run_random(&s, sizes[i], i + 1, 40000);
        arena_fini(&a);
    }
}

static void test_largest(void **state)
{
    (void)state;
    struct arena a;
    struct schedule s;
    uint64_t seed = 7;
    assert_int_equal(arena_init(&a, 1 << 26), STATUS_OK);
    assert_int_equal(schedule_init(&s, arena_allocator(&a), UINT16_MAX), STATUS_OK);
    for (uint32_t i = 0; i < UINT16_MAX; i++)
        push(&s, i, random_next(&seed));
    for (uint64_t last = 0; schedule_first(&s); schedule_pop(&s)) {
        assert_true(schedule_first_time(&s) >= last);
        last = schedule_first_time(&s);
    }
    arena_fini(&a);
}

// ---- set-up ----

static enum status init_one(void *object, struct allocator *a)
{
    return schedule_init(object, a, 100);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct schedule s;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &s});
}

static void test_bad_arguments(void **state)
{
    struct fixture *f = *state;
    struct schedule s;
    assert_int_equal(schedule_init(&s, arena_allocator(&f->arena), 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(schedule_init(&s, arena_allocator(&f->arena), 65536), STATUS_BAD_ARGUMENT);
    assert_int_equal(schedule_init(&s, arena_allocator(&f->arena), UINT32_MAX), STATUS_BAD_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing),
        TEST(test_order_of_time),
        TEST(test_equal_times_keep_the_order_of_arrival),
        TEST(test_removes_from_anywhere),
        TEST(test_a_removal_can_let_an_entry_rise),
        TEST(test_shift_moves_what_waits_alone),
        TEST(test_times_wrap),
        TEST(test_random),
        TEST(test_largest),
        TEST(test_small_arenas),
        TEST(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
