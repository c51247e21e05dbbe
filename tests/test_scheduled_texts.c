// SPDX-License-Identifier: MIT
// test_scheduled_texts.c - messages that wait are given in their order, whichever of them go meanwhile.
#include <string.h>

#include "engine/scheduled_texts.h"
#include "tests/arena_limits.h"
#include "tests/check.h"
#include "tests/random.h"

#define N_TICKETS 64

static struct arena arena;
static struct scheduled_texts texts;

static int set_up(void **state)
{
    (void)state;
    if (arena_init(&arena, 1 << 24)) return 1;
    return scheduled_texts_init(&texts, arena_allocator(&arena), N_TICKETS) != STATUS_OK;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void keep(uint32_t ticket, uint32_t n_bytes, uint64_t time)
{
    static uint8_t message[4096];
    memset(message, (int)ticket, sizeof message);
    scheduled_texts_keep(&texts, ticket, message, n_bytes, time);
}

/// The next one is of this ticket; UINT32_MAX: there is none.
static void expect(uint32_t ticket, uint64_t time)
{
    const struct scheduled_text *text;
    uint64_t seen;
    bool is_there = scheduled_texts_next(&texts, &text, &seen);
    assert_int_equal(is_there, ticket != UINT32_MAX);
    if (!is_there) return;
    assert_int_equal(text - texts.texts, ticket);
    assert_int_equal(seen, time);
    for (uint32_t i = 0; i < text->n_bytes; i++)
        assert_int_equal(text->bytes[i], ticket);
}

static void test_order(void **state)
{
    (void)state;
    scheduled_texts_begin(&texts);
    expect(UINT32_MAX, 0);
    keep(5, 16, 100);
    keep(3, SCHEDULED_TEXT_BYTES, 50);
    keep(9, SCHEDULED_TEXT_BYTES + 1, 70);
    scheduled_texts_begin(&texts);
    expect(5, 100);
    scheduled_texts_drop(&texts, 3);
    expect(9, 70);
    expect(UINT32_MAX, 0);
    scheduled_texts_begin(&texts);
    scheduled_texts_drop(&texts, 5);
    expect(9, 70);
    keep(3, 16, 1);
    scheduled_texts_drop(&texts, 9);
    scheduled_texts_begin(&texts);
    expect(3, 1);
    scheduled_texts_drop(&texts, 3);
    scheduled_texts_drop(&texts, 3); // it has none
    scheduled_texts_begin(&texts);
    expect(UINT32_MAX, 0);
    assert_int_equal(pool_n_used(&texts.usual) + pool_n_used(&texts.longs), 0);
}

static void test_clock_steps(void **state)
{
    (void)state;
    keep(1, 16, UINT64_C(10) << 32);
    scheduled_texts_shift(&texts, INT64_C(2500000000));
    keep(2, 16, UINT64_C(10) << 32);
    scheduled_texts_shift(&texts, INT64_C(-4000000000));
    scheduled_texts_begin(&texts);
    expect(1, (UINT64_C(8) << 32) + (UINT64_C(1) << 31));
    expect(2, UINT64_C(6) << 32);
    scheduled_texts_shift(&texts, INT64_C(1500000000));
    scheduled_texts_begin(&texts);
    expect(1, UINT64_C(10) << 32);
}

static void test_no_room(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < N_TICKETS; i++)
        keep(i, SCHEDULED_LONG_TEXT_BYTES, i);
    assert_int_equal(texts.n_refused, N_TICKETS - texts.longs.n_blocks);
    for (uint32_t i = 0; i < N_TICKETS; i++)
        scheduled_texts_drop(&texts, i);
    keep(0, SCHEDULED_LONG_TEXT_BYTES + 1, 0); // too long for any
    assert_int_equal(texts.n_refused, N_TICKETS - texts.longs.n_blocks + 1);
    for (uint32_t i = 0; i < N_TICKETS; i++) // each ticket has room for one of the usual kind
        keep(i, SCHEDULED_TEXT_BYTES, i);
    assert_int_equal(texts.n_refused, N_TICKETS - texts.longs.n_blocks + 1);
}

/// Against a plain list of what is kept, oldest first.
static void test_at_random(void **state)
{
    (void)state;
    uint32_t kept[N_TICKETS], n = 0;
    bool is_kept[N_TICKETS] = {false};
    uint64_t seed = 3;
    for (int round = 0; round < 20000; round++) {
        uint32_t ticket = random_below(&seed, N_TICKETS);
        if (!is_kept[ticket]) {
            keep(ticket, 4 + random_below(&seed, SCHEDULED_TEXT_BYTES - 3), ticket);
            kept[n++] = ticket;
        } else {
            scheduled_texts_drop(&texts, ticket);
            uint32_t i = 0;
            while (kept[i] != ticket)
                i++;
            memmove(&kept[i], &kept[i + 1], (--n - i) * sizeof kept[0]);
        }
        is_kept[ticket] = !is_kept[ticket];
        scheduled_texts_begin(&texts);
        for (uint32_t i = 0; i < n; i++)
            expect(kept[i], kept[i]);
        expect(UINT32_MAX, 0);
    }
}

static enum status init(void *object, struct allocator *a)
{
    return scheduled_texts_init(object, a, N_TICKETS);
}

static void test_memory(void **state)
{
    (void)state;
    static struct scheduled_texts t;
    check_arena_sizes(&(struct arena_user){.init = init, .object = &t});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_at_random, set_up, tear_down),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
