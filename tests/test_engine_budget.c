// SPDX-License-Identifier: MIT
// test_engine_budget.c - what a cycle of a live engine takes at the most, of commands and of cuts.
#include "tests/engine_time_rig.h"

static void test_commands_beyond_a_cycle_wait(void **state)
{
    (void)state;
    static const uint32_t periods[] = {16, 64, 100, 240};
    for (uint32_t p = 0; p < COUNT_OF(periods); p++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        struct command c = nothing_now();
        uint32_t period = periods[p], n = period * 32; // 2048 for 64 frames
        assert_int_equal(CYCLE_COMMANDS(period), n);
        for (uint64_t i = 0; i < n; i++)
            engine_rig_push(f, &c);
        engine_rig_sync(f, 1);
        engine_rig_cycle(f, period);
        engine_rig_no_event(f);
        engine_rig_cycle(f, period);
        assert_int_equal(engine_rig_event(f, EVENT_SYNCED).frame, period);
        for (uint64_t i = 0; i < n - 1; i++) // as many as one cycle takes
            engine_rig_push(f, &c);
        engine_rig_sync(f, 2);
        engine_rig_cycle(f, period);
        assert_int_equal(engine_rig_event(f, EVENT_SYNCED).frame, 2 * period);
        engine_rig_close(&own);
    }
}

/// A cycle at a higher rate is shorter.
static void test_the_budget_is_a_share_of_time(void **state)
{
    (void)state;
    assert_int_equal(engine_rt_budget(128, 96000), engine_rt_budget(64, 48000));
    assert_int_equal(engine_rt_budget(8192, 8000), UINT64_C(8192) * 192);
    assert_int_equal(engine_rt_budget(0, 48000), engine_rt_budget(BLOCK_FRAMES, 48000));
}

/// The rest of a group comes along, however much there is to do.
static void test_groups_are_not_cut(void **state)
{
    struct engine_rig *f = *state;
    struct command c = nothing_now();
    for (uint64_t i = 0; i < CYCLE_COMMANDS(64) - 1; i++)
        engine_rig_push(f, &c);
    for (uint32_t i = 0; i < 3000; i++) {
        c.joins = i > 0;
        engine_rig_push(f, &c);
    }
    engine_rig_push(f, &(struct command){.type = COMMAND_SYNC, .token = 1, .joins = true});
    engine_rig_sync(f, 2);
    engine_rig_cycle(f, 64);
    assert_int_equal(engine_rig_event(f, EVENT_SYNCED).value, 1);
    engine_rig_no_event(f);
    engine_rig_cycle(f, 64);
    assert_int_equal(engine_rig_event(f, EVENT_SYNCED).value, 2);
}

/// The same in the schedule, in the middle of a cycle.
static void test_groups_in_the_schedule_are_not_cut(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 256);
    uint64_t time = engine_rig_ntp(f, f->now_ns + 356e9 / ENGINE_RATE), first = f->engine.frame + 356 + 256;
    for (uint32_t i = 0; i < 1501; i++) {
        struct command c = nothing_at(i, time);
        c.joins = i > 0 && i < 1500; // the last one stands alone
        engine_rig_push(f, &c);
    }
    engine_rig_cycle(f, 256);
    engine_rig_cycle(f, 256);
    struct command c = nothing_now();
    for (uint64_t i = 0; i < CYCLE_COMMANDS(256) - 1; i++)
        engine_rig_push(f, &c);
    engine_rig_cycle(f, 256);
    for (uint32_t i = 0; i < 1500; i++) {
        uint64_t frame;
        assert_int_equal(next_due(f, i, &frame).late_frames, 0);
        assert_int_equal(frame, first);
    }
    engine_rig_no_event(f);
    engine_rig_cycle(f, 256);
    assert_int_equal(next_due(f, 1500, NULL).late_frames, 256 - 100);
}

