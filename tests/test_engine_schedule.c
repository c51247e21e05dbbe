// SPDX-License-Identifier: MIT
// test_engine_schedule.c - commands at their frames, offline: exact, in order, none lost.
#include "tests/engine_time_rig.h"

/// Clicks at random frames, known long before; calls of all lengths, each list of lengths in another order.
static void test_each_at_its_frame(void **state)
{
    (void)state;
    static const uint32_t lengths[][4] = {{16, 16, 16, 16},         {64, 64, 64, 64},    {256, 256, 256, 256},
                                          {1024, 1024, 1024, 1024}, {16, 1024, 64, 100}, {1, 17, 63, 65}};
    for (size_t l = 0; l < COUNT_OF(lengths); l++) {
        void *own;
        uint64_t seed = 11;
        uint32_t expected[ENGINE_FRAMES] = {0};
        assert_int_equal(engine_rig_offline(&own), 0);
        struct engine_rig *f = own;
        for (uint32_t i = 0; i < ENGINE_VOICES; i++) {
            uint32_t frame = i < 8 ? 1000 + i : i < 16 ? 2047 + i / 4 : random_below(&seed, ENGINE_FRAMES);
            struct command c = click_at(i, engine_rig_stamp(frame));
            engine_rig_push(f, &c);
            expected[frame]++;
        }
        for (uint32_t at = 0, k = 0; at < ENGINE_FRAMES; k++) {
            uint32_t n = lengths[l][k % 4];
            if (n > ENGINE_FRAMES - at) n = ENGINE_FRAMES - at;
            engine_rig_process(f, at, n);
            at += n;
        }
        for (uint32_t at = 0; at < ENGINE_FRAMES; at++)
            if (clicks(f, at) != expected[at])
                fail_msg("calls %zu: %u clicks at frame %u, not %u", l, clicks(f, at), at, expected[at]);
        struct event e;
        while (queue_pop(&f->engine.events, &e))
            if (e.type == EVENT_DUE) assert_true(e.due.outcome == DUE_DONE && e.due.late_frames == 0);
        engine_rig_close(&own);
    }
}

/// Equal frames: what waited first, then in order of arrival; here the last one to set it wins.
static void test_order_at_one_frame(void **state)
{
    struct engine_rig *f = *state;
    struct command gain = nothing_at(0, engine_rig_stamp(100));
    gain.type = COMMAND_BUS_GAIN;
    for (uint32_t i = 0; i < 20; i++) {
        gain.entry = (uint16_t)i;
        gain.change.value = -1.0 * i;
        engine_rig_push(f, &gain);
    }
    engine_rig_process(f, 0, 100);
    gain.entry = 20; // from the queue, for the same frame
    gain.change.value = -33;
    engine_rig_push(f, &gain);
    engine_rig_process(f, 100, 100);
    struct bus_report r;
    buses_report(&f->engine.mixer.buses, 0, &r);
    assert_true(r.gain_db == -33.0f);
    for (uint32_t i = 0; i < 21; i++) {
        uint64_t frame;
        assert_int_equal(next_due(f, i, &frame).outcome, DUE_DONE);
        assert_int_equal(frame, 100);
    }
}

/// As many as there are at one frame cut the block once.
static void test_many_at_one_frame_cut_once(void **state)
{
    struct engine_rig *f = *state;
    for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++)
        push_nothing(f, i, engine_rig_stamp(100));
    engine_rig_process(f, 0, 256);
    assert_int_equal(f->engine.n_blocks, 4 + 1);
    for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++) {
        uint64_t frame;
        assert_int_equal(next_due(f, i, &frame).late_frames, 0);
        assert_int_equal(frame, 100);
    }
}

static void test_late_ones(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_process(f, 0, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        struct command c = click_at(i, engine_rig_stamp(i < 2 ? 1000 : 900 + 99 * (i - 2)));
        c.drop_late = i % 2;
        engine_rig_push(f, &c);
    }
    engine_rig_process(f, 1000, 10);
    assert_int_equal(clicks(f, 1000), 3);
    static const struct due expected[] = {{DUE_DONE, 0}, {DUE_DONE, 0}, {DUE_DONE, 100}, {DUE_DROPPED, 1}};
    for (uint32_t i = 0; i < 4; i++) {
        if (expected[i].outcome == DUE_DONE) engine_rig_event(f, EVENT_VOICE_STARTED);
        struct due due = next_due(f, i, NULL);
        assert_int_equal(due.outcome, expected[i].outcome);
        assert_int_equal(due.late_frames, expected[i].late_frames);
    }
}

