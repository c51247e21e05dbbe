// SPDX-License-Identifier: MIT
// test_engine_rates.c - the audio side takes another sample rate: what waits, in the queue or the schedule,
// means the same seconds as before.
#include "tests/engine_rig.h"

#define OTHER_RATE 96000
#define PERIOD     480

static struct rig_sound ones, twice;

static int make_sounds(void **state)
{
    (void)state;
    rig_sound_make(&ones, 4 * ENGINE_RATE, 1, SAMPLE_F32, rig_one);
    rig_sound_make(&twice, 4 * OTHER_RATE, 1, SAMPLE_F32, rig_one);
    ones.sound.rate = ENGINE_RATE;
    twice.sound.rate = OTHER_RATE;
    ones.sound.serial = twice.sound.serial = 5;
    return 0;
}

static int free_sounds(void **state)
{
    (void)state;
    rig_sound_free(&ones);
    rig_sound_free(&twice);
    return 0;
}

/// The device comes back at this rate.
static void set_rate(struct engine_rig *f, uint32_t rate)
{
    engine_rt_set_rate(&f->engine, rate);
    f->rate = rate;
}

static struct voice_report report(const struct engine_rig *f, uint32_t slot)
{
    struct voice_report report;
    voices_report(&f->engine.mixer.voices, slot, &report);
    return report;
}

static double seconds_of(const struct engine_rig *f, uint32_t slot)
{
    struct voice_report r = report(f, slot);
    return (double)r.position / (double)FRAME_ONE / r.rate;
}

static void expect_near(double a, double b, double most)
{
    if (!(fabs(a - b) <= most)) fail_msg("%.12g is not within %g of %.12g", a, most, b);
}

static void start(struct engine_rig *f, uint32_t slot)
{
    struct voice_start s = rig_start(&ones.sound);
    s.looping = true;
    s.loop_end = s.end_frame;
    engine_rig_start(f, slot, &s);
}

/// Seconds until a voice has ended.
static double end_of(struct engine_rig *f, uint32_t slot)
{
    double from_ns = f->now_ns;
    while (f->engine.mixer.voices.state[slot] != VOICE_FREE && f->now_ns - from_ns < 10e9)
        engine_rig_cycle(f, PERIOD);
    return (f->now_ns - from_ns) * 1e-9;
}

static void test_lengths_in_the_queue(void **state)
{
    struct engine_rig *f = *state;
    start(f, 0);
    engine_rig_run(f, 0.5, PERIOD);
    struct command stop = {.type = COMMAND_VOICE_STOP, .rate = ENGINE_RATE, .fade.frames = ENGINE_RATE};
    engine_rig_push(f, &stop);
    set_rate(f, OTHER_RATE);
    expect_near(end_of(f, 0), 1, 0.03);
}

static void test_lengths_in_the_schedule(void **state)
{
    struct engine_rig *f = *state;
    start(f, 0);
    engine_rig_run(f, 0.5, PERIOD);
    struct command stop = {.type = COMMAND_VOICE_STOP,
                           .when = WHEN_TIME,
                           .time = engine_rig_ntp(f, f->now_ns + 1e9),
                           .rate = ENGINE_RATE,
                           .fade.frames = ENGINE_RATE / 2};
    engine_rig_push(f, &stop);
    engine_rig_run(f, 0.25, PERIOD);
    set_rate(f, OTHER_RATE);
    expect_near(end_of(f, 0), 1.25, 0.03); // its time has not moved
}

static void test_time_goes_on(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, PERIOD);
    uint64_t frame = f->engine.frame;
    set_rate(f, OTHER_RATE);
    engine_rig_run(f, 1, PERIOD);
    assert_int_equal(f->engine.frame, frame + OTHER_RATE);
    assert_int_equal(f->engine.clock.rate, OTHER_RATE);
    const struct clock_state *now = latest_read(&f->engine.clock_state);
    expect_near(now->rate_hz, OTHER_RATE, OTHER_RATE * 1e-3);
    int64_t off = (int64_t)(now->ntp - engine_rig_ntp(f, f->now_ns - PERIOD / f->rate * 1e9));
    expect_near((double)off / 4294967296.0, 0, 1e-4);
    assert_int_equal(engine_rt_budget(64, OTHER_RATE) * 2, engine_rt_budget(64, ENGINE_RATE));
}

