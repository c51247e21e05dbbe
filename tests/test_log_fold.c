// SPDX-License-Identifier: MIT
// test_log_fold.c - how many lines of a kind are told in a time, and that none is forgotten.
#include <string.h>

#include "engine/log_fold.h"
#include "tests/check.h"

static struct log_fold f;
static struct log_folded folded;
static const char kinds[LOG_FOLD_KINDS + 1];

static int reset(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    return 0;
}

static uint32_t count_admitted(const void *kind, uint32_t n, int64_t now_ns)
{
    uint32_t n_admitted = 0;
    for (uint32_t i = 0; i < n; i++)
        n_admitted += log_fold_admits(&f, kind, 4, "text", now_ns);
    return n_admitted;
}

static void test_the_first_ones_are_told(void **state)
{
    (void)state;
    assert_int_equal(count_admitted(&kinds[0], LOG_FOLD_LINES + 5, 100), LOG_FOLD_LINES);
    assert_int_equal(count_admitted(&kinds[1], 3, 100), 3);
    assert_false(log_fold_take(&f, false, 100 + LOG_FOLD_NS - 1, &folded));
    assert_true(log_fold_take(&f, false, 100 + LOG_FOLD_NS, &folded));
    assert_int_equal(folded.n, 5);
    assert_int_equal(folded.level, 4);
    assert_string_equal(folded.text, "text");
    assert_false(log_fold_take(&f, true, 100 + LOG_FOLD_NS, &folded));
}

static void test_a_new_time_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(count_admitted(&kinds[0], LOG_FOLD_LINES, 0), LOG_FOLD_LINES);
    assert_int_equal(count_admitted(&kinds[0], LOG_FOLD_LINES + 1, LOG_FOLD_NS), LOG_FOLD_LINES);
    assert_int_equal(f.n_held, 1);
}

static void test_what_is_held_back_is_told_before_the_kind_is_told_again(void **state)
{
    (void)state;
    count_admitted(&kinds[0], LOG_FOLD_LINES + 1, 0);
    assert_int_equal(count_admitted(&kinds[0], 2, 3 * LOG_FOLD_NS), 0); // nobody has taken the one
    assert_true(log_fold_take(&f, false, 3 * LOG_FOLD_NS, &folded));
    assert_int_equal(folded.n, 3);
    assert_int_equal(count_admitted(&kinds[0], 1, 3 * LOG_FOLD_NS), 1);
}

static void test_a_long_flood_is_bounded_and_counted_whole(void **state)
{
    (void)state;
    uint64_t n_told = 0, n_folded = 0, n_lines = 0;
    for (int64_t now_ns = 0; now_ns < 10 * LOG_FOLD_NS; now_ns += LOG_FOLD_NS / 100) {
        n_told += count_admitted(&kinds[0], 7, now_ns);
        n_lines += 7;
        while (log_fold_take(&f, false, now_ns, &folded))
            n_folded += folded.n;
    }
    while (log_fold_take(&f, true, 10 * LOG_FOLD_NS, &folded))
        n_folded += folded.n;
    assert_int_equal(n_told + n_folded, n_lines);
    assert_in_range(n_told, LOG_FOLD_LINES, 11 * LOG_FOLD_LINES);
}

static void test_more_kinds_than_places(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LOG_FOLD_KINDS; i++)
        count_admitted(&kinds[i], LOG_FOLD_LINES + 1, 0);
    assert_int_equal(count_admitted(&kinds[LOG_FOLD_KINDS], 100, 0), 100); // not watched, and not lost
    uint32_t n = 0;
    while (log_fold_take(&f, true, 0, &folded))
        n += folded.n;
    assert_int_equal(n, LOG_FOLD_KINDS);
    assert_int_equal(count_admitted(&kinds[LOG_FOLD_KINDS], 100, LOG_FOLD_NS),
                     LOG_FOLD_LINES); // a place is free
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_first_ones_are_told, reset),
        cmocka_unit_test_setup(test_a_new_time_begins_anew, reset),
        cmocka_unit_test_setup(test_what_is_held_back_is_told_before_the_kind_is_told_again, reset),
        cmocka_unit_test_setup(test_a_long_flood_is_bounded_and_counted_whole, reset),
        cmocka_unit_test_setup(test_more_kinds_than_places, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
