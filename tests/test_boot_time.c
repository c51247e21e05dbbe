// SPDX-License-Identifier: MIT
// test_boot_time.c - how much time has passed between two runs, whatever the clocks have done.
#include "engine/boot_time.h"
#include "tests/check.h"

#define S INT64_C(1000000000)

static struct boot_time at(int64_t realtime_s, int64_t boottime_s, uint8_t id)
{
    return (struct boot_time){.realtime_ns = realtime_s * S, .boottime_ns = boottime_s * S, .id = {id}};
}

static void expect(struct boot_time then, struct boot_time now, bool is_same, int64_t passed_s)
{
    assert_int_equal(boot_time_is_same_boot(&then, &now), is_same);
    assert_int_equal(boot_time_passed_ns(&then, &now), passed_s * S);
}

static void test_one_boot(void **state)
{
    (void)state;
    expect(at(1000, 50, 1), at(1010, 60, 1), true, 10);
    expect(at(1000, 50, 1), at(7777, 60, 1), true, 10); // the clock was set
    expect(at(1000, 50, 1), at(5, 60, 1), true, 10);
    expect(at(1000, 50, 1), at(1000, 49, 1), true, 0);
}

static void test_another_boot(void **state)
{
    (void)state;
    expect(at(1000, 500, 1), at(1600, 20, 2), false, 600);
    expect(at(1000, 50, 1), at(1600, 650, 2), false, 600);
    expect(at(1000, 50, 1), at(3, 3, 2), false, 0); // a machine without a clock of its own
}

static void test_without_ids(void **state)
{
    (void)state;
    expect(at(1000, 50, 0), at(1010, 60, 0), true, 10);
    expect(at(1000, 50, 0), at(1011, 60, 0), true, 10); // slewed
    expect(at(1000, 50, 0), at(1600, 20, 0), false, 600);
    expect(at(1000, 50, 1), at(1600, 20, 0), false, 600);
}

static void test_now(void **state)
{
    (void)state;
    struct boot_time a, b;
    boot_time_now(&a);
    boot_time_now(&b);
    assert_true(boot_time_is_same_boot(&a, &b));
    assert_true(boot_time_passed_ns(&a, &b) < 10 * S);
    assert_memory_equal(a.id, b.id, sizeof a.id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_boot),
        cmocka_unit_test(test_another_boot),
        cmocka_unit_test(test_without_ids),
        cmocka_unit_test(test_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
