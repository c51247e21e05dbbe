// SPDX-License-Identifier: MIT
// test_schedule_book.c - entries of the schedule and tickets: given out, given back, taken back, told of
// once.
#include <stdio.h>
#include <string.h>

#include "engine/schedule_book.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/random.h"

#define N_ENTRIES 8

static const struct due done = {.outcome = DUE_DONE}, dropped = {.outcome = DUE_DROPPED, .late_frames = 9},
                        late = {.outcome = DUE_DONE, .late_frames = 5},
                        unscheduled = {.outcome = DUE_UNSCHEDULED};

static struct arena arena;
static struct schedule_book book;

static int set_up(void **state)
{
    (void)state;
    if (arena_init(&arena, 1 << 24)) return 1;
    return schedule_book_init(&book, arena_allocator(&arena), N_ENTRIES) != STATUS_OK;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/// A message with so many commands: for voice `number`, or for voice `name`.
static uint32_t schedule(uint32_t *entries, uint32_t n, int32_t number, const char *name, const char *tag)
{
    uint32_t ticket = BOOK_NONE;
    for (uint32_t i = 0; i < n; i++) {
        entries[i] = schedule_book_take(&book, BOOK_NONE, &ticket);
        assert_int_not_equal(entries[i], BOOK_NONE);
    }
    struct ticket *t = &book.tickets[ticket];
    t->target = (struct target){.kind = name ? TARGET_NAME : TARGET_NUMBER, .number = number};
    snprintf(t->target.name, sizeof t->target.name, "%s", name ? name : "");
    snprintf(t->tag, sizeof t->tag, "%s", tag);
    schedule_book_commit(&book);
    return ticket;
}

static void test_every_entry_once(void **state)
{
    (void)state;
    bool seen[N_ENTRIES] = {false};
    for (uint32_t i = 0; i < N_ENTRIES; i++) {
        uint32_t ticket = BOOK_NONE, entry = schedule_book_take(&book, i, &ticket);
        assert_in_range(entry, 0, N_ENTRIES - 1);
        assert_false(seen[entry]);
        seen[entry] = true;
    }
    uint32_t ticket = BOOK_NONE;
    assert_int_equal(schedule_book_take(&book, 0, &ticket), BOOK_NONE);
    assert_int_equal(ticket, BOOK_NONE);
    assert_int_equal(book.n_refused, 1);
    assert_int_equal(book.n_used, N_ENTRIES);
    schedule_book_rollback(&book);
    assert_int_equal(book.n_used, 0);
    assert_int_equal(book.n_high, 0); // none of them was
    uint32_t entries[N_ENTRIES];
    schedule(entries, N_ENTRIES, 1, NULL, "");
    assert_int_equal(book.n_high, N_ENTRIES);
}

static void test_a_rollback_spares_what_was_committed(void **state)
{
    (void)state;
    uint32_t entries[2], ticket = BOOK_NONE;
    uint32_t kept = schedule(entries, 2, 1, NULL, "");
    for (uint32_t i = 0; i < 3; i++)
        assert_int_not_equal(schedule_book_take(&book, 7, &ticket), BOOK_NONE);
    schedule_book_rollback(&book);
    assert_int_equal(book.n_used, 2);
    assert_int_equal(book.tickets[kept].n_entries, 2);
    assert_false(schedule_book_end(&book, entries[1], &done).is_last);
    assert_true(schedule_book_end(&book, entries[0], &done).is_last);
    assert_int_equal(book.n_used, 0);
}

static void test_late_is_told_once(void **state)
{
    (void)state;
    uint32_t entries[3];
    schedule(entries, 3, 1, NULL, "");
    assert_false(schedule_book_end(&book, entries[0], &done).is_late);
    assert_true(schedule_book_end(&book, entries[1], &late).is_late);
    assert_false(schedule_book_end(&book, entries[2], &late).is_late);
    schedule(entries, 2, 1, NULL, "");
    assert_true(schedule_book_end(&book, entries[0], &dropped).is_late);
    assert_false(schedule_book_end(&book, entries[1], &dropped).is_late);
    assert_int_equal(book.n_late, 2);
    assert_int_equal(book.n_dropped, 1);
}

static void test_voices_that_do_not_start(void **state)
{
    (void)state;
    static const struct due *const dues[] = {&done, &late, &dropped, &unscheduled};
    for (size_t i = 0; i < COUNT_OF(dues); i++) {
        uint32_t ticket = BOOK_NONE, starts = schedule_book_take(&book, 42, &ticket);
        uint32_t other = schedule_book_take(&book, BOOK_NONE, &ticket);
        schedule_book_commit(&book);
        bool is_started = dues[i]->outcome == DUE_DONE;
        assert_int_equal(schedule_book_end(&book, starts, dues[i]).slot, is_started ? BOOK_NONE : 42);
        assert_int_equal(schedule_book_end(&book, other, dues[i]).slot, BOOK_NONE);
    }
}

/// What a /clear takes, in any order: a bit for each entry.
static uint32_t take_all(void)
{
    uint32_t taken = 0;
    for (uint32_t entry; (entry = schedule_book_next_to_take(&book)) != BOOK_NONE;)
        taken |= 1u << entry;
    return taken;
}

static void test_selectors(void **state)
{
    (void)state;
    uint32_t a[2], b[2], c[1], d[1];
    schedule(a, 2, 7, NULL, "intro");
    schedule(b, 2, -1, "intro", "");
    schedule(c, 1, 7, NULL, "");
    schedule(d, 1, -1, "seven", "x");
    bool is_full;
    assert_int_equal(schedule_book_clear(&book, &(struct selector){.number = 8}, &is_full), BOOK_NONE);
    assert_false(is_full);
    assert_int_equal(schedule_book_clear(&book, &(struct selector){.name = "7"}, &is_full), BOOK_NONE);
    assert_int_equal(schedule_book_clear(&book, &(struct selector){.name = ""}, &is_full), BOOK_NONE);

    uint32_t clear = schedule_book_clear(&book, &(struct selector){.name = "intro"}, &is_full);
    assert_int_equal(book.clears[clear].n_tickets, 2);
    assert_int_equal(take_all(), 1u << a[0] | 1u << a[1] | 1u << b[0] | 1u << b[1]);
    clear = schedule_book_clear(&book, &(struct selector){.number = 7}, &is_full);
    assert_int_equal(book.clears[clear].n_tickets, 1); // the first of voice 7 is on its way back already
    assert_int_equal(take_all(), 1u << c[0]);
    schedule_book_clear(&book, &(struct selector){.all = true}, &is_full);
    assert_int_equal(take_all(), 1u << d[0]);
    assert_int_equal(schedule_book_clear(&book, &(struct selector){.all = true}, &is_full), BOOK_NONE);
}

static void test_clear_counts_messages(void **state)
{
    (void)state;
    uint32_t a[3], b[2];
    bool is_full;
    schedule(a, 3, 1, NULL, "");
    schedule(b, 2, 1, NULL, "");
    uint32_t clear = schedule_book_clear(&book, &(struct selector){.all = true}, &is_full);
    // rt has done all of the second one before it is asked, and a part of the first.
    assert_int_equal(schedule_book_end(&book, b[0], &done).clear, BOOK_NONE);
    assert_int_equal(schedule_book_end(&book, b[1], &done).clear, BOOK_NONE);
    assert_int_equal(schedule_book_end(&book, a[0], &done).clear, BOOK_NONE);
    assert_int_equal(take_all(), 1u << a[1] | 1u << a[2]);
    assert_int_equal(schedule_book_end(&book, a[1], &unscheduled).clear, BOOK_NONE);
    assert_int_equal(book.n_clears, 1);
    assert_int_equal(schedule_book_end(&book, a[2], &unscheduled).clear, clear);
    assert_int_equal(book.clears[clear].n_taken, 1);
    assert_int_equal(book.n_clears, 0);
    assert_int_equal(book.n_used, 0);
}

/// An entry that is done while it waits to be taken back is not given out again before the list has come to
/// it.
static void test_done_before_it_is_taken_back(void **state)
{
    (void)state;
    uint32_t a[N_ENTRIES], ticket = BOOK_NONE;
    bool is_full;
    schedule(a, N_ENTRIES, 1, NULL, "");
    schedule_book_clear(&book, &(struct selector){.all = true}, &is_full);
    schedule_book_end(&book, a[3], &done);
    assert_int_equal(schedule_book_take(&book, 0, &ticket), BOOK_NONE);
    assert_int_equal(take_all(), 0xffu & ~(1u << a[3]));
    assert_int_equal(schedule_book_take(&book, 0, &ticket), a[3]);
}

static void test_too_many_clears(void **state)
{
    (void)state;
    static struct schedule_book large;
    bool is_full;
    assert_int_equal(schedule_book_init(&large, arena_allocator(&arena), MAX_CLEARS + 1), STATUS_OK);
    for (int32_t i = 0; i <= MAX_CLEARS; i++) {
        uint32_t ticket = BOOK_NONE;
        schedule_book_take(&large, BOOK_NONE, &ticket);
        large.tickets[ticket].target = (struct target){.kind = TARGET_NUMBER, .number = i};
        large.tickets[ticket].tag[0] = 0;
    }
    schedule_book_commit(&large);
    for (int32_t i = 0; i <= MAX_CLEARS; i++) {
        uint32_t clear = schedule_book_clear(&large, &(struct selector){.number = i}, &is_full);
        assert_int_equal(is_full, i == MAX_CLEARS);
        assert_int_equal(clear == BOOK_NONE, i == MAX_CLEARS);
    }
}

/// Some thousand random moves; rt is played by an array of what it has.
static void test_random_moves(void **state)
{
    (void)state;
    uint64_t seed = 11;
    bool has[N_ENTRIES] = {false}, is_full;
    for (int i = 0; i < 50000; i++) {
        uint32_t entry = random_below(&seed, N_ENTRIES), ticket = BOOK_NONE, n_has = 0;
        switch (random_below(&seed, 5)) {
        case 0:
        case 1: {
            uint32_t made[3], n = 0;
            while (n < 1 + random_below(&seed, 3) &&
                   (made[n] = schedule_book_take(&book, 1, &ticket)) != BOOK_NONE)
                assert_false(has[made[n++]]);
            if (n > 0) {
                book.tickets[ticket].target.kind = TARGET_ALL;
                book.tickets[ticket].tag[0] = 0;
            }
            bool is_kept = random_below(&seed, 2);
            for (uint32_t k = 0; is_kept && k < n; k++)
                has[made[k]] = true;
            if (is_kept)
                schedule_book_commit(&book);
            else
                schedule_book_rollback(&book);
            break;
        }
        case 2:
            if (has[entry]) schedule_book_end(&book, entry, &done);
            has[entry] = false;
            break;
        case 3: schedule_book_clear(&book, &(struct selector){.all = true}, &is_full); break;
        case 4:
            entry = schedule_book_next_to_take(&book);
            if (entry == BOOK_NONE) break;
            assert_true(has[entry]);
            has[entry] = false;
            schedule_book_end(&book, entry, &unscheduled);
        }
        for (uint32_t k = 0; k < N_ENTRIES; k++)
            n_has += has[k];
        assert_true(book.n_used >= n_has); // those that wait in the list are in use, too
    }
    for (uint32_t k = 0; k < N_ENTRIES; k++)
        if (has[k]) schedule_book_end(&book, k, &done);
    assert_int_equal(take_all(), 0);
    assert_int_equal(book.n_used, 0);
    assert_int_equal(book.n_clears, 0);
}

static enum status init(void *object, struct allocator *a)
{
    return schedule_book_init(object, a, 100);
}

static void test_little_memory(void **state)
{
    (void)state;
    static struct schedule_book b;
    check_arena_sizes(&(struct arena_user){init, NULL, &b});
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_entry_once),
        TEST(test_a_rollback_spares_what_was_committed),
        TEST(test_late_is_told_once),
        TEST(test_voices_that_do_not_start),
        TEST(test_selectors),
        TEST(test_clear_counts_messages),
        TEST(test_done_before_it_is_taken_back),
        TEST(test_too_many_clears),
        TEST(test_random_moves),
        TEST(test_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
