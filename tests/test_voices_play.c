// SPDX-License-Identifier: MIT
// test_voices_play.c - voices without loops against a double-precision reference: every rate, both ends,
// fades.
#include "mixer/voices.h"
#include "tests/mixer_rig.h"

#define N_FRAMES 1500
#define MAX_OUT  30000

static float left[MAX_OUT], right[MAX_OUT];

// ---- the reference ----

static double reference_sample(const struct sound *s, uint32_t channel, int64_t position)
{
    int64_t frame = position >> 32;
    double y[4], t = (double)(uint32_t)position / 4294967296.0;
    for (int k = 0; k < 4; k++)
        y[k] = rig_sample(s, channel, frame + k - 1);
    double m1 = (y[2] - y[0]) / 2, m2 = (y[3] - y[1]) / 2;
    return (2 * t * t * t - 3 * t * t + 1) * y[1] + (t * t * t - 2 * t * t + t) * m1 +
           (-2 * t * t * t + 3 * t * t) * y[2] + (t * t * t - t * t) * m2;
}

static bool is_inside(const struct voice_start *start, int64_t position)
{
    return start->increment > 0 ? position < (int64_t)start->end_frame << 32
                                : position >= (int64_t)start->start_frame << 32;
}

/// Output frames until the voice is outside.
static uint32_t reference_length(const struct voice_start *start)
{
    uint32_t n = 0;
    for (int64_t p = start->position; is_inside(start, p); p += start->increment)
        n++;
    return n;
}

/// Fade in and fade out are straight lines that are multiplied; the fade-out ends where the voice does.
static double reference_fade(const struct voice_start *start, uint32_t i, uint32_t length)
{
    double in = i < start->fade_in_frames ? (double)i / start->fade_in_frames : 1.0;
    uint32_t out_frames = start->fade_out_frames < length ? start->fade_out_frames : length;
    double out = i >= length - out_frames && out_frames > 0 ? (double)(length - i) / out_frames : 1.0;
    return in * out;
}

/// Plays `start` to its end and compares all of it, and the silence behind.
static void check_play(const struct voice_start *start, uint32_t block)
{
    struct rig r;
    struct level level = rig_level(start);
    uint32_t length = reference_length(start);
    assert_true(length + 10 < MAX_OUT);
    rig_open(&r);
    voices_start(&r.voices, 5, start);
    rig_render(&r, left, right, length + 10, block);
    for (uint32_t i = 0; i < length + 10; i++) {
        double gain = i < length ? reference_fade(start, i, length) : 0.0;
        int64_t position = start->position + i * start->increment;
        double l = gain == 0.0 ? 0.0 : reference_sample(start->sound, 0, position);
        double r_ =
            gain == 0.0 ? 0.0 : reference_sample(start->sound, start->sound->n_channels - 1, position);
        double error = fmax(fabs((double)left[i] - (double)level.left * gain * l),
                            fabs((double)right[i] - (double)level.right * gain * r_));
        if (error > 2e-6) fail_msg("frame %u of %u is %g off", i, length, error);
    }
    enum voice_end why = VOICE_END_STOPPED;
    assert_true(rig_ended(&r, 5, &why));
    assert_int_equal(why, VOICE_END_FINISHED);
    rig_close(&r);
}

static const double rates[] = {1, -1, 0.06, -0.06, 0.5, -0.5, 1.1, -1.1, 0.37, -0.999, 2, -2, 15.99, 16, -16};

static void test_every_rate_and_format(void **state)
{
    (void)state;
    for (int format = SAMPLE_S16; format <= SAMPLE_F32; format++) {
        for (uint32_t n_channels = 1; n_channels <= 2; n_channels++) {
            struct rig_sound s;
            rig_sound_make(&s, N_FRAMES, n_channels, (enum sample_format)format, rig_noise);
            for (size_t i = 0; i < COUNT_OF(rates); i++) {
                struct voice_start start = rig_start(&s.sound);
                start.gain_db = -1.5f;
                start.pan = 0.3f;
                start.increment = rig_frames(rates[i]);
                start.position = rates[i] > 0 ? 0 : rig_frames(N_FRAMES - 1);
                check_play(&start, 64);
                check_play(&start, 7);
            }
            rig_sound_free(&s);
        }
    }
}

static void test_unity_is_exact(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    rig_sound_make(&s, N_FRAMES, 2, SAMPLE_S16, rig_noise);
    rig_open(&r);
    struct voice_start start = rig_start(&s.sound);
    voices_start(&r.voices, 0, &start);
    rig_render(&r, left, right, N_FRAMES, 64);
    for (uint32_t i = 0; i < N_FRAMES; i++) {
        assert_true((double)left[i] == rig_sample(&s.sound, 0, i));
        assert_true((double)right[i] == rig_sample(&s.sound, 1, i));
    }
    rig_close(&r);
    rig_sound_free(&s);
}

