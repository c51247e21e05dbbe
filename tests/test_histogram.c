// SPDX-License-Identifier: MIT
// test_histogram.c - buckets that hold what their bounds say, figures of a reading, and what a cycle counts.
#include <string.h>

#include "engine/backends/histogram.h"
#include "tests/check.h"

static struct histogram h;

static int reset(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    return 0;
}

static void check_bucket(uint64_t value)
{
    uint32_t i = histogram_bucket(value);
    assert_true(i < HISTOGRAM_BUCKETS);
    assert_true(value > histogram_from(i) || i == 0);
    assert_true(value <= histogram_to(i));
}

static void test_every_value_lies_between_the_bounds_of_its_bucket(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 20000; value++)
        check_bucket(value);
    for (uint32_t log2 = 0; log2 < 64; log2++)
        for (uint64_t d = 0; d < 3; d++)
            check_bucket((UINT64_C(1) << log2) + d - 1);
    check_bucket(UINT64_MAX);
}

static void test_bounds_rise_and_meet(void **state)
{
    (void)state;
    assert_int_equal(histogram_from(0), 0);
    assert_int_equal(histogram_to(0), 1 << HISTOGRAM_FIRST_LOG2);
    for (uint32_t i = 1; i < HISTOGRAM_BUCKETS; i++) {
        assert_int_equal(histogram_from(i), histogram_to(i - 1));
        assert_true(histogram_to(i) > histogram_from(i));
        assert_int_equal(histogram_bucket(histogram_from(i) + 1), i);
        if (i < HISTOGRAM_BUCKETS - 1) assert_true(histogram_to(i) * 4 <= histogram_from(i) * 5);
    }
    assert_int_equal(histogram_from(HISTOGRAM_BUCKETS - 1), UINT64_C(1) << HISTOGRAM_LAST_LOG2);
    assert_true(histogram_to(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
    assert_int_equal(histogram_to(histogram_bucket(HISTOGRAM_ONE)), HISTOGRAM_ONE);
}

static void test_an_empty_one_has_no_quantile(void **state)
{
    (void)state;
    struct histogram_reading r;
    histogram_read(&h, &r);
    assert_int_equal(r.n, 0);
    assert_int_equal(histogram_quantile(&r, 0.5), 0);
    assert_int_equal(histogram_quantile(&r, 1), 0);
}

static void test_quantiles_are_the_end_of_their_bucket_or_the_maximum(void **state)
{
    (void)state;
    struct histogram_reading r;
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_add(&h, i * 1000);
    histogram_read(&h, &r);
    assert_int_equal(r.n, 1000);
    assert_int_equal(r.sum, 500500000);
    assert_int_equal(r.max, 1000000);
    const double shares[] = {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        uint64_t exact = (uint64_t)(shares[i] * 1000 + 0.5) * 1000;
        uint64_t end = histogram_to(histogram_bucket(exact));
        assert_int_equal(histogram_quantile(&r, shares[i]), end < 1000000 ? end : 1000000);
    }
    assert_int_equal(histogram_quantile(&r, 0), histogram_to(histogram_bucket(1000)));
}

static void test_one_value_is_all_quantiles(void **state)
{
    (void)state;
    struct histogram_reading r;
    histogram_add(&h, 123456789);
    histogram_read(&h, &r);
    assert_int_equal(histogram_quantile(&r, 0.001), 123456789);
    assert_int_equal(histogram_quantile(&r, 1), 123456789);
}

static void test_a_difference_is_what_came_between(void **state)
{
    (void)state;
    struct histogram_reading before, r;
    histogram_add(&h, UINT64_MAX / 4); // an old maximum, in the last bucket
    histogram_add(&h, 5000);
    histogram_read(&h, &before);
    histogram_read(&h, &r);
    histogram_subtract(&r, &before);
    assert_int_equal(r.n, 0);
    assert_int_equal(r.sum, 0);
    assert_int_equal(histogram_quantile(&r, 1), 0);
    histogram_add(&h, 5000);
    histogram_add(&h, 70000);
    histogram_read(&h, &r);
    histogram_subtract(&r, &before);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.sum, 75000);
    assert_int_equal(histogram_quantile(&r, 0.5), histogram_to(histogram_bucket(5000)));
    assert_int_equal(r.max, histogram_to(histogram_bucket(70000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value_lies_between_the_bounds_of_its_bucket),
        cmocka_unit_test(test_bounds_rise_and_meet),
        cmocka_unit_test_setup(test_an_empty_one_has_no_quantile, reset),
        cmocka_unit_test_setup(test_quantiles_are_the_end_of_their_bucket_or_the_maximum, reset),
        cmocka_unit_test_setup(test_one_value_is_all_quantiles, reset),
        cmocka_unit_test_setup(test_a_difference_is_what_came_between, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
