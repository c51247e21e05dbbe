// SPDX-License-Identifier: MIT
// test_outbox.c - answers that wait: order, limits, and fair shares.
#include <stdio.h>

#include "alloc/arena.h"
#include "engine/osc/outbox.h"
#include "tests/arena_limits.h"
#include "tests/check.h"

static struct arena arena;
static struct outbox box;

/// What was sent, by the sender's room.
static struct {
    uint32_t room; // answers that are taken before all clients are full
    uint32_t next[MAX_WAITING_CLIENTS + 2];
} sent;

static int set_up(void **state)
{
    (void)state;
    memset(&sent, 0, sizeof sent);
    sent.room = UINT32_MAX;
    return arena_init(&arena, 1 << 26) || outbox_init(&box, arena_allocator(&arena));
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct client client(uint32_t i)
{
    struct client c = {.kind = CLIENT_UNIX};
    int n = snprintf(c.address.un.sun_path, sizeof c.address.un.sun_path, "/client/%u", i);
    c.address.un.sun_family = AF_UNIX;
    c.address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
    return c;
}

static bool keep(uint32_t c, uint32_t number, uint32_t n_bytes)
{
    static uint8_t bytes[MAX_ANSWER_BYTES + 1];
    struct client to = client(c);
    memcpy(bytes, &number, sizeof number);
    return outbox_keep(&box, &to, bytes, n_bytes, 1000);
}

/// Each client's answers come in the order in which they were kept.
static bool take(void *context, const struct client *to, const uint8_t *bytes, uint32_t n_bytes)
{
    uint32_t c, number;
    assert_ptr_equal(context, &sent);
    assert_int_equal(sscanf(to->address.un.sun_path, "/client/%u", &c), 1);
    if (sent.room == 0) return false;
    sent.room--;
    memcpy(&number, bytes, sizeof number);
    assert_int_equal(number, sent.next[c]);
    assert_true(n_bytes >= 4);
    sent.next[c]++;
    return true;
}

static void test_order(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 300; i++)
        assert_true(keep(i % 3, i / 3, i % 7 == 0 ? 500 : i % 5 == 0 ? 100 : 4));
    for (uint32_t c = 0; c < 4; c++) {
        struct client who = client(c);
        assert_int_equal(outbox_has(&box, &who), c < 3);
    }
    for (uint32_t n_left = 300; n_left > 0; n_left -= 50) {
        sent.room = 50;
        assert_int_equal(outbox_flush(&box, take, &sent, 999), 0);
        assert_int_equal(box.n_waiting, n_left - 50);
    }
    assert_int_equal(box.n_clients, 0);
    for (uint32_t c = 0; c < 3; c++)
        assert_int_equal(sent.next[c], 100);
}

static void test_deadline(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        assert_true(keep(i % 2, i / 2, 4));
    sent.room = 5;
    assert_int_equal(outbox_flush(&box, take, &sent, 1000), 15);
    assert_int_equal(box.n_waiting + box.n_clients, 0);
    assert_int_equal(pool_n_used(&box.answers.pools[POOLS_SMALL]), 0);
}

static void test_lengths(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {
        4, 40, 41, 232, 233, LARGE_ANSWER_BYTES, LARGE_ANSWER_BYTES + 1, MAX_ANSWER_BYTES};
    for (uint32_t i = 0; i < COUNT_OF(lengths); i++)
        assert_true(keep(0, i, lengths[i]));
    assert_false(keep(0, 99, MAX_ANSWER_BYTES + 1));
    for (int i = 0; i < POOLS_SIZES; i++)
        assert_int_equal(pool_n_used(&box.answers.pools[i]), 2);
    assert_int_equal(pool_n_used(&box.long_answers), 2);
    assert_int_equal(outbox_flush(&box, take, &sent, 0), 0);
    assert_int_equal(sent.next[0], COUNT_OF(lengths));
    assert_int_equal(pool_n_used(&box.answers.pools[POOLS_LARGE]) + pool_n_used(&box.long_answers), 0);
}

/// When clients take all that they can get, there is room for one more; of each size.
static void test_shares(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {4, 200, 900, 4000};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        uint32_t before = UINT32_MAX;
        for (uint32_t c = 0; c < 3; c++) {
            uint32_t n = 0;
            while (keep(c, n, lengths[i]))
                n++;
            assert_in_range(n, 1, before / 2);
            before = n;
        }
        assert_true(keep((uint32_t)(100 + i), 0, lengths[i]));
    }
}

static void test_one_client(void **state)
{
    (void)state;
    uint32_t n = 0;
    while (keep(0, n, 4))
        n++;
    assert_int_equal(n, (2 * N_SMALL_ANSWERS + 2) / 3);
    assert_int_equal(outbox_flush(&box, take, &sent, 0), 0);
    assert_int_equal(sent.next[0], n);
}

static void test_many_clients(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < MAX_WAITING_CLIENTS; c++)
        assert_true(keep(c, 0, 4));
    assert_false(keep(MAX_WAITING_CLIENTS, 0, 4));
    assert_true(keep(0, 1, 4));
    assert_int_equal(pool_n_used(&box.answers.pools[POOLS_SMALL]), MAX_WAITING_CLIENTS + 1);
    assert_int_equal(outbox_flush(&box, take, &sent, 0), 0);
    assert_true(keep(MAX_WAITING_CLIENTS, 0, 4));
}

static enum status init_one(void *object, struct allocator *a)
{
    return outbox_init(object, a);
}

static void fini_one(void *object)
{
    (void)object;
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct outbox o;
    check_arena_sizes(&(struct arena_user){init_one, fini_one, &o});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order),      TEST(test_deadline),     TEST(test_lengths),      TEST(test_shares),
        TEST(test_one_client), TEST(test_many_clients), TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