static void test_positions_at_the_limits(void **state)
{
    (void)state;
    struct rig_sound s;
    rig_sound_make(&s, N_FRAMES, 1, SAMPLE_F32, rig_noise);
    const int64_t positions[] = {0, 1, FRAME_ONE - 1, rig_frames(N_FRAMES - 1), rig_frames(N_FRAMES) - 1};
    for (size_t p = 0; p < COUNT_OF(positions); p++) {
        for (size_t i = 0; i < COUNT_OF(rates); i++) {
            struct voice_start start = rig_start(&s.sound);
            start.increment = rig_frames(rates[i]);
            start.position = positions[p];
            check_play(&start, 64);
            start.start_frame = 400; // a part of the sound
            start.end_frame = 1100;
            check_play(&start, 64); // outside from the first frame, or on the way through
            start.position = rig_frames(rates[i] > 0 ? 400 : 1099);
            check_play(&start, 64);
        }
    }
    rig_sound_free(&s);
}

static void test_short_sounds(void **state)
{
    (void)state;
    for (uint32_t n_frames = 1; n_frames <= 5; n_frames++) {
        struct rig_sound s;
        rig_sound_make(&s, n_frames, 2, SAMPLE_S16, rig_noise);
        for (size_t i = 0; i < COUNT_OF(rates); i++) {
            struct voice_start start = rig_start(&s.sound);
            start.increment = rig_frames(rates[i]);
            start.position = rates[i] > 0 ? 0 : rig_frames(n_frames - 1);
            check_play(&start, 64);
            start.fade_out_frames = 1;
            check_play(&start, 64);
            start.fade_in_frames = 3;
            check_play(&start, 64);
        }
        rig_sound_free(&s);
    }
}

// ---- fades ----

static void test_fades_against_the_reference(void **state)
{
    (void)state;
    static const uint32_t fades[] = {0, 1, 2, 63, 64, 65, 700, 1499, 1500, 1501, 100000};
    struct rig_sound s;
    rig_sound_make(&s, N_FRAMES, 1, SAMPLE_F32, rig_noise);
    for (size_t in = 0; in < COUNT_OF(fades); in++) {
        for (size_t out = 0; out < COUNT_OF(fades); out++) {
            for (int k = 0; k < 3; k++) {
                struct voice_start start = rig_start(&s.sound);
                start.increment = rig_frames((const double[]){1, 0.7, -1.3}[k]);
                start.position = k == 2 ? rig_frames(N_FRAMES - 1) : 0;
                start.fade_in_frames = fades[in];
                start.fade_out_frames = fades[out];
                check_play(&start, k == 1 ? 13 : 64);
            }
        }
    }
    rig_sound_free(&s);
}

/// A voice of ones that fades out over the second half of its 20,000 frames. The sound goes on behind them,
/// so that no tap sees its end.
static void start_fading(struct rig *r, struct rig_sound *s)
{
    rig_sound_make(s, 20010, 1, SAMPLE_F32, rig_one);
    rig_open(r);
    struct voice_start start = rig_start(&s->sound);
    start.fade_out_frames = 10000;
    start.end_frame = start.loop_end = 20000;
    voices_start(&r->voices, 0, &start);
}

static void end_fading(struct rig *r, struct rig_sound *s)
{
    rig_close(r);
    rig_sound_free(s);
}

static void test_pause_inside_the_fade_out(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    start_fading(&r, &s);
    rig_render(&r, left, NULL, 12000, 64);
    voices_pause(&r.voices, 0, 0);
    rig_render(&r, left, NULL, 5000, 64);
    assert_true(left[4999] == 0.0f);
    voices_resume(&r.voices, 0, 0);
    rig_render(&r, left, NULL, 8000, 64);
    // It was held at frame 12,240 and goes on along the same line.
    for (uint32_t i = RIG_DECLICK; i < 7760; i++)
        assert_true(fabs((double)left[i] - (7760.0 - i) / 10000) < 1e-4);
    assert_true(rig_ended(&r, 0, NULL));
    end_fading(&r, &s);
}

static void test_seek_into_the_fade_out(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    start_fading(&r, &s);
    rig_render(&r, left, NULL, 1000, 64);
    voices_seek(&r.voices, 0, rig_frames(15000));
    rig_render(&r, left, NULL, 5240, 64);
    // The 5000 frames that are left are a fade of their own, from full level.
    for (uint32_t i = 2 * RIG_DECLICK; i < 5240; i++)
        assert_true(fabs((double)left[i] - (5240.0 - i) / 5000) < 1e-4);
    rig_render(&r, left, NULL, 1, 64);
    assert_true(rig_ended(&r, 0, NULL));
    end_fading(&r, &s);
}