static void unschedule(struct engine_rig *f, uint32_t entry)
{
    engine_rig_push(f, &(struct command){.type = COMMAND_UNSCHEDULE, .unscheduled = entry});
}

static void test_unschedule(void **state)
{
    struct engine_rig *f = *state;
    for (uint32_t i = 0; i < 3; i++) {
        struct command c = click_at(i, engine_rig_stamp(500));
        engine_rig_push(f, &c);
    }
    engine_rig_process(f, 0, 499);
    unschedule(f, 0); // before
    engine_rig_process(f, 499, 1);
    assert_int_equal(next_due(f, 0, NULL).outcome, DUE_UNSCHEDULED);
    unschedule(f, 1); // at: what waits comes first
    engine_rig_process(f, 500, 100);
    assert_int_equal(clicks(f, 500), 2);
    unschedule(f, 2); // after
    unschedule(f, 0); // twice
    engine_rig_process(f, 600, 100);
    for (uint32_t i = 1; i < 3; i++) {
        engine_rig_event(f, EVENT_VOICE_STARTED);
        assert_int_equal(next_due(f, i, NULL).outcome, DUE_DONE);
    }
    for (uint32_t i = 1; i < 3; i++)
        engine_rig_event(f, EVENT_VOICE_ENDED);
    engine_rig_no_event(f);
}

/// A /clear can itself have a time.
static void test_unschedule_at_a_time(void **state)
{
    struct engine_rig *f = *state;
    for (uint32_t i = 0; i < 2; i++) {
        struct command c = click_at(i, engine_rig_stamp(500 + i));
        engine_rig_push(f, &c);
    }
    struct command c = nothing_at(2, engine_rig_stamp(500));
    c.type = COMMAND_UNSCHEDULE;
    c.unscheduled = 1;
    engine_rig_push(f, &c);
    engine_rig_process(f, 0, 1000);
    assert_int_equal(clicks(f, 500), 1);
    assert_int_equal(clicks(f, 501), 0);
}

static void test_a_full_schedule(void **state)
{
    struct engine_rig *f = *state;
    uint64_t seed = 3;
    uint64_t frames[ENGINE_SCHEDULED];
    for (uint32_t round = 0; round < 3; round++) { // entries can be given out again
        uint64_t first = f->engine.frame, last = 0;
        for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++) {
            frames[i] = first + random_below(&seed, 3000);
            push_nothing(f, i, engine_rig_stamp(frames[i]));
        }
        for (uint32_t at = 0; at < 3000; at += 100)
            engine_rig_process(f, 0, 100);
        for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++) {
            struct event e = engine_rig_event(f, EVENT_DUE);
            assert_int_equal(e.frame, frames[e.slot]);
            assert_true(e.frame >= last);
            last = e.frame;
        }
        engine_rig_no_event(f);
        assert_int_equal(f->engine.schedule.n_used, 0);
    }
}

static void test_hours_ahead(void **state)
{
    struct engine_rig *f = *state;
    const uint64_t frame = UINT64_C(5) * 3600 * ENGINE_RATE + 1;
    push_nothing(f, 0, engine_rig_stamp(frame));
    engine_rig_process(f, 0, 64);
    f->engine.frame = frame / BLOCK_FRAMES * BLOCK_FRAMES; // time flies
    engine_rig_process(f, 0, 64);
    uint64_t done;
    assert_int_equal(next_due(f, 0, &done).late_frames, 0);
    assert_int_equal(done, frame);
}

#define OFFLINE(name) cmocka_unit_test_setup_teardown(name, engine_rig_offline, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_at_its_frame),
        OFFLINE(test_order_at_one_frame),
        OFFLINE(test_many_at_one_frame_cut_once),
        OFFLINE(test_late_ones),
        OFFLINE(test_unschedule),
        OFFLINE(test_unschedule_at_a_time),
        OFFLINE(test_a_full_schedule),
        OFFLINE(test_hours_ahead),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
