// SPDX-License-Identifier: MIT
// test_clock_live.c - the clock of a live engine: jitter is filtered, gaps and hiccups move nothing.
#include "tests/clock_rig.h"

static void test_before_the_first_cycle(void **state)
{
    (void)state;
    struct clock c;
    struct clock_state s;
    clock_init(&c, RATE);
    assert_int_equal(clock_frame_of_ns(&c, 5), 0);
    assert_true(clock_frame_of_ntp(&c, BOOT_NTP) == INT64_MAX);
    clock_read(&c, &s);
    assert_true(s.frame == 0 && s.ntp == 0 && s.rate_hz == (double)RATE);
    struct moment now = {.monotonic_ns = 1000000000, .ntp = 0}; // could not be read
    assert_int_equal(clock_begin_cycle(&c, &now, 0, 64), 0);
    assert_true(clock_frame_of_ntp(&c, BOOT_NTP) == INT64_MAX);
    assert_int_equal(clock_frame_of_ns(&c, 1000000000), 64);
    now = (struct moment){.monotonic_ns = 1001333333, .ntp = BOOT_NTP};
    assert_int_equal(clock_begin_cycle(&c, &now, 64, 64), 0); // the first time is no jump
    assert_int_equal(clock_frame_of_ntp(&c, BOOT_NTP), 128);
    clock_read(&c, &s);
    assert_int_equal(s.frame, 64);
    assert_int_equal(s.period, 64);
    assert_true(llabs((int64_t)(s.ntp - BOOT_NTP)) < 20000); // 5 us
}

/// One period, for each time of a cycle, from the first cycle on when nothing jitters.
static void test_one_period_later(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 0, 0);
    for (uint32_t k = 0; k < 5000; k++) {
        cycle(&d, 128);
        double first_ns = d.now_ns - 128e9 / RATE;
        uint64_t first = d.frame - 128;
        for (int32_t at = -300; at <= 300; at += 20) { // also of earlier and later cycles
            double ns = first_ns + at * 1e9 / RATE;
            assert_int_equal(clock_frame_of_ns(&d.clock, (uint64_t)llround(ns)), (int64_t)first + at + 128);
            assert_int_equal(clock_frame_of_ntp(&d.clock, ntp_at(&d, ns)), (int64_t)first + at + 128);
        }
    }
}

static void test_hours_ahead(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 0, 0);
    run(&d, 30, 256);
    double then = d.now_ns + 10 * 3600e9;
    int64_t frame = clock_frame_of_ntp(&d.clock, ntp_at(&d, then));
    assert_true(llabs(frame - (int64_t)d.frame - INT64_C(10) * 3600 * RATE) < 1000);
}

/// What the loop leaves of the jitter: spread of the starts (rms, largest), in frames.
static void measure(struct device *d, double seconds, uint32_t period, double *rms, double *spread)
{
    double sum = 0, squares = 0, low = 1e9, high = -1e9;
    uint32_t n = 0;
    for (double end = d->now_ns + seconds * 1e9; d->now_ns < end; n++) {
        cycle(d, period);
        double error = error_of_start(d);
        sum += error;
        squares += error * error;
        low = error < low ? error : low;
        high = error > high ? error : high;
    }
    *rms = sqrt(squares / n - sum / n * sum / n);
    *spread = high - low;
}

/// Times that lie a whole number of the device's frames apart, each asked for in the cycle that is to do it.
static void check_distances(struct device *d, double seconds, uint32_t period)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (double end = d->now_ns + seconds * 1e9; d->now_ns < end;) {
        cycle(d, period);
        double first_ns = d->now_ns - period / d->rate * 1e9;
        int64_t first = (int64_t)d->frame - period, at = random_below(&d->seed, period);
        uint64_t ns = (uint64_t)llround(first_ns + (double)(at - period) / d->rate * 1e9);
        int64_t error = clock_frame_of_ns(&d->clock, ns) - first - at;
        low = error < low ? error : low;
        high = error > high ? error : high;
    }
    if (high - low > 1)
        fail_msg("period %u: two times were %lld frames off", period, (long long)(high - low));
}

