// SPDX-License-Identifier: MIT
// test_engine_time.c - commands at NTP times while clocks jitter, step and stand still.
#include "tests/engine_time_rig.h"

/// Commands for every 100th of a second from half a second on; `n` of them.
static void schedule_ahead(struct engine_rig *f, uint32_t n, bool drop_late)
{
    for (uint32_t i = 0; i < n; i++) {
        struct command c = nothing_at(i, engine_rig_ntp(f, f->now_ns + 0.5e9 + i * 0.01e9));
        c.drop_late = drop_late;
        engine_rig_push(f, &c);
    }
}

/// They come in order, 480 frames of the system's time apart, and none is late.
static void check_distances(struct engine_rig *f, uint32_t n, double first, double slack)
{
    for (uint32_t i = 0; i < n; i++) {
        struct event e = engine_rig_event(f, EVENT_DUE);
        assert_int_equal(e.slot, i);
        assert_int_equal(e.due.outcome, DUE_DONE);
        assert_int_equal(e.due.late_frames, 0);
        double expected = first + i * 0.01 * f->rate;
        if (fabs((double)e.frame - expected) > slack)
            fail_msg("entry %u was done at frame %llu, not %.1f", i, (unsigned long long)e.frame, expected);
    }
    engine_rig_no_event(f);
}

/// Jitter and drift make nobody late, though late ones would be dropped.
static void test_waiting_is_not_being_late(void **state)
{
    (void)state;
    static const uint32_t periods[] = {64, 1024};
    for (uint32_t i = 0; i < COUNT_OF(periods); i++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        f->rate = ENGINE_RATE * 0.9999;
        f->jitter_ns = 200e3;
        engine_rig_run(f, 15, periods[i]);
        double first = true_frame(f, f->now_ns + 0.5e9) + periods[i] - f->jitter_ns / 2 * 1e-9 * f->rate;
        schedule_ahead(f, 1000, true);
        engine_rig_run(f, 12, periods[i]);
        check_distances(f, 1000, first, 2);
        engine_rig_close(&own);
    }
}

/// Nor does a period that becomes shorter, which moves all times to earlier frames.
static void test_a_shorter_period_makes_nobody_late(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 2, 1024);
    schedule_ahead(f, 300, true);
    engine_rig_cycle(f, 1024);
    engine_rig_run(f, 4, 64);
    for (uint32_t i = 0; i < 300; i++) {
        struct due due = next_due(f, i, NULL);
        assert_int_equal(due.outcome, DUE_DONE);
        assert_int_equal(due.late_frames, 0);
    }
    assert_int_equal(f->engine.clock.period, 64);
}

/// The system's clock is set while 1000 commands wait: none is early, none is lost, each keeps its distance.
static void test_clock_steps(void **state)
{
    (void)state;
    static const double steps[] = {3600, -3600, 0.01, -0.01};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        engine_rig_run(f, 3, 256);
        double first = true_frame(f, f->now_ns + 0.5e9) + 256;
        schedule_ahead(f, 1000, true);
        engine_rig_run(f, 0.2, 256);
        f->ntp_zero += (uint64_t)(int64_t)(steps[i] * 4294967296.0);
        engine_rig_run(f, 0.2, 256);
        struct event e = engine_rig_event(f, EVENT_CLOCK_STEP);
        assert_true(fabs((double)(int64_t)e.value * 1e-9 - steps[i]) < 1e-6);
        engine_rig_no_event(f); // neither another step, nor any command yet
        assert_int_equal(f->engine.schedule.n_used, 1000);
        engine_rig_run(f, 11, 256);
        check_distances(f, 1000, first, 1);
        engine_rig_close(&own);
    }
}

/// The same while the commands are still in the queue, from which one cycle cannot take them all: the first
/// is at hand, or has not been taken yet. What comes behind the step has the new time already.
static void step_while_queued(double seconds, bool is_at_hand)
{
    void *own;
    assert_int_equal(engine_rig_live(&own), 0);
    struct engine_rig *f = own;
    struct command c = nothing_now();
    engine_rig_run(f, 3, 256);
    double from = f->now_ns, first = true_frame(f, from + 0.5e9) + 256;
    for (uint64_t i = 0; i < CYCLE_COMMANDS(256) - (is_at_hand ? 0 : 500); i++)
        engine_rig_push(f, &c);
    schedule_ahead(f, 1000, true);
    if (is_at_hand) {
        engine_rig_cycle(f, 256);
        assert_true(f->engine.has_next && f->engine.next.entry == 0);
        for (uint64_t i = 0; i < 7000; i++)
            engine_rig_push(f, &c);
    }
    f->ntp_zero += (uint64_t)(int64_t)(seconds * 4294967296.0);
    engine_rig_cycle(f, 256);
    if (!is_at_hand) assert_int_equal(f->engine.schedule.n_used, 500);
    push_nothing(f, 1000, engine_rig_ntp(f, from + 0.5e9 + 1000 * 0.01e9));
    engine_rig_run(f, 0.2, 256);
    engine_rig_event(f, EVENT_CLOCK_STEP);
    engine_rig_no_event(f);
    assert_int_equal(f->engine.schedule.n_used, 1001);
    engine_rig_run(f, 11, 256);
    check_distances(f, 1001, first, 1);
    engine_rig_close(&own);
}