static void test_seek_out_of_the_fade_out(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    start_fading(&r, &s);
    rig_render(&r, left, NULL, 15000, 64);
    voices_seek(&r.voices, 0, rig_frames(100));
    rig_render(&r, left, NULL, 3 * RIG_DECLICK, 64);
    assert_true(left[3 * RIG_DECLICK - 1] == 1.0f);
    end_fading(&r, &s);
}

static void test_loop_ends_the_fade_out(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    start_fading(&r, &s);
    rig_render(&r, left, NULL, 15000, 64);
    voices_loop(&r.voices, 0);
    rig_render(&r, left, NULL, 20000, 64);
    for (uint32_t i = 1; i < 20000; i++)
        assert_true(fabsf(left[i] - left[i - 1]) <= 1.01f / RIG_DECLICK);
    assert_true(left[RIG_DECLICK] == 1.0f && left[19999] == 1.0f);
    voices_leave_loop(&r.voices, 0); // and the end fades again
    rig_render(&r, left, NULL, 5000, 64);
    assert_true(fabs((double)left[4999] - 2e-4) < 1e-5);
    rig_render(&r, left, NULL, 1, 64);
    assert_true(rig_ended(&r, 0, NULL));
    end_fading(&r, &s);
}

static void test_turning_round_ends_the_fade_out(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    start_fading(&r, &s);
    rig_render(&r, left, NULL, 19000, 64);
    rig_set_rate(&r, 0, -1);
    rig_render(&r, left, NULL, 19001, 64);
    for (uint32_t i = 1; i < 19001; i++)
        assert_true(fabsf(left[i] - left[i - 1]) <= 1.01f / RIG_DECLICK);
    assert_true(left[RIG_DECLICK] == 1.0f && left[9000] == 1.0f); // the fade at the other end begins
    assert_true(left[18990] < 0.01f && left[18990] > 0.0f);
    rig_render(&r, left, NULL, 1, 64);
    assert_true(rig_ended(&r, 0, NULL));
    end_fading(&r, &s);
}

static void test_fade_out_meets_the_end_at_a_new_rate(void **state)
{
    (void)state;
    static const double new_rates[] = {0.06, 0.5, 0.99, 1.01, 3, 16};
    for (size_t k = 0; k < COUNT_OF(new_rates); k++) {
        struct rig r;
        struct rig_sound s;
        start_fading(&r, &s);
        rig_render(&r, left, NULL, 19000, 64);
        rig_set_rate(&r, 0, new_rates[k]);
        uint32_t n = (uint32_t)ceil(1000 / new_rates[k] - 1e-6);
        rig_render(&r, left, NULL, n, 64);
        for (uint32_t i = 0; i < n; i++)
            if (fabs((double)left[i] - 0.1 * (n - i) / n) > 1e-5)
                fail_msg("rate %g: frame %u of %u is %g", new_rates[k], i, n, (double)left[i]);
        assert_false(rig_ended(&r, 0, NULL));
        rig_render(&r, left, NULL, 1, 64);
        assert_true(rig_ended(&r, 0, NULL));
        end_fading(&r, &s);
    }
}

/// A long stop, and the end of the sound comes first: its fade-out is kept.
static void test_fade_out_while_stopping(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    start_fading(&r, &s);
    rig_render(&r, left, NULL, 5000, 64);
    voices_stop(&r.voices, 0, 1000000);
    rig_render(&r, left, NULL, 15000, 64);
    assert_true(left[14999] > 0.0f && left[14999] < 2e-4f);
    assert_true(fabs((double)left[10000] - 0.5 * 0.99) < 1e-3);
    end_fading(&r, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rate_and_format),
        cmocka_unit_test(test_unity_is_exact),
        cmocka_unit_test(test_positions_at_the_limits),
        cmocka_unit_test(test_short_sounds),
        cmocka_unit_test(test_fades_against_the_reference),
        cmocka_unit_test(test_pause_inside_the_fade_out),
        cmocka_unit_test(test_seek_into_the_fade_out),
        cmocka_unit_test(test_seek_out_of_the_fade_out),
        cmocka_unit_test(test_loop_ends_the_fade_out),
        cmocka_unit_test(test_turning_round_ends_the_fade_out),
        cmocka_unit_test(test_fade_out_meets_the_end_at_a_new_rate),
        cmocka_unit_test(test_fade_out_while_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