static void test_jitter_is_filtered(void **state)
{
    (void)state;
    static const uint32_t periods[] = {16, 64, 256, 1024};
    for (uint32_t i = 0; i < COUNT_OF(periods); i++)
        for (double ppm = -100; ppm <= 100; ppm += 100) {
            struct device d;
            double rms, spread;
            open_device(&d, ppm, JITTER_NS);
            run(&d, 10, periods[i]);
            measure(&d, 60, periods[i], &rms, &spread);
            printf("period %u, %+.0f ppm, jitter 0 to 200 us: %.3f frames rms, %.3f from the earliest to the "
                   "latest, "
                   "%+.2f ppm measured\n",
                   periods[i], ppm, rms, spread, (1e9 / d.clock.frame_ns / RATE - 1) * 1e6);
            check_distances(&d, 60, periods[i]);
            struct clock_state s;
            clock_read(&d.clock, &s);
            assert_true(fabs((s.rate_hz / RATE - 1) * 1e6 - ppm) < 20);
        }
}

static void test_locks_within_seconds(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        struct device d;
        open_device(&d, 100, JITTER_NS);
        d.seed = seed;
        for (double seconds = 0; seconds < 5; seconds += 0.5) {
            run(&d, 0.5, 256);
            double mean = JITTER_NS / 2 * 1e-9 * RATE;
            assert_true(fabs(error_of_start(&d) - mean) < (seconds < 1 ? 5 : seconds < 3 ? 3 : 2));
        }
    }
}

/// A time falls on one frame, whichever cycle is asked: nothing falls between two cycles.
static void test_cycles_meet(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 50, JITTER_NS);
    for (uint32_t k = 0; k < 20000; k++) {
        cycle(&d, 64);
        double first_ns = d.now_ns - 64 / d.rate * 1e9;
        int64_t before[40];
        uint64_t ns[40];
        for (uint32_t i = 0; i < 40; i++) {
            ns[i] = (uint64_t)(first_ns + random_between(&d.seed, 0, 64) / d.rate * 1e9);
            before[i] = clock_frame_of_ns(&d.clock, ns[i]);
        }
        int64_t next_first = (int64_t)d.frame, slack = d.clock.slack_frames;
        cycle(&d, 64);
        for (uint32_t i = 0; i < 40; i++) {
            int64_t after = clock_frame_of_ns(&d.clock, ns[i]);
            if (before[i] >= next_first) assert_true(after >= next_first - slack);
            if (k > 2000) assert_in_range(after - before[i] + 1, 0, 2);
        }
    }
}

static void test_hiccups_move_nothing(void **state)
{
    (void)state;
    static const uint32_t periods[] = {64, 256, 1024};
    for (uint32_t i = 0; i < COUNT_OF(periods); i++)
        for (double late = 0.3; late < 10; late *= 1.5) { // periods
            struct device d;
            open_device(&d, 20, 20e3);
            run(&d, 20, periods[i]);
            double before = error_of_start(&d);
            // One cycle is late, those behind it are made at the same moment, until the device is satisfied.
            double ns = d.now_ns + late * periods[i] / d.rate * 1e9;
            for (double worst = 0; d.now_ns < ns || worst == 0; worst = 1)
                assert_int_equal(wake(&d, ns, periods[i]), 0);
            for (uint32_t k = 0; k < 200; k++) {
                cycle(&d, periods[i]);
                double moved = fabs(error_of_start(&d) - before);
                if (moved > 0.5)
                    fail_msg("%.1f periods of %u late: moved by %.2f frames", late, periods[i], moved);
            }
        }
}