static void test_clock_steps_meet_the_queue(void **state)
{
    (void)state;
    static const double steps[] = {3600, -3600, 0.01, -0.01};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        step_while_queued(steps[i], false);
        step_while_queued(steps[i], true);
    }
}

/// Several steps that control has no room to hear of come as one.
static void test_steps_wait_for_room(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 256);
    uint32_t owed = f->engine.owed_events;
    f->engine.owed_events = f->engine.events.n_slots; // no room to spare
    for (uint32_t i = 0; i < 3; i++) {
        f->ntp_zero += UINT64_C(10) << 32;
        engine_rig_cycle(f, 256);
    }
    engine_rig_no_event(f);
    f->engine.owed_events = owed;
    engine_rig_cycle(f, 256);
    assert_true(fabs((double)(int64_t)engine_rig_event(f, EVENT_CLOCK_STEP).value - 30e9) < 1000);
    engine_rig_cycle(f, 256);
    engine_rig_no_event(f);
}

/// The process stood still for two seconds: what was due meanwhile is late by as much.
static void test_a_gap(void **state)
{
    (void)state;
    for (uint32_t drop = 0; drop < 2; drop++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        engine_rig_run(f, 3, 256);
        schedule_ahead(f, 400, drop); // until 4.5 s from now
        engine_rig_run(f, 1, 256);    // 50 of them are done
        f->now_ns += 2e9;
        engine_rig_run(f, 3, 256);
        uint32_t n_late = 0;
        for (uint32_t i = 0; i < 400; i++) {
            struct due due = next_due(f, i, NULL);
            bool is_late = due.late_frames > 0;
            assert_int_equal(due.outcome, is_late && drop ? DUE_DROPPED : DUE_DONE);
            assert_true(due.late_frames <= 2 * ENGINE_RATE + 256);
            n_late += is_late;
        }
        assert_in_range(n_late, 198, 202);
        engine_rig_close(&own);
    }
}

/// Before NTP time is known what has a time waits.
static void test_no_ntp_time_yet(void **state)
{
    struct engine_rig *f = *state;
    push_nothing(f, 0, engine_rig_ntp(f, f->now_ns - 1e9));
    float *const out[] = {f->left, f->right};
    struct moment now = {.monotonic_ns = 1000000000};
    engine_rt_process(&f->engine, &now, out, 2, 64);
    engine_rig_no_event(f);
    f->now_ns += 64e9 / ENGINE_RATE;
    engine_rig_cycle(f, 64);
    assert_in_range(next_due(f, 0, NULL).late_frames, ENGINE_RATE - 10, ENGINE_RATE + 70);
}

static void test_the_clock_is_told(void **state)
{
    struct engine_rig *f = *state;
    f->rate = ENGINE_RATE * 1.0002;
    engine_rig_run(f, 20, 256);
    schedule_ahead(f, 10, false);
    engine_rig_cycle(f, 256);
    const struct clock_state *s = latest_read(&f->engine.clock_state);
    assert_int_equal(s->frame, f->engine.frame - 256);
    assert_int_equal(s->period, 256);
    assert_int_equal(s->n_scheduled, 10);
    assert_true(fabs((s->rate_hz / ENGINE_RATE - 1) * 1e6 - 200) < 5);
    double truth = f->now_ns - 256e9 / f->rate;
    assert_true(fabs((double)s->monotonic_ns - truth) < 10000);
    assert_true(llabs((int64_t)(s->ntp - engine_rig_ntp(f, truth))) < 43000); // 10 us
}

#define LIVE(name) cmocka_unit_test_setup_teardown(name, engine_rig_live, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_is_not_being_late),
        LIVE(test_a_shorter_period_makes_nobody_late),
        cmocka_unit_test(test_clock_steps),
        cmocka_unit_test(test_clock_steps_meet_the_queue),
        LIVE(test_steps_wait_for_room),
        cmocka_unit_test(test_a_gap),
        LIVE(test_no_ntp_time_yet),
        LIVE(test_the_clock_is_told),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
