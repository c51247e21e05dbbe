// SPDX-License-Identifier: MIT
// test_scheduling.c - commands with a time through the whole engine: at their frames, and taken back.
#include "tests/offline_rig.h"

// ---- time ----

static void test_at_is_exact(void **state)
{
    (void)state;
    uint64_t frame = engine.rt.frame;
    assert_int_equal(send_one("/play", "ssf", "step", "at", 0.0125), API_OK); // 600 frames
    assert_int_equal(engine.control.book.n_used, 1);
    render(N_FRAMES);
    assert_int_equal(onset(), 600);
    assert_int_equal(engine.control.book.n_used, 0);
    assert_int_equal(engine.rt.frame, frame + N_FRAMES);
}

static void test_two_events_at_a_distance(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 200; n += 7) {
        uint64_t frame = engine.rt.frame;
        begin(ntp_of(frame + 100));
        add("/play", "ssi", "step", "id", 1);
        size_t at = build_begin(&packet);
        build_bundle(&packet, ntp_of(frame + 100 + n));
        add("/stop", "isf", 1, "fade", 0.0);
        build_end(&packet, at);
        assert_int_equal(handle(), API_OK);
        render(N_FRAMES);
        assert_int_equal(onset(), 100);
        // From there on it fades, for as long as the declick ramp.
        uint32_t i = 100;
        while (left[i] == left[100])
            i++;
        assert_in_range(i, 100 + n, 101 + n);
        while (left[i] != 0)
            i++;
        assert_in_range(i, 100 + n + 238, 100 + n + 241);
    }
}

static void test_relative_changes_wait_too(void **state)
{
    (void)state;
    send_one("/play", "ssisf", "step", "id", 1, "pan", -1.0);
    render(64);
    for (int i = 1; i <= 3; i++)
        send_one("/voice/set", "isssf", 1, "gain", "-6", "at", 0.02 * i);
    render(N_FRAMES);
    const double step = 0.5011872336; // -6 dB
    for (int i = 0; i <= 3; i++) {
        double expected = 0.25;
        for (int k = 0; k < i; k++)
            expected *= step;
        double got = (double)left[960 * i + 950]; // right before the next one
        assert_true(got > expected * 0.9999 && got < expected * 1.0001);
    }
}

static void test_times_exclude_one_another(void **state)
{
    (void)state;
    struct books before = read_books();
    assert_int_equal(send_one("/play", "ssfsi", "step", "at", 1.0, "immediate", 1), API_BAD_ARGUMENTS);
    begin(ntp_of(RATE));
    add("/play", "ssf", "step", "at", 1.0);
    assert_int_equal(handle(), API_BAD_ARGUMENTS);
    assert_int_equal(send_one("/play", "sss", "step", "policy", "perhaps"), API_BAD_ARGUMENTS);
    assert_int_equal(send_one("/bus/new", "ssf", "x", "master", 1.0),
                     API_BAD_ARGUMENTS); // cannot be scheduled
    assert_books(&before);
}

static void test_a_full_schedule(void **state)
{
    (void)state;
    for (int i = 0; i < 15; i++)
        assert_int_equal(send_one("/bus/set", "ssfsf", "master", "gain", 0.0, "at", 100.0), API_OK);
    render(0);
    struct books before = read_books();
    begin(OSC_NOW);
    add("/play", "ssi", "step", "id", 1);
    add("/bus/set", "ssfsfsf", "master", "gain", 0.0, "pan", 0.0, "at", 1.0); // two commands
    assert_int_equal(handle(), API_FULL);
    assert_int_equal(engine.control.transaction.bad_call, 1);
    assert_books(&before);
    assert_int_equal(engine.control.book.n_refused, 1);
    assert_int_equal(send_one("/bus/set", "ssfsf", "master", "gain", 0.0, "at", 100.0), API_OK);
    assert_int_equal(send_one("/bus/set", "ssfsf", "master", "gain", 0.0, "at", 100.0), API_FULL);
}

static void test_hours_ahead(void **state)
{
    (void)state;
    assert_int_equal(send_one("/play", "ssf", "step", "at", 3600.0 * 24 * 300), API_OK);
    render(N_FRAMES);
    assert_int_equal(onset(), N_FRAMES);
    assert_int_equal(engine.rt.schedule.n_used, 1);
}

// ---- /clear ----

static void clear(const char *types, ...)
{
    va_list args;
    va_start(args, types);
    packet.n = 0;
    build_args("/clear", types, args);
    va_end(args);
    assert_int_equal(handle(), API_OK);
    render(0);
    render(0);
}

static void test_clear(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) // voices 0 to 3
        send_one("/play", "ssisfss", "step", "id", i, "at", 0.05, "tag", i % 2 ? "odd" : "even");
    send_one("/play", "ssssf", "step", "id", "bell", "at", 0.05);
    send_one("/voice/set", "ssfsf", "bell", "gain", -6.0, "at", 0.06);
    assert_int_equal(engine.control.book.n_used, 6);
    clear("i", 2);
    assert_int_equal(engine.control.book.n_used, 5);
    clear("s", "odd");
    assert_int_equal(engine.control.book.n_used, 3);
    assert_int_equal(engine.control.voices.n_used, 2); // 0 and bell: the others' slots are free again
    clear("s", "bell");
    assert_int_equal(engine.control.book.n_used, 1);
    clear("s", "nothing");
    clear("i", 77);
    assert_int_equal(engine.control.book.n_used, 1);
    clear("s", "all");
    assert_int_equal(engine.control.book.n_used, 0);
    assert_int_equal(engine.control.voices.n_used, 0);
    render(N_FRAMES);
    assert_int_equal(onset(), N_FRAMES);
    struct books b = read_books();
    assert_int_equal(b.n_voices_of_step, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_at_is_exact),
        TEST(test_two_events_at_a_distance),
        TEST(test_relative_changes_wait_too),
        TEST(test_times_exclude_one_another),
        TEST(test_a_full_schedule),
        TEST(test_hours_ahead),
        TEST(test_clear),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
