// SPDX-License-Identifier: MIT
// test_subscriptions.c - who wants to hear of what: patterns, leases, limits, changes.
#include <stdio.h>

#include "alloc/arena.h"
#include "engine/osc/subscriptions.h"
#include "tests/arena_limits.h"
#include "tests/check.h"

#define SECOND INT64_C(1000000000)

static struct arena arena;
static struct subscriptions subs;

static int set_up(void **state)
{
    (void)state;
    methods_init();
    return arena_init(&arena, 1 << 26) || subscriptions_init(&subs, arena_allocator(&arena));
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct client client(uint32_t i)
{
    struct client c = {.kind = CLIENT_UDP, .address_bytes = sizeof c.address.in};
    c.address.in.sin_family = AF_INET;
    c.address.in.sin_port = (in_port_t)i;
    return c;
}

static enum api_error add(uint32_t who, const char *pattern, int64_t now)
{
    struct client c = client(who);
    return subscriptions_add(&subs, &c, pattern, 0.1, 10, now);
}

static void test_patterns_name_events(void **state)
{
    (void)state;
    assert_int_equal(add(1, "/voice/*", 0), API_OK);
    assert_true(subscriptions_want(&subs, OSC_EVENT_STARTED));
    assert_true(subscriptions_want(&subs, OSC_EVENT_ENDED));
    assert_false(subscriptions_want(&subs, OSC_EVENT_METER));
    assert_int_equal(add(1, "/meter", 0), API_OK);
    assert_true(subscriptions_want(&subs, OSC_EVENT_METER));
    assert_int_equal(add(1, "/nothing", 0), API_BAD_ARGUMENTS);
    assert_int_equal(subs.n_used, 2);
}

static void test_the_same_again_renews(void **state)
{
    (void)state;
    assert_int_equal(add(1, "/load", 0), API_OK);
    assert_int_equal(add(1, "/load", 9 * SECOND), API_OK);
    assert_int_equal(subs.n_used, 1);
    subscriptions_expire(&subs, 18 * SECOND);
    assert_int_equal(subs.n_used, 1);
    subscriptions_expire(&subs, 19 * SECOND);
    assert_int_equal(subs.n_used, 0);
    assert_false(subscriptions_want(&subs, OSC_EVENT_LOAD));
}

static void test_one_goes_and_others_stay(void **state)
{
    (void)state;
    struct client one = client(1), two = client(2);
    assert_int_equal(add(1, "/load", 0), API_OK);
    assert_int_equal(add(1, "/xruns", 0), API_OK);
    assert_int_equal(add(2, "/load", 0), API_OK);
    assert_int_equal(subscriptions_remove(&subs, &one, "/load"), 1);
    assert_int_equal(subscriptions_remove(&subs, &one, "/load"), 0);
    assert_true(subscriptions_want(&subs, OSC_EVENT_LOAD));
    assert_int_equal(subscriptions_remove(&subs, &two, NULL), 1);
    assert_false(subscriptions_want(&subs, OSC_EVENT_LOAD));
    assert_true(subscriptions_want(&subs, OSC_EVENT_XRUNS));
}

/// All sorts of patterns that match: one for each number.
static const char *pattern_of(uint32_t i, char *text)
{
    snprintf(text, PATTERN_BYTES, "/{load,%u}", i);
    return text;
}

static void test_limits(void **state)
{
    (void)state;
    char text[PATTERN_BYTES];
    for (uint32_t i = 0; i < MAX_SUBSCRIPTIONS_A_CLIENT; i++)
        assert_int_equal(add(1, pattern_of(i, text), 0), API_OK);
    assert_int_equal(add(1, pattern_of(MAX_SUBSCRIPTIONS_A_CLIENT, text), 0), API_REFUSED);
    assert_int_equal(add(1, pattern_of(0, text), 0), API_OK); // one that is there may be renewed
    for (uint32_t i = MAX_SUBSCRIPTIONS_A_CLIENT; i < MAX_SUBSCRIPTIONS; i++)
        assert_int_equal(add(1000 + i, "/load", 0), API_OK);
    assert_int_equal(add(2, "/load", 0), API_REFUSED);
    assert_int_equal(subs.n_refused, 2);
}

static void test_states_are_due_once_an_interval(void **state)
{
    (void)state;
    uint32_t missed;
    assert_int_equal(add(1, "/load", SECOND), API_OK);
    struct subscription *s = subs.entries;
    assert_true(subscription_is_due(s, SECOND, &missed));
    assert_false(subscription_is_due(s, SECOND + SECOND / 20, &missed));
    assert_int_equal(subscriptions_next_ns(&subs), SECOND + SECOND / 10);
    assert_true(subscription_is_due(s, SECOND + SECOND / 10, &missed));
    // After a long sleep there is one, not many.
    assert_true(subscription_is_due(s, 5 * SECOND, &missed));
    assert_false(subscription_is_due(s, 5 * SECOND + SECOND / 20, &missed));
}

static void test_only_changes_are_sent(void **state)
{
    (void)state;
    assert_int_equal(add(1, "//", 0), API_OK);
    struct subscription *s = subs.entries;
    assert_true(subscription_has_changed(s, OSC_EVENT_XRUNS, 0)); // the first value always
    assert_false(subscription_has_changed(s, OSC_EVENT_XRUNS, 0));
    assert_true(subscription_has_changed(s, OSC_EVENT_XRUNS, 1));
    assert_true(subscription_has_changed(s, OSC_EVENT_LOST, 1));
    assert_false(subscription_has_changed(s, OSC_EVENT_XRUNS, 1));
}

static void test_too_many_occurrences_are_counted(void **state)
{
    (void)state;
    uint32_t missed;
    assert_int_equal(add(1, "/voice/*", 0), API_OK);
    struct subscription *s = subs.entries;
    for (int i = 0; i < MAX_OCCURRENCES_AN_INTERVAL; i++)
        assert_true(subscription_takes(&subs, s));
    for (int i = 0; i < 7; i++)
        assert_false(subscription_takes(&subs, s));
    assert_true(subscription_is_due(s, SECOND, &missed));
    assert_int_equal(missed, 7);
    assert_int_equal(subs.n_missed, 7);
    assert_true(subscription_takes(&subs, s));
}

static enum status init(void *object, struct allocator *a)
{
    return subscriptions_init(object, a);
}

static void test_too_little_memory(void **state)
{
    (void)state;
    struct subscriptions s;
    check_arena_sizes(&(struct arena_user){init, NULL, &s});
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_patterns_name_events),
        TEST(test_the_same_again_renews),
        TEST(test_one_goes_and_others_stay),
        TEST(test_limits),
        TEST(test_states_are_due_once_an_interval),
        TEST(test_only_changes_are_sent),
        TEST(test_too_many_occurrences_are_counted),
        TEST(test_too_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