static void test_seek_means_seconds(void **state)
{
    struct engine_rig *f = *state;
    start(f, 0);
    engine_rig_run(f, 0.1, PERIOD);
    struct command seek = {
        .type = COMMAND_VOICE_SEEK, .rate = ENGINE_RATE, .seek.position = 3 * ENGINE_RATE * FRAME_ONE};
    engine_rig_push(f, &seek);
    set_rate(f, OTHER_RATE);
    engine_rig_run(f, 0.1, PERIOD);
    expect_near(seconds_of(f, 0), 3.1, 0.02);
    // The sound is another one than that which the command was made for.
    seek.seek.position = ENGINE_RATE * FRAME_ONE;
    struct command replace = {.type = COMMAND_REPLACE_SOUND, .replacement = {&ones.sound, &twice.sound}};
    engine_rig_push(f, &replace);
    engine_rig_push(f, &seek);
    engine_rig_run(f, 0.1, PERIOD);
    assert_int_equal(report(f, 0).rate, OTHER_RATE);
    expect_near(seconds_of(f, 0), 1.1, 0.02);
}

static void test_starts_in_the_schedule(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 0.1, PERIOD);
    struct command later = {.type = COMMAND_VOICE_START,
                            .when = WHEN_TIME,
                            .time = engine_rig_ntp(f, f->now_ns + 0.5e9),
                            .rate = ENGINE_RATE,
                            .start = rig_start(&ones.sound)};
    later.start.position = 2 * ENGINE_RATE * FRAME_ONE;
    engine_rig_push(f, &later);
    engine_rig_run(f, 0.1, PERIOD);
    set_rate(f, OTHER_RATE);
    struct command replace = {.type = COMMAND_REPLACE_SOUND, .replacement = {&ones.sound, &twice.sound}};
    engine_rig_push(f, &replace);
    engine_rig_run(f, 0.1, PERIOD);
    engine_rig_event(f, EVENT_SOUND_REPLACED); // and the old one may go
    engine_rig_run(f, 0.4, PERIOD);
    assert_ptr_equal(f->engine.mixer.voices.sound[0], &twice.sound);
    expect_near(seconds_of(f, 0), 2.1, 0.03);
}

/// What is asked of a sound by its serial finds it at any rate.
static void test_the_serial_stays(void **state)
{
    struct engine_rig *f = *state;
    start(f, 0);
    engine_rig_run(f, 0.1, PERIOD);
    set_rate(f, OTHER_RATE);
    engine_rig_push(
        f, &(struct command){.type = COMMAND_REPLACE_SOUND, .replacement = {&ones.sound, &twice.sound}});
    engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_STOP,
                                         .slot = SLOT_ALL,
                                         .rate = ENGINE_RATE,
                                         .fade = {.bus = BUS_ANY, .sound = &ones.sound, .serial = 5}});
    expect_near(end_of(f, 0), 0.01, 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lengths_in_the_queue, engine_rig_live, engine_rig_close),
        cmocka_unit_test_setup_teardown(test_lengths_in_the_schedule, engine_rig_live, engine_rig_close),
        cmocka_unit_test_setup_teardown(test_time_goes_on, engine_rig_live, engine_rig_close),
        cmocka_unit_test_setup_teardown(test_seek_means_seconds, engine_rig_live, engine_rig_close),
        cmocka_unit_test_setup_teardown(test_starts_in_the_schedule, engine_rig_live, engine_rig_close),
        cmocka_unit_test_setup_teardown(test_the_serial_stays, engine_rig_live, engine_rig_close),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
