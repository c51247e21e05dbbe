// SPDX-License-Identifier: MIT
// test_clock.c - the clock: units, offline time, and steps of NTP time.
#include "tests/clock_rig.h"

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

/// NTP time goes on while the machine sleeps, and the monotonic clock does not: nobody has set anything.
static void test_sleep_is_no_step(void **state)
{
    (void)state;
    static const double sleeps[] = {0.02, 5, 3600, 1e6};
    struct device d;
    open_device(&d, 0, 0);
    for (uint32_t i = 0; i < COUNT_OF(sleeps); i++) {
        run(&d, 3, 256);
        uint64_t ns = (uint64_t)llround(sleeps[i] * 1e9), due = ntp_at(&d, d.now_ns + 1e9 + sleeps[i] * 1e9);
        d.ntp_zero += clock_ntp_of_ns(ns);
        d.asleep_ns += ns;
        assert_int_equal(wake(&d, d.now_ns, 256), 0);
        int64_t frame = clock_frame_of_ntp(&d.clock, due);
        assert_true(llabs(frame - (int64_t)d.frame - RATE) <= 256 + 2); // when it was asked for
        assert_true(clock_frame_of_ntp(&d.clock, due - clock_ntp_of_ns(ns)) <= frame - (int64_t)(ns / 21000));
    }
    d.ntp_zero += clock_ntp_of_ns(7200000000000); // and set, and slept
    d.ntp_zero += clock_ntp_of_ns(1000000000);
    d.asleep_ns += 1000000000;
    int64_t jump = wake(&d, d.now_ns, 256);
    assert_true(llabs(jump - (INT64_C(7200) << 32)) < 100);
    d.asleep_ns -= 20; // the jitter of the readings, backwards
    assert_int_equal(wake(&d, d.now_ns, 256), 0);
}

/// The threads stand still for longer than the machine sleeps: the first cycle afterwards already knows where
/// it is.
static void test_sleep_starts_the_loop_anew(void **state)
{
    (void)state;
    static const double still_s[] = {0, 0.02, 0.58, 3};
    for (uint32_t i = 0; i < COUNT_OF(still_s); i++) {
        struct device d;
        open_device(&d, 0, 0);
        run(&d, 3, 256);
        d.now_ns += still_s[i] * 1e9;
        d.ntp_zero += clock_ntp_of_ns(3000000000);
        d.asleep_ns += 3000000000;
        double now_ns = d.now_ns;
        assert_int_equal(wake(&d, now_ns, 256), 0);
        int64_t error = clock_frame_of_ntp(&d.clock, ntp_at(&d, now_ns)) - (int64_t)d.frame;
        if (llabs(error) > 1) fail_msg("after %.2f s: %lld frames off", still_s[i], (long long)error);
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
        cmocka_unit_test(test_steps_are_told),
        cmocka_unit_test(test_sleep_is_no_step),
        cmocka_unit_test(test_sleep_starts_the_loop_anew),
        cmocka_unit_test(test_small_steps_are_followed_slowly),
        cmocka_unit_test(test_pairs_that_could_not_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
