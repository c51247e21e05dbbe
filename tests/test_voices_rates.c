// SPDX-License-Identifier: MIT
// test_voices_rates.c - voices keep their pitch and their place in seconds when the engine or their sound
// takes another sample rate.
#include "mixer/voices.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

#define HZ       441.0
#define SECONDS  2
#define N_FRAMES 192000

static const uint32_t rates[] = {8000, 11025, 44100, 48000, 96000, 192000};
static struct rig_sound tones[COUNT_OF(rates)], ones;
static float left[N_FRAMES];
static struct rig r;

static double tone_at(double seconds)
{
    return 0.5 * sin(2 * 3.14159265358979323846 * HZ * seconds);
}

/// The same tone at each rate.
static int make_sounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        rig_sound_make(&tones[i], rates[i] * SECONDS, 1, SAMPLE_F32, rig_one);
        tones[i].sound.rate = rates[i];
        float *plane = sound_channel(&tones[i].sound, tones[i].memory, 0);
        for (uint32_t k = 0; k < tones[i].sound.n_frames; k++)
            plane[k] = (float)tone_at((double)k / rates[i]);
    }
    rig_sound_make(&ones, 400000, 1, SAMPLE_S16, rig_one);
    ones.sound.rate = RIG_RATE;
    return 0;
}

static int free_sounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rates); i++)
        rig_sound_free(&tones[i]);
    rig_sound_free(&ones);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    rig_open(&r);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_close(&r);
    return 0;
}

static void expect_near(double a, double b, double most)
{
    if (!(fabs(a - b) <= most)) fail_msg("%.12g is not within %g of %.12g", a, most, b);
}

static const struct sound *tone_of(uint32_t rate)
{
    for (size_t i = 0; i < COUNT_OF(rates); i++)
        if (rates[i] == rate) return &tones[i].sound;
    fail();
    return NULL;
}

static void set_engine(uint32_t rate)
{
    voices_change_rate(&r.voices, (struct rate_change){r.voices.rate, rate}, rate / 200);
}

static double seconds_of(uint32_t slot)
{
    struct voice_report report;
    voices_report(&r.voices, slot, &report);
    return (double)report.position / (double)FRAME_ONE / report.rate;
}

/// What is rendered next is the tone from `seconds` on, at the rate of the engine.
static void expect_tone(double seconds, uint32_t n_frames, double tolerance)
{
    rig_render(&r, left, NULL, n_frames, 64);
    for (uint32_t i = 0; i < n_frames; i++) {
        double wanted = tone_at(fmod(seconds + (double)i / r.voices.rate, SECONDS));
        if (fabs((double)left[i] - wanted) > tolerance)
            fail_msg("frame %u of %u at %u Hz is %f and not %f", i, n_frames, r.voices.rate, (double)left[i],
                     wanted);
    }
}

// ---- numbers ----

static void test_positions_are_exact(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (uint32_t i = 0; i < 100000; i++) {
        struct rate_change change = {8000 + random_below(&seed, 184001), 8000 + random_below(&seed, 184001)};
        int64_t position = ((int64_t)random_below(&seed, 1u << 26) << 32 | random_below(&seed, UINT32_MAX)) *
                           (random_below(&seed, 2) ? 1 : -1);
        long double wanted = floorl((long double)position * change.to / change.from);
        // A long double has as many bits as that; one more when it does not come to a whole number.
        long double off = (long double)rate_change_position(change, position) - wanted;
        if (off < -1 || off > 1)
            fail_msg("%lld from %u to %u Hz is off by %Lf", (long long)position, change.from, change.to, off);
    }
    struct rate_change down = {48000, 44100};
    assert_int_equal(rate_change_position(down, 48000 * FRAME_ONE), 44100 * FRAME_ONE);
    assert_int_equal(rate_change_position(down, -48000 * FRAME_ONE), -44100 * FRAME_ONE);
    assert_int_equal(rate_change_frames(down, 48000), 44100);
    assert_int_equal(rate_change_frames((struct rate_change){8000, 192000}, UINT32_MAX), UINT32_MAX);
    assert_int_equal(rate_change_some_frames((struct rate_change){192000, 8000}, 1), 1);
    assert_int_equal(rate_change_some_frames((struct rate_change){192000, 8000}, 0), 0);
}

// ---- the engine ----

