// SPDX-License-Identifier: MIT
// test_voices_report.c - what voices tell of themselves: loops, pauses, and where they are.
#include "tests/voices_rig.h"

static void test_loops_are_reported_once_a_block(void **state)
{
    (void)state;
    struct voices *v = &r.voices;
    struct voice_start begin = rig_start(&noise.sound);
    begin.looping = true;
    begin.loop_end = 10; // six times a block
    start(2, &begin);
    begin.loop_end = 100;
    begin.loop_count = 3;
    start(7, &begin);
    rig_render(&r, NULL, NULL, 64, 64);
    assert_int_equal(v->n_looped, 0); // nobody asked
    v->report_loops = true;
    rig_render(&r, NULL, NULL, 64, 64); // to 128
    assert_int_equal(v->n_looped, 2);
    assert_int_equal(v->looped[0] + v->looped[1], 9);
    assert_int_equal(report(7).passes_left, 2);
    v->n_looped = 0;
    rig_render(&r, NULL, NULL, 64, 64); // to 192: slot 2 alone
    assert_int_equal(v->n_looped, 1);
    assert_int_equal(v->looped[0], 2);
    v->n_looped = 0;
    assert_true(report(7).looping);
    rig_render(&r, NULL, NULL, 64, 64); // to 256: the last pass has begun
    assert_int_equal(v->n_looped, 2);
    assert_false(report(7).looping);
    begin.loop_count = 0;
    start(8, &begin);
    rig_render(&r, NULL, NULL, 64 * 2 * RIG_VOICES, 64); // two voices by turns, and nobody reads
    assert_int_equal(v->n_looped, v->n_slots);
}

static void test_pauses_are_listed(void **state)
{
    (void)state;
    struct voices *v = &r.voices;
    struct voice_start begin = rig_start(&ones.sound);
    for (uint32_t s = 0; s < 3; s++)
        start(s, &begin);
    begin.paused = true;
    start(3, &begin); // is held from the beginning: did not begin to be
    voices_pause(v, 1, 0);
    rig_render(&r, NULL, NULL, RIG_DECLICK, 64);
    assert_int_equal(v->n_paused, 0);
    rig_render(&r, NULL, NULL, 1, 64);
    assert_int_equal(v->n_paused, 1);
    assert_int_equal(v->paused[0], 1);
    assert_int_equal(report(1).state, VOICE_PAUSED);
    v->n_paused = 0;
    for (uint32_t i = 0; i < 3 * RIG_VOICES; i++) { // nobody reads
        voices_resume(v, 1, 0);
        voices_pause(v, 1, 0);
        rig_render(&r, NULL, NULL, RIG_DECLICK + 1, 64);
    }
    assert_int_equal(v->n_paused, RIG_VOICES);
}

static void test_seeks_stay_inside_the_sound(void **state)
{
    (void)state;
    static const double wanted[] = {-5, 0, 4999, 4999.75, 5000, 1e9};
    struct voice_start begin = rig_start(&noise.sound);
    begin.paused = true;
    start(0, &begin);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        voices_seek(&r.voices, 0, rig_frames(wanted[i]));
        int64_t last = rig_frames(5000) - 1, position = report(0).position;
        assert_true(position == (wanted[i] < 0 ? 0 : wanted[i] >= 5000 ? last : rig_frames(wanted[i])));
    }
}

static void test_reports(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&noise.sound);
    assert_int_equal(report(5).state, VOICE_FREE);
    begin.gain_db = -7;
    begin.pan = 0.5f;
    begin.looping = true;
    begin.loop_end = 1000;
    begin.loop_count = 4;
    start(5, &begin);
    rig_render(&r, NULL, NULL, 1500, 64);
    struct voice_report is = report(5);
    assert_true(is.position == rig_frames(500) && is.increment == FRAME_ONE);
    assert_true(is.gain_db == -7.0f && is.pan == 0.5f);
    assert_int_equal(is.state, VOICE_PLAYING);
    assert_int_equal(is.passes_left, 3);
    assert_true(is.looping);
    voices_set_gain(&r.voices, 5, &(struct change){.value = -20, .ramp_frames = 5000});
    voices_set_rate(&r.voices, 5, &(struct change){.value = 2, .ramp_frames = 5000});
    is = report(5);
    assert_true(is.gain_db == -20.0f && is.increment == 2 * FRAME_ONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_loops_are_reported_once_a_block),
        TEST(test_pauses_are_listed),
        TEST(test_seeks_stay_inside_the_sound),
        TEST(test_reports),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
