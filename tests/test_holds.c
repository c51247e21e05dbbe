// SPDX-License-Identifier: MIT
// test_holds.c - packets that wait for sounds: kept in order, tried when their loads have ended, never too
// many.
#include <string.h>

#include "engine/holds.h"
#include "tests/arena_limits.h"
#include "tests/check.h"

static struct arena arena;
static struct holds holds;
static struct transaction transaction;
static uint8_t bytes[OSC_MAX_PACKET_BYTES];

static int set_up(void **state)
{
    (void)state;
    memset(&transaction, 0, sizeof transaction);
    if (arena_init(&arena, 1 << 24)) return 1;
    return holds_init(&holds, arena_allocator(&arena)) != STATUS_OK;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/// A packet of so many bytes, all of one value, that waits for the first `n_loads` loads.
static struct hold *keep(uint32_t n_bytes, int value, uint64_t n_loads)
{
    memset(bytes, value, n_bytes);
    struct datagram d = {.bytes = bytes, .n_bytes = n_bytes, .fd = 17};
    struct hold *hold = holds_keep(&holds, &d);
    if (hold) holds_wait(&holds, hold, &transaction, n_loads);
    memset(bytes, 0, n_bytes);
    return hold;
}

static void test_bytes_are_copied(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {4, SMALL_HOLD_BYTES, SMALL_HOLD_BYTES + 1, MEDIUM_HOLD_BYTES + 1,
                                     OSC_MAX_PACKET_BYTES};
    struct hold *kept[COUNT_OF(sizes)];
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        kept[i] = keep(sizes[i], 'a' + (int)i, 1);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_int_equal(kept[i]->datagram.n_bytes, sizes[i]);
        assert_int_equal(kept[i]->datagram.fd, 17);
        for (uint32_t k = 0; k < sizes[i]; k++)
            if (kept[i]->datagram.bytes[k] != 'a' + i) fail_msg("byte %u of packet %zu", k, i);
        holds_release(&holds, kept[i]);
    }
    assert_int_equal(holds.n_used, 0);
    assert_int_equal(holds.n_high, COUNT_OF(sizes));
}

static void test_room(void **state)
{
    (void)state;
    for (int i = 0; i < N_LARGE_HOLDS; i++)
        assert_non_null(keep(MEDIUM_HOLD_BYTES + 1, i, 1));
    assert_null(keep(MEDIUM_HOLD_BYTES + 1, 0, 1));
    assert_int_equal(holds.n_refused, 1);
    struct hold *first = keep(4, 0, 1);
    for (int i = 1; i < N_SMALL_HOLDS + N_MEDIUM_HOLDS; i++)
        assert_non_null(keep(4, i, 1)); // small ones take the larger places, too
    assert_null(keep(4, 0, 1));
    assert_int_equal(holds.n_used, MAX_HOLDS);
    holds_release(&holds, first);
    assert_non_null(keep(4, 0, 1));
}

static void test_order(void **state)
{
    (void)state;
    struct hold *a = keep(4, 1, 10), *b = keep(4, 2, 11), *c = keep(4, 3, 11);
    assert_null(holds_ready(&holds, 9));
    assert_int_equal(holds_oldest(&holds), 0);
    assert_ptr_equal(holds_ready(&holds, 10), a);
    holds_wait(&holds, a, &transaction, 20); // it waits again
    assert_int_equal(holds_oldest(&holds), 0);
    assert_ptr_equal(holds_ready(&holds, 11), b);
    holds_release(&holds, b);
    assert_ptr_equal(holds_ready(&holds, 11), c);
    holds_release(&holds, c);
    assert_null(holds_ready(&holds, 19));
    assert_ptr_equal(holds_ready(&holds, 20), a);
    holds_release(&holds, a);
    assert_null(holds_ready(&holds, UINT64_MAX));
    assert_int_equal(holds_oldest(&holds), 3);
}

static void test_failed_loads(void **state)
{
    (void)state;
    transaction.n_waits = 2;
    transaction.waits[0] = (struct call_sound){.call = 4, .sound = 100};
    transaction.waits[1] = (struct call_sound){.call = 6, .sound = 101};
    struct hold *a = keep(4, 1, 1);
    transaction.n_waits = 1;
    struct hold *b = keep(4, 2, 1);
    holds_load_failed(&holds, 102, API_NOT_FOUND, "another one");
    assert_int_equal(a->error, API_OK);
    holds_load_failed(&holds, 101, API_BAD_SOUND, "no sound");
    assert_int_equal(a->error, API_BAD_SOUND);
    assert_int_equal(a->bad_call, 6);
    assert_string_equal(a->reason, "no sound");
    assert_int_equal(b->error, API_OK);
    holds_load_failed(&holds, 100, API_NOT_FOUND, "no file");
    assert_int_equal(a->error, API_BAD_SOUND); // the first one counts
    assert_int_equal(b->error, API_NOT_FOUND);
    assert_int_equal(b->bad_call, 4);
}

static void test_loads_that_were_begun(void **state)
{
    (void)state;
    transaction.n_new_loads = 2;
    transaction.new_loads[0].call = 0;
    transaction.new_loads[1].call = MAX_CALLS - 1;
    struct hold *a = keep(4, 1, 1);
    assert_int_equal(a->is_begun[0], 1);
    assert_int_equal(a->is_begun[MAX_CALLS / 8 - 1], 0x80);
    transaction.n_new_loads = 1;
    transaction.new_loads[0].call = 9;
    holds_wait(&holds, a, &transaction, 2); // those of earlier tries stay
    assert_int_equal(a->is_begun[0], 1);
    assert_int_equal(a->is_begun[1], 2);
    holds_release(&holds, a);
    transaction.n_new_loads = 0;
    assert_ptr_equal(keep(4, 1, 1), a);
    assert_int_equal(a->is_begun[0], 0);
}

static enum status init(void *object, struct allocator *a)
{
    return holds_init(object, a);
}

static void test_little_memory(void **state)
{
    (void)state;
    static struct holds h;
    check_arena_sizes(&(struct arena_user){init, NULL, &h});
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_are_copied),      TEST(test_room),          TEST(test_order), TEST(test_failed_loads),
        TEST(test_loads_that_were_begun), TEST(test_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