static void test_pitch_and_place_stay(void **state)
{
    (void)state;
    for (size_t a = 0; a < COUNT_OF(rates); a++)
        for (size_t b = 0; b < COUNT_OF(rates); b++) {
            set_engine(rates[a]);
            struct voice_start start = rig_start(tone_of(rates[a]));
            start.interpolation = INTERPOLATION_SINC;
            voices_start(&r.voices, 0, &start);
            uint32_t n_frames = rates[a] / 10;
            double seconds = (double)n_frames / rates[a];
            expect_tone(0, n_frames, 1e-6);
            set_engine(rates[b]);
            expect_near(seconds_of(0), seconds, 1e-9);
            // Of a sixteenth of the rate the engine takes no more than that: 192000 to 8000 Hz is too far.
            if (rates[a] > 16 * rates[b]) {
                voices_stop(&r.voices, 0, 0);
                rig_render(&r, NULL, NULL, rates[b], 64);
                assert_true(rig_ended(&r, 0, NULL));
                continue;
            }
            n_frames = rates[b] / 4;
            expect_tone(seconds, n_frames, 3e-3);
            seconds += (double)n_frames / rates[b];
            // The sound itself follows.
            voices_replace_sound(&r.voices, tone_of(rates[a]), tone_of(rates[b]));
            expect_near(seconds_of(0), seconds, 1e-4);
            // Half a frame off at the most: it slides to a whole one.
            double slid = 3e-3 + 0.5 * 2 * 3.14159265358979323846 * HZ * 0.5 / rates[b];
            expect_tone(seconds, rates[b], slid);
            assert_int_equal((uint32_t)r.voices.voices[0].now.position, 0); // it has slid to a whole frame
            expect_tone(seconds + 1, rates[b] / 10, slid);
            voices_stop(&r.voices, 0, 0);
            rig_render(&r, NULL, NULL, rates[b], 64);
            assert_true(rig_ended(&r, 0, NULL));
        }
}

static void test_loops_stay_in_time(void **state)
{
    (void)state;
    struct voice_start start = rig_start(tone_of(48000));
    start.looping = true;
    start.loop_end = start.end_frame;
    voices_start(&r.voices, 0, &start);
    double seconds = 0;
    static const uint32_t ways[] = {44100, 48000, 96000, 44100, 48000};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const struct sound *before = r.voices.sound[0];
        set_engine(ways[i]);
        expect_tone(seconds, ways[i], 1e-2); // round the seam, too
        seconds = fmod(seconds + 1, SECONDS);
        voices_replace_sound(&r.voices, before, tone_of(ways[i]));
        expect_tone(seconds, ways[i] / 2, 1e-2);
        seconds = fmod(seconds + 0.5, SECONDS);
        expect_near(seconds_of(0), seconds, 1e-4);
        assert_true(r.voices.looping[0]);
        assert_int_equal(r.voices.loop_end[0], tone_of(ways[i])->n_frames);
    }
}

static void test_what_is_on_its_way_takes_as_long(void **state)
{
    (void)state;
    struct voice_start start = rig_start(&ones.sound);
    voices_start(&r.voices, 0, &start);
    start.fade_out_frames = 4800;
    start.end_frame = 48000;
    voices_start(&r.voices, 1, &start);
    voices_set_gain(&r.voices, 0, &(struct change){.value = -200, .ramp_frames = 48000});
    voices_stop(&r.voices, 0, 48000);
    rig_render(&r, left, NULL, 24000, 64);
    set_engine(96000);
    rig_render(&r, left, NULL, 38400, 64); // 0.9 s have passed
    expect_near((double)left[38399], 0.1 * 0.1 + 1, 2e-3);
    assert_false(rig_ended(&r, 1, NULL));
    rig_render(&r, left, NULL, 9600 - 64, 64);
    expect_near((double)left[4800], 0.05 * 0.05 + 0.5, 5e-3); // the fade before its end has come
    assert_false(rig_ended(&r, 0, NULL));
    rig_render(&r, left, NULL, 128, 64);
    assert_int_equal(r.voices.n_ended, 2);
    r.voices.n_ended = 0;
    assert_int_equal(r.voices.n_active, 0);
}

static void test_a_speed_on_its_way_arrives(void **state)
{
    (void)state;
    struct voice_start start = rig_start(&ones.sound);
    voices_start(&r.voices, 0, &start);
    voices_set_rate(&r.voices, 0, &(struct change){.value = 3, .ramp_frames = 48000});
    rig_render(&r, NULL, NULL, 24000, 64);
    set_engine(44100);
    rig_render(&r, NULL, NULL, 22050, 64);
    expect_near(seconds_of(0), 2, 1e-2); // a second at speed 2 on the average
    rig_render(&r, NULL, NULL, 44100, 64);
    expect_near(seconds_of(0), 5, 1e-2);
    struct voice_report report;
    voices_report(&r.voices, 0, &report);
    assert_int_equal(report.increment, 3 * FRAME_ONE);
}

