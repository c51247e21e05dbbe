// SPDX-License-Identifier: MIT
// test_clock.c - the audio clock against the system's, on a device made in code: its rate is off, and its
// wake-ups come late.
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rt/clock.h"
#include "tests/check.h"
#include "tests/random.h"

#define RATE      48000
#define BOOT      1e9                          // CLOCK_MONOTONIC when the device starts, ns
#define BOOT_NTP  (UINT64_C(3900000000) << 32) // CLOCK_REALTIME when CLOCK_MONOTONIC was 0
#define JITTER_NS 200e3

/// A device and the clock that follows it.
struct device {
    struct clock clock;
    double rate;   // its own
    double now_ns; // true time of the next cycle's first frame
    double jitter_ns;
    uint64_t seed, frame;
    uint64_t ntp_zero;
};

static void open_device(struct device *d, double ppm, double jitter_ns)
{
    *d = (struct device){.rate = RATE * (1 + ppm * 1e-6),
                         .now_ns = BOOT,
                         .jitter_ns = jitter_ns,
                         .seed = 99,
                         .ntp_zero = BOOT_NTP};
    clock_init(&d->clock, RATE);
}

static uint64_t ntp_at(const struct device *d, double ns)
{
    return d->ntp_zero + clock_ntp_of_ns((uint64_t)llround(ns));
}

/// A cycle that wakes up at `ns`. Returns the jump that was seen.
static int64_t wake(struct device *d, double ns, uint32_t n_frames)
{
    struct moment now = {.monotonic_ns = (uint64_t)llround(ns), .ntp = ntp_at(d, ns)};
    int64_t jump = clock_begin_cycle(&d->clock, &now, d->frame, n_frames);
    d->frame += n_frames;
    d->now_ns += n_frames / d->rate * 1e9;
    return jump;
}

static void cycle(struct device *d, uint32_t n_frames)
{
    assert_int_equal(wake(d, d->now_ns + random_between(&d->seed, 0, d->jitter_ns), n_frames), 0);
}

static void run(struct device *d, double seconds, uint32_t n_frames)
{
    for (double end = d->now_ns + seconds * 1e9; d->now_ns < end;)
        cycle(d, n_frames);
}

/// Filtered start of the newest cycle, against the truth, in frames.
static double error_of_start(const struct device *d)
{
    double start = (double)d->clock.base_ns + d->clock.start_ns;
    double truth = d->now_ns - d->clock.n_frames / d->rate * 1e9;
    return (start - truth) * 1e-9 * d->rate;
}

// ---- units ----

static void test_units(void **state)
{
    (void)state;
    assert_true(clock_ntp_of_ns(1500000000) == UINT64_C(3) << 31);
    assert_true(clock_ntp_of_ns(UINT64_MAX) >> 32 == (UINT64_C(18446744073) & UINT32_MAX));
    assert_int_equal(clock_ns_of_ntp(INT64_C(3) << 31), 1500000000);
    assert_int_equal(clock_ns_of_ntp(-(INT64_C(3) << 31)), -1500000000);
    for (uint64_t ns = 1; ns < UINT64_C(4000000000) * 1000000000; ns = ns * 3 / 2 + 1)
        assert_true(llabs(clock_ns_of_ntp((int64_t)(clock_ntp_of_ns(ns) & INT64_MAX)) -
                          (int64_t)(ns % (UINT64_C(1000000000) << 31))) <= 1);
}

// ---- offline ----

/// The stamp that a client works out: rounded down, as it may be.
static uint64_t stamp(uint64_t zero, uint64_t frame, uint32_t rate)
{
    return zero + (frame / rate << 32) + ((frame % rate) << 32) / rate;
}

static void test_offline_frames_are_exact(void **state)
{
    (void)state;
    static const uint32_t rates[] = {8000, 11025, 44100, 48000, 96000, 192000};
    for (uint32_t i = 0; i < COUNT_OF(rates); i++) {
        struct clock c;
        uint64_t seed = 3;
        clock_init_exact(&c, rates[i], BOOT_NTP + 12345);
        for (uint32_t k = 0; k < 200000; k++) {
            uint64_t frame = k < 100000 ? k : (uint64_t)random_next(&seed) * 1000;
            assert_int_equal(clock_frame_of_ntp(&c, stamp(BOOT_NTP + 12345, frame, rates[i])), frame);
        }
        assert_int_equal(clock_frame_of_ntp(&c, BOOT_NTP + 12345 - (UINT64_C(10) << 32)),
                         -10 * (int64_t)rates[i]);
    }
}