/// Commands for all voices or buses count as several.
static void test_what_costs_more_counts_more(void **state)
{
    struct engine_rig *f = *state;
    struct voices *v = &f->engine.mixer.voices;
    struct voices large = {.n_slots = 65536}, small = *v;
    uint8_t *states = large.state = calloc(65536, 1);
    assert_non_null(states);
    struct command all = {.type = COMMAND_VOICE_PAUSE, .slot = SLOT_ALL};
    for (uint32_t i = 0; i < 10; i++)
        engine_rig_push(f, &all);
    engine_rig_sync(f, 1);
    *v = large;
    engine_rt_process(&f->engine, NULL, NULL, 0, 0);
    assert_int_equal(queue_used(&f->engine.commands), 8); // two were done, and one is at hand
    for (uint32_t i = 0; i < 4; i++) {
        engine_rt_process(&f->engine, NULL, NULL, 0, 0);
        engine_rig_no_event(f);
    }
    engine_rt_process(&f->engine, NULL, NULL, 0, 0);
    engine_rig_event(f, EVENT_SYNCED);
    *v = small;
    free(states);
}

/// More are due at once than a cycle can do: all are done, the rest a cycle late.
static void test_more_due_than_a_cycle_can_do(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_cycle(f, 256);
    uint64_t time = engine_rig_ntp(f, f->now_ns + 20e6);
    for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++)
        push_nothing(f, i, time);
    engine_rig_cycle(f, 256);
    struct command c = nothing_now();
    uint32_t n_late = 0, n_in_time = 0;
    for (uint32_t k = 0; k < 10; k++) {
        while (queue_used(&f->engine.commands) < CYCLE_COMMANDS(256) - ENGINE_SCHEDULED / 2)
            engine_rig_push(f, &c);
        engine_rig_cycle(f, 256);
    }
    struct event e;
    while (queue_pop(&f->engine.events, &e)) {
        assert_int_equal(e.due.outcome, DUE_DONE);
        if (e.due.late_frames == 0)
            n_in_time++;
        else
            n_late++;
    }
    assert_int_equal(n_in_time + n_late, ENGINE_SCHEDULED);
    assert_in_range(n_in_time, ENGINE_SCHEDULED / 2 - 300, ENGINE_SCHEDULED / 2 + 300);
}

/// A cut costs each voice something: beyond a certain number blocks stay whole, and nobody is dropped for
/// that.
static void test_cuts_are_bounded(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 64);
    f->engine.mixer.voices.n_active += 9000; // as if they played
    for (uint32_t i = 0; i < 1024; i++) {
        struct command c = nothing_at(i, engine_rig_ntp(f, f->now_ns + i * 1e9 / ENGINE_RATE));
        c.drop_late = true;
        engine_rig_push(f, &c);
    }
    engine_rig_cycle(f, 64);
    uint64_t n_blocks = f->engine.n_blocks;
    for (uint32_t i = 0; i < 20; i++)
        engine_rig_cycle(f, 64);
    assert_in_range(f->engine.n_blocks - n_blocks, 16 * 7 + 4, 16 * 8 + 4); // 16 cycles have commands
    for (uint32_t i = 0; i < 1024; i++) {
        struct due due = next_due(f, i, NULL);
        assert_int_equal(due.outcome, DUE_DONE);
        assert_in_range(due.late_frames, 0, BLOCK_FRAMES);
    }
    f->engine.mixer.voices.n_active -= 9000;
}

#define LIVE(name) cmocka_unit_test_setup_teardown(name, engine_rig_live, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_beyond_a_cycle_wait),
        cmocka_unit_test(test_the_budget_is_a_share_of_time),
        LIVE(test_groups_are_not_cut),
        LIVE(test_groups_in_the_schedule_are_not_cut),
        LIVE(test_what_costs_more_counts_more),
        LIVE(test_more_due_than_a_cycle_can_do),
        LIVE(test_cuts_are_bounded),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