static void test_speed_has_its_bounds(void **state)
{
    (void)state;
    set_engine(8000);
    struct voice_start start = rig_start(tone_of(192000));
    start.increment = 16 * FRAME_ONE;
    voices_start(&r.voices, 0, &start);
    assert_int_equal(r.voices.voices[0].now.increment, 16 * FRAME_ONE);
    start.increment = -1;
    start.sound = tone_of(8000);
    set_engine(192000);
    voices_start(&r.voices, 1, &start);
    assert_int_equal(r.voices.voices[1].now.increment, -1);
}

static void test_what_is_held_goes_on_there(void **state)
{
    (void)state;
    struct voice_start start = rig_start(tone_of(48000));
    start.paused = true;
    start.position = 24000 * FRAME_ONE;
    voices_start(&r.voices, 0, &start);
    set_engine(44100);
    voices_replace_sound(&r.voices, tone_of(48000), tone_of(44100));
    assert_int_equal(r.voices.voices[0].now.position, 22050 * FRAME_ONE);
    voices_resume(&r.voices, 0, 0);
    expect_tone(0.5, 4410, 1e-6);
}

// ---- sounds ----

static void test_voices_of_others_are_left_alone(void **state)
{
    (void)state;
    struct voice_start start = rig_start(tone_of(48000));
    voices_start(&r.voices, 0, &start);
    start = rig_start(&ones.sound);
    voices_start(&r.voices, 1, &start);
    voices_replace_sound(&r.voices, tone_of(48000), tone_of(96000));
    assert_ptr_equal(r.voices.sound[0], tone_of(96000));
    assert_ptr_equal(r.voices.sound[1], &ones.sound);
}

static void test_a_start_that_waits(void **state)
{
    (void)state;
    struct voice_start start = rig_start(tone_of(48000));
    start.position = 4800 * FRAME_ONE;
    start.loop_start = 4800;
    start.loop_end = 9600;
    voice_start_replace_sound(&start, tone_of(44100));
    assert_ptr_equal(start.sound, tone_of(44100));
    assert_int_equal(start.position, 4410 * FRAME_ONE);
    assert_int_equal(start.end_frame, SECONDS * 44100);
    assert_int_equal(start.loop_start, 4410);
    assert_int_equal(start.loop_end, 8820);
}

/// Loops of any place, length and direction, with positions anywhere: a voice in its loop stays in it, and
/// one outside stays there.
static void test_no_voice_changes_sides(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t a = random_below(&seed, COUNT_OF(rates)), b = random_below(&seed, COUNT_OF(rates));
        const struct sound *from = &tones[a].sound, *to = &tones[b].sound;
        struct voice_start start = rig_start(from);
        start.loop_start = random_below(&seed, from->n_frames);
        start.loop_end = start.loop_start + 1 + random_below(&seed, from->n_frames - start.loop_start);
        start.looping = true;
        start.increment = random_below(&seed, 2) ? FRAME_ONE : -FRAME_ONE;
        int64_t edge = (int64_t)(start.increment > 0 ? start.loop_end : start.loop_start) << 32;
        int64_t around = ((int64_t)random_next(&seed) << 2) - 2 * FRAME_ONE;
        start.position =
            random_below(&seed, 2) ? edge + around : (int64_t)random_below(&seed, from->n_frames) << 32;
        if (start.position < 0) start.position = 0;
        voices_start(&r.voices, 0, &start);
        bool was_inside = start.increment > 0 ? start.position < edge : start.position >= edge;
        voices_replace_sound(&r.voices, from, to);
        int64_t now = r.voices.voices[0].now.position;
        int64_t new_edge = (int64_t)(start.increment > 0 ? r.voices.loop_end[0] : r.voices.loop_start[0])
                           << 32;
        bool is_inside = start.increment > 0 ? now < new_edge : now >= new_edge;
        assert_int_equal(is_inside, was_inside);
        assert_true(r.voices.loop_start[0] < r.voices.loop_end[0]);
        assert_true(r.voices.loop_end[0] <= to->n_frames);
        voices_stop(&r.voices, 0, 0);
        rig_render(&r, NULL, NULL, 64, 64);
        rig_render(&r, NULL, NULL, 2048, 64);
        assert_true(rig_ended(&r, 0, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions_are_exact),
        cmocka_unit_test_setup_teardown(test_pitch_and_place_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loops_stay_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_on_its_way_takes_as_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_speed_on_its_way_arrives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_speed_has_its_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_held_goes_on_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_voices_of_others_are_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_start_that_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_voice_changes_sides, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