/// Half frames, as five milliseconds are at 44.1 kHz, must not go up or down as their stamps were rounded.
static void test_offline_half_frames_go_up(void **state)
{
    (void)state;
    struct clock c;
    clock_init_exact(&c, 44100, 0);
    for (uint64_t ms = 5; ms < 100000; ms += 10)
        assert_int_equal(clock_frame_of_ntp(&c, (ms << 32) / 1000), (ms * 441 + 5) / 10);
}

static void test_offline_time_does_not_depend_on_cycles(void **state)
{
    (void)state;
    struct clock c;
    struct clock_state s;
    clock_init_exact(&c, 44100, BOOT_NTP);
    for (uint32_t n = 1; n < 100; n++) {
        assert_int_equal(clock_begin_cycle(&c, NULL, n * 1000, n), 0);
        assert_int_equal(clock_frame_of_ntp(&c, stamp(BOOT_NTP, 77777, 44100)), 77777);
        assert_int_equal(clock_frame_of_ns(&c, 123), n * 1000); // nothing arrives there: at once
        clock_read(&c, &s);
        assert_int_equal(s.frame, n * 1000);
        assert_int_equal(s.ntp, stamp(BOOT_NTP, n * 1000, 44100));
        assert_int_equal(s.period, 0);
    }
}

static void test_the_year_2036(void **state)
{
    (void)state;
    struct clock c;
    clock_init_exact(&c, 48000, UINT64_MAX - (UINT64_C(1) << 32));
    assert_int_equal(clock_frame_of_ntp(&c, UINT64_C(1) << 32), 2 * 48000);
    struct device d;
    open_device(&d, 0, 0);
    d.ntp_zero = UINT64_MAX - (UINT64_C(5) << 32); // four seconds after the start
    run(&d, 10, 256);
    double then = d.now_ns - 1e6;
    assert_in_range(clock_frame_of_ntp(&d.clock, ntp_at(&d, then)), d.frame - 48 + 255, d.frame - 48 + 257);
}

// ---- live ----

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

// ---- NTP time ----

static void test_steps_are_told(void **state)
{
    (void)state;
    static const double steps[] = {3600, -3600, 0.01, -0.01, 0.0051, 5e8, -5e8};
    for (uint32_t i = 0; i < COUNT_OF(steps); i++) {
        struct device d;
        open_device(&d, 0, 0);
        run(&d, 3, 256);
        int64_t by = (int64_t)(steps[i] * 4294967296.0);
        int64_t before = clock_frame_of_ntp(&d.clock, ntp_at(&d, d.now_ns));
        d.ntp_zero += (uint64_t)by;
        int64_t jump = wake(&d, d.now_ns, 256);
        assert_true(llabs(jump - by) < 100); // 25 ns
        assert_true(llabs(clock_frame_of_ntp(&d.clock, ntp_at(&d, d.now_ns)) - before - 256) <= 1);
        assert_int_equal(wake(&d, d.now_ns, 256), 0); // once
    }
}

static void test_small_steps_are_followed_slowly(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 0, 0);
    run(&d, 3, 256);
    d.ntp_zero += clock_ntp_of_ns(3000000); // 144 frames
    int64_t last = 0;
    for (double end = d.now_ns + 15e9; d.now_ns < end;) {
        cycle(&d, 256);
        int64_t error = clock_frame_of_ntp(&d.clock, ntp_at(&d, d.now_ns)) - (int64_t)d.frame - 256;
        if (last != 0) assert_true(llabs(error - last) <= 1);
        last = error;
    }
    assert_true(llabs(last) <= 1);
}

static void test_pairs_that_could_not_be_read(void **state)
{
    (void)state;
    struct device d;
    open_device(&d, 0, 0);
    run(&d, 1, 256);
    d.ntp_zero += UINT64_C(100) << 32;
    for (uint32_t k = 0; k < 50; k++) {
        struct moment now = {.monotonic_ns = (uint64_t)llround(d.now_ns)};
        assert_int_equal(clock_begin_cycle(&d.clock, &now, d.frame, 256), 0);
        d.frame += 256;
        d.now_ns += 256e9 / RATE;
    }
    int64_t jump = wake(&d, d.now_ns, 256);
    assert_true(llabs(jump - (INT64_C(100) << 32)) < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_offline_frames_are_exact),
        cmocka_unit_test(test_offline_half_frames_go_up),
        cmocka_unit_test(test_offline_time_does_not_depend_on_cycles),
        cmocka_unit_test(test_the_year_2036),
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
        cmocka_unit_test(test_steps_are_told),
        cmocka_unit_test(test_small_steps_are_followed_slowly),
        cmocka_unit_test(test_pairs_that_could_not_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
