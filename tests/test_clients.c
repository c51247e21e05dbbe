// SPDX-License-Identifier: MIT
// test_clients.c - rates, credit, proofs, and a table that is full.
#include <stdio.h>
#include <stdlib.h>

#include "engine/osc/clients.h"
#include "tests/arena_limits.h"

#define SECOND 1000000000ll

static struct client client_number(uint32_t n)
{
    struct client c = {.kind = CLIENT_UDP, .address_bytes = sizeof c.address.in};
    c.address.in = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)n), .sin_addr.s_addr = htonl(0x0A000000u + n)};
    return c;
}

// ---- rate ----

static void test_bucket(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 3, 1000, 2000000, BUCKET_MAX_RATE / 2};
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        struct bucket b;
        uint32_t rate = rates[i];
        int64_t now = 5 * SECOND;
        bucket_fill(&b, rate, now);
        assert_true(bucket_has(&b, rate, now));
        bucket_take(&b, rate - 1);
        assert_true(bucket_has(&b, rate, now)); // one is left of a second's worth
        bucket_take(&b, 1);
        assert_false(bucket_has(&b, rate, now));
        assert_false(
            bucket_has(&b, rate, now - SECOND)); // a clock that stands still or goes back gives nothing
        assert_false(bucket_has(&b, rate, now + SECOND / rate - 1));
        assert_true(bucket_has(&b, rate, now + SECOND / rate + 1));
        bucket_take(&b, 1);
        assert_false(bucket_has(&b, rate, now + SECOND / rate + 1));
        assert_true(bucket_has(&b, rate, INT64_MAX / 2)); // full again, and no more than full
        bucket_take(&b, rate);
        assert_false(bucket_has(&b, rate, INT64_MAX / 2));
    }
}

/// A packet of many messages is let through with one token; what it owes is waited for.
static void test_debt(void **state)
{
    (void)state;
    struct bucket b;
    bucket_fill(&b, 10, 0);
    bucket_take(&b, 5460);
    assert_false(bucket_has(&b, 10, 544 * SECOND));
    assert_true(bucket_has(&b, 10, 546 * SECOND));
    bucket_fill(&b, 10, 0);
    bucket_take(&b, 5460);
    for (int64_t t = 0; t < 545; t++) // however often one asks
        assert_false(bucket_has(&b, 10, t * SECOND));
    assert_true(bucket_has(&b, 10, 546 * SECOND));
}

/// Odd steps add up to the rate: no fraction is lost.
static void test_rate_is_kept(void **state)
{
    (void)state;
    struct bucket b;
    bucket_fill(&b, 7, 0);
    bucket_take(&b, 7);
    uint32_t n = 0;
    for (int64_t now = 0; now <= 1000 * SECOND; now += 1234567) {
        if (!bucket_has(&b, 7, now)) continue;
        bucket_take(&b, 1);
        n++;
    }
    assert_in_range(n, 6999, 7000);
}

// ---- the table ----

struct table {
    struct arena arena;
    struct clients c;
};

static int make_table(void **state)
{
    struct table *t = calloc(1, sizeof *t);
    *state = t;
    return arena_init(&t->arena, 1 << 24) || clients_init(&t->c, arena_allocator(&t->arena), 100, 50);
}

static int drop_table(void **state)
{
    struct table *t = *state;
    arena_fini(&t->arena);
    free(t);
    return 0;
}

static void hear(struct table *t, uint32_t n, bool expected_new)
{
    bool is_new;
    struct client c = client_number(n);
    struct client_entry *e = clients_hear(&t->c, &c, n, &is_new);
    if (is_new != expected_new) fail_msg("client %u is %s", n, is_new ? "new" : "known");
    assert_true(client_is(&e->client, &c));
    assert_ptr_equal(clients_find(&t->c, &c), e);
}

