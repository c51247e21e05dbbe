// SPDX-License-Identifier: MIT
// test_latest.c - the newest value, handed from one thread to another.
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "alloc/latest.h"
#include "tests/arena_limits.h"
#include "tests/check.h"

struct record {
    uint64_t values[16];
};

static void publish(struct latest *l, uint64_t n)
{
    struct record *r = latest_begin(l);
    for (int i = 0; i < 16; i++)
        r->values[i] = n;
    latest_publish(l);
}

static uint64_t value_of(const struct record *r)
{
    for (int i = 1; i < 16; i++)
        if (r->values[i] != r->values[0]) fail_msg("a record is half of another one");
    return r->values[0];
}

static void open_latest(struct latest *l, struct arena *a)
{
    assert_int_equal(arena_init(a, 1 << 16), STATUS_OK);
    assert_int_equal(latest_init(l, a, sizeof(struct record)), STATUS_OK);
}

static void test_gives_the_newest(void **state)
{
    (void)state;
    struct arena a;
    struct latest l;
    open_latest(&l, &a);
    assert_int_equal(value_of(latest_read(&l)), 0); // nothing was published: zeroed
    for (uint64_t n = 1; n < 100; n++) {
        for (uint64_t k = 0; k < n % 7; k++)
            publish(&l, 1000 * n + k);
        publish(&l, n);
        assert_int_equal(value_of(latest_read(&l)), n);
        assert_int_equal(value_of(latest_read(&l)), n); // and stays
    }
    arena_fini(&a);
}

/// What the reader holds is not touched by any number of publishes, nor by a record that is begun.
static void test_what_was_read_stays(void **state)
{
    (void)state;
    struct arena a;
    struct latest l;
    open_latest(&l, &a);
    publish(&l, 7);
    const struct record *held = latest_read(&l);
    for (uint64_t n = 8; n < 20; n++) {
        publish(&l, n);
        memset(latest_begin(&l), 0xff, sizeof(struct record));
        assert_int_equal(value_of(held), 7);
    }
    assert_int_equal(value_of(latest_read(&l)), 19);
    arena_fini(&a);
}

static enum status init_one(void *object, struct arena *a)
{
    return latest_init(object, a, 1000);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct latest l;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &l});
}

// ---- two threads ----

#define N_RECORDS 300000u

static void *write_all(void *context)
{
    for (uint64_t n = 1; n <= N_RECORDS; n++)
        publish(context, n);
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    struct arena a;
    struct latest l;
    pthread_t thread;
    open_latest(&l, &a);
    assert_int_equal(pthread_create(&thread, NULL, write_all, &l), 0);
    uint64_t newest = 0;
    while (newest < N_RECORDS) {
        uint64_t n = value_of(latest_read(&l));
        if (n < newest) fail_msg("an older record came back");
        newest = n;
    }
    pthread_join(thread, NULL);
    assert_int_equal(value_of(latest_read(&l)), N_RECORDS);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_newest),
        cmocka_unit_test(test_what_was_read_stays),
        cmocka_unit_test(test_small_arenas),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