/// A sound server that wakes up for two periods at a time.
static void test_cycles_in_pairs(void **state)
{
    (void)state;
    struct device d;
    double low = 1e9, high = -1e9;
    open_device(&d, -30, 0);
    for (uint32_t k = 0; k < 10000; k++) {
        double ns = d.now_ns;
        wake(&d, ns + random_between(&d.seed, 0, 50e3), 256);
        wake(&d, ns + random_between(&d.seed, 60e3, 100e3), 256);
        if (k < 4000) continue; // it settles for longer than without such a swing
        double error = error_of_start(&d);
        low = error < low ? error : low;
        high = error > high ? error : high;
    }
    assert_true(high - low < 1);
}

static void test_cycles_of_any_length(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 80, JITTER_NS);
    uint64_t seed = 5;
    double low = 1e9, high = -1e9;
    for (double end = d.now_ns + 60e9, settled = d.now_ns + 15e9; d.now_ns < end;) {
        cycle(&d, 16u << random_below(&seed, 7));
        if (d.now_ns < settled) continue;
        double error = error_of_start(&d);
        low = error < low ? error : low;
        high = error > high ? error : high;
        assert_int_equal(d.clock.period, 1024);
    }
    assert_true(high - low < 2);
}

static void test_the_period_follows_the_cycles(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 0, 0);
    run(&d, 1.5, 256);
    assert_int_equal(d.clock.period, 256);
    cycle(&d, 1024); // longer: at once
    assert_int_equal(d.clock.period, 1024);
    uint32_t slack = 0;
    for (double end = d.now_ns + 2.5e9; d.now_ns < end;) {
        uint32_t before = d.clock.period;
        cycle(&d, 64); // shorter: when it lasts
        if (d.clock.period < before) slack += d.clock.slack_frames - 1;
    }
    assert_int_equal(d.clock.period, 64);
    assert_int_equal(slack, 1024 - 64); // by so much did times move, and nobody is late for that
}

/// What waits while the thread stands still is late by as much; the loop is at its place again at once.
static void test_gaps(void **state)
{
    (void)state;
    static const double gaps[] = {0.03, 0.2, 0.9, 2, 100};
    static const uint32_t periods[] = {64, 1024};
    for (uint32_t p = 0; p < COUNT_OF(periods); p++)
        for (uint32_t i = 0; i < COUNT_OF(gaps); i++) {
            struct device d;
            open_device(&d, 100, JITTER_NS);
            run(&d, 20, periods[p]);
            d.now_ns += gaps[i] * 1e9; // frames that were never made
            run(&d, 7 * periods[p] / d.rate, periods[p]);
            double mean = JITTER_NS / 2 * 1e-9 * RATE;
            bool small = gaps[i] * RATE < periods[p];
            if (!small && fabs(error_of_start(&d) - mean) > 10)
                fail_msg("%g s, period %u: %.1f frames off", gaps[i], periods[p], error_of_start(&d) - mean);
            run(&d, 20, periods[p]);
            assert_true(fabs(error_of_start(&d) - mean) < 2);
        }
}

static void test_another_count_of_frames_starts_anew(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 0, 0);
    run(&d, 3, 256);
    d.frame += 1000;
    d.now_ns += 5e6;
    cycle(&d, 256);
    assert_true(fabs(error_of_start(&d)) < 0.01);
}

static void test_a_rate_that_is_far_off_is_not_believed(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 50000, 0);
    run(&d, 20, 256);
    assert_true(d.clock.frame_ns >= 1e9 / RATE * 0.9899 && d.clock.frame_ns <= 1e9 / RATE * 1.0101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_first_cycle),
        cmocka_unit_test(test_one_period_later),
        cmocka_unit_test(test_hours_ahead),
        cmocka_unit_test(test_jitter_is_filtered),
        cmocka_unit_test(test_locks_within_seconds),
        cmocka_unit_test(test_cycles_meet),
        cmocka_unit_test(test_hiccups_move_nothing),
        cmocka_unit_test(test_cycles_in_pairs),
        cmocka_unit_test(test_cycles_of_any_length),
        cmocka_unit_test(test_the_period_follows_the_cycles),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_another_count_of_frames_starts_anew),
        cmocka_unit_test(test_a_rate_that_is_far_off_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