static void test_the_oldest_is_forgotten(void **state)
{
    struct table *t = *state;
    for (uint32_t i = 0; i < 100; i++)
        hear(t, i, true);
    for (uint32_t i = 0; i < 100; i++)
        hear(t, i, false);
    hear(t, 0, false); // now 1 is the oldest
    hear(t, 100, true);
    assert_int_equal(t->c.n_evicted, 1);
    struct client one = client_number(1);
    assert_null(clients_find(&t->c, &one));
    hear(t, 0, false);
    hear(t, 2, false);
    for (uint32_t i = 1000; i < 3000; i++)
        hear(t, i, true);
    for (uint32_t i = 2900; i < 3000; i++)
        hear(t, i, false);
    assert_int_equal(t->c.n_used, 100);
}

/// Against a list that is searched from end to end.
static void test_at_random(void **state)
{
    struct table *t = *state;
    uint32_t recent[100], n = 0, random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t who = (random >> 16) % 150, at = 0;
        while (at < n && recent[at] != who)
            at++;
        hear(t, who, at == n);
        if (at == n && n < 100) n++;
        for (uint32_t k = at < n ? at : n - 1; k > 0; k--)
            recent[k] = recent[k - 1];
        recent[0] = who;
    }
}

static void test_kinds_of_addresses(void **state)
{
    struct table *t = *state;
    bool is_new;
    struct client nameless = {.kind = CLIENT_UNIX}, other_socket = client_number(7);
    other_socket.socket = 3;
    hear(t, 7, true);
    clients_hear(&t->c, &nameless, 0, &is_new);
    assert_true(is_new);
    clients_hear(&t->c, &nameless, 0, &is_new);
    assert_false(is_new);
    clients_hear(&t->c, &other_socket, 0, &is_new);
    assert_true(is_new); // answers to it leave from elsewhere
}

// ---- what may be answered ----

static struct client_entry *entry(struct table *t, uint32_t n, int64_t now)
{
    bool is_new;
    struct client c = client_number(n);
    return clients_hear(&t->c, &c, now, &is_new);
}

static void test_credit(void **state)
{
    struct client_entry *e = entry(*state, 1, 0);
    assert_false(client_spend(e, 1, 0)); // who said nothing is told nothing
    client_earn(e, 10);
    assert_false(client_spend(e, 41, 0));
    assert_true(client_spend(e, 30, 0));
    assert_true(client_spend(e, 10, 0));
    assert_false(client_spend(e, 1, 0));
    for (int i = 0; i < 100; i++)
        client_earn(e, 65536);
    assert_true(client_spend(e, MAX_CREDIT_BYTES, 0));
    assert_false(client_spend(e, 1, 0));
}

static void test_proof(void **state)
{
    struct table *t = *state;
    struct client_entry *e = entry(t, 1, 0);
    assert_false(client_prove(e, 0, 0)); // none was asked for
    uint64_t token = client_token(e);
    assert_true(token != 0);
    assert_int_equal(client_token(e), token);
    assert_true(client_token(entry(t, 2, 0)) != token);
    assert_false(client_prove(e, token + 1, 0));
    assert_false(client_spend(e, 1, 0));
    assert_true(client_prove(e, token, 0));
    assert_true(client_spend(e, 1000000, 0));
    assert_true(client_spend(e, 1000000, PROOF_NS));
    assert_false(client_spend(e, 1, PROOF_NS + 1)); // nothing came for so long
    entry(t, 1, 2 * PROOF_NS + 1);
    assert_false(client_spend(e, 1, 2 * PROOF_NS + 1)); // and what comes later does not revive it
    assert_true(client_prove(e, token, 2 * PROOF_NS + 1));
    entry(t, 1, 3 * PROOF_NS); // one that is used stays
    entry(t, 1, 4 * PROOF_NS);
    assert_true(client_spend(e, 1, 4 * PROOF_NS));
}

// ---- set-up ----

static enum status init_one(void *object, struct allocator *a)
{
    return clients_init(object, a, 1000, 1);
}

static void fini_one(void *object)
{
    (void)object;
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct clients c;
    check_arena_sizes(&(struct arena_user){init_one, fini_one, &c});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_table, drop_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_debt),
        cmocka_unit_test(test_rate_is_kept),
        TEST(test_the_oldest_is_forgotten),
        TEST(test_at_random),
        TEST(test_kinds_of_addresses),
        TEST(test_credit),
        TEST(test_proof),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
