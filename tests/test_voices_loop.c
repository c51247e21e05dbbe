// SPDX-License-Identifier: MIT
// test_voices_loop.c - loops against copies of their region, written out one after the other and played
// straight.
#include "mixer/voices.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

#define MAX_OUT 60000

static float looped[2][MAX_OUT], straight[2][MAX_OUT];

/// A loop inside a sound.
struct region {
    uint32_t n_frames, start, end, count;
    double rate;
    enum interpolation interpolation;
};

/// The frame of the sound that a frame of its unrolled form is.
static uint32_t rolled(const struct region *g, uint32_t frame)
{
    uint32_t length = g->end - g->start, extra = (g->count - 1) * length;
    if (frame < g->end) return frame;
    return frame < g->end + extra ? g->start + (frame - g->start) % length : frame - extra;
}

/// The sound with its loop written out `count` times.
static void unroll(const struct rig_sound *from, const struct region *g, struct rig_sound *to)
{
    uint32_t n = g->n_frames + (g->count - 1) * (g->end - g->start);
    size_t one = sample_bytes(from->sound.format);
    to->memory = calloc(1, sound_bytes(n, from->sound.n_channels, from->sound.format));
    sound_layout(&to->sound, to->memory, n, from->sound.n_channels, from->sound.format);
    for (uint32_t c = 0; c < from->sound.n_channels; c++) {
        char *out = sound_channel(&to->sound, to->memory, c);
        const char *in = from->sound.channels[c];
        for (uint32_t i = 0; i < n; i++)
            memcpy(out + i * one, in + rolled(g, i) * one, one);
    }
}

static uint32_t play(const struct voice_start *start, float out[2][MAX_OUT], uint32_t block)
{
    struct rig r;
    uint32_t n = 0;
    rig_open(&r);
    voices_start(&r.voices, 0, start);
    for (; r.voices.n_ended == 0; n += block) {
        assert_true(n + block <= MAX_OUT);
        rig_render(&r, out[0] + n, out[1] + n, block, block);
    }
    rig_close(&r);
    return n;
}

/// What a frame may be off by. Float sounds: nothing. 16-bit ones: the rounding of their scale.
static float tolerance(enum sample_format format)
{
    return format == SAMPLE_F32 ? 0.0f : 1e-6f;
}

static void check_loop(const struct region *g, enum sample_format format, uint32_t block)
{
    struct rig_sound rolled_up, unrolled;
    rig_sound_make(&rolled_up, g->n_frames, 2, format, rig_noise);
    unroll(&rolled_up, g, &unrolled);
    struct voice_start loop = rig_start(&rolled_up.sound), plain = rig_start(&unrolled.sound);
    loop.increment = plain.increment = rig_frames(g->rate);
    loop.interpolation = plain.interpolation = g->interpolation;
    if (g->rate < 0) {
        loop.position = rig_frames(g->n_frames - 1);
        plain.position = rig_frames(unrolled.sound.n_frames - 1);
    }
    loop.looping = true;
    loop.loop_start = g->start;
    loop.loop_end = g->end;
    loop.loop_count = g->count;
    uint32_t n = play(&loop, looped, block);
    if (play(&plain, straight, block) != n)
        fail_msg("%u frames, loop %u to %u x %u, rate %g: another length", g->n_frames, g->start, g->end,
                 g->count, g->rate);
    for (uint32_t c = 0; c < 2; c++) {
        for (uint32_t i = 0; i < n; i++) {
            float error = fabsf(looped[c][i] - straight[c][i]);
            if (error > tolerance(format))
                fail_msg("%u frames, loop %u to %u x %u, rate %g: frame %u is %g off", g->n_frames, g->start,
                         g->end, g->count, g->rate, i, (double)error);
        }
    }
    rig_sound_free(&rolled_up);
    rig_sound_free(&unrolled);
}

static const double rates[] = {1,   -1,   0.06,  -0.06, 0.5, -0.5, 0.73, -0.73,
                               1.1, -1.1, 1.999, -3,    7.3, 16,   -16};

static void test_seams(void **state)
{
    (void)state;
    static const struct region regions[] = {
        {500, 100, 400, 3, 0, 0},   {500, 0, 500, 2, 0, 0},    {500, 0, 100, 5, 0, 0},
        {500, 400, 500, 5, 0, 0},   {500, 250, 260, 9, 0, 0},  {500, 1, 499, 2, 0, 0},
        {300, 100, 164, 4, 0, 0},   {300, 100, 103, 20, 0, 0}, {300, 100, 104, 7, 0, 0},
        {300, 299, 300, 200, 0, 0}, {300, 0, 1, 200, 0, 0},    {300, 150, 152, 50, 0, 0},
        {300, 150, 151, 40, 0, 0}};
    for (size_t g = 0; g < COUNT_OF(regions); g++) {
        for (size_t i = 0; i < COUNT_OF(rates); i++) {
            struct region region = regions[g];
            region.rate = rates[i];
            region.interpolation = (enum interpolation)(i % INTERPOLATION_UNITY);
            check_loop(&region, SAMPLE_F32, 64);
            check_loop(&region, SAMPLE_S16, 17);
        }
    }
}

static void test_random_seams(void **state)
{
    (void)state;
    uint64_t seed = 4711;
    for (int round = 0; round < 3000; round++) {
        struct region g = {.n_frames = 1 + random_below(&seed, 300)};
        g.start = random_below(&seed, g.n_frames);
        g.end = g.start + 1 + random_below(&seed, g.n_frames - g.start);
        g.count = 1 + random_below(&seed, 6);
        g.rate = random_between(&seed, 0.06, random_below(&seed, 2) ? 2 : 16);
        if (random_below(&seed, 2)) g.rate = -g.rate;
        g.interpolation = (enum interpolation)random_below(&seed, INTERPOLATION_UNITY);
        check_loop(&g, SAMPLE_F32, 1 + random_below(&seed, 64));
    }
}

// ---- loops of one frame, without end ----

static void test_one_frame_for_ever(void **state)
{
    (void)state;
    static const double fast[] = {1, -1, 16, -16, 0.06, -0.06, 15.97};
    struct rig_sound s;
    rig_sound_make(&s, 100, 1, SAMPLE_F32, rig_noise);
    for (size_t i = 0; i < COUNT_OF(fast); i++) {
        struct rig r;
        rig_open(&r);
        struct voice_start start = rig_start(&s.sound);
        start.increment = rig_frames(fast[i]);
        start.position = rig_frames(50);
        start.looping = true;
        start.loop_start = 50;
        start.loop_end = 51;
        voices_start(&r.voices, 0, &start);
        rig_render(&r, looped[0], NULL, 5000, 64);
        for (uint32_t k = 40; k < 5000; k++) // the first pass has real neighbours
            assert_true(fabs((double)looped[0][k] - rig_sample(&s.sound, 0, 50)) < 1e-6);
        assert_int_equal(r.voices.state[0], VOICE_PLAYING);
        rig_close(&r);
    }
    rig_sound_free(&s);
}

// ---- changes while it loops ----

/// Renders until the voice has ended; returns how many frames that took.
static uint32_t frames_to_the_end(struct rig *r, uint32_t most)
{
    uint32_t n = 0;
    while (n < most && !rig_ended(r, 0, NULL)) {
        rig_render(r, looped[0] + n, NULL, 1, 1);
        n++;
    }
    return n;
}

static struct voice_start loop_start(const struct sound *s, uint32_t from, uint32_t to)
{
    struct voice_start start = rig_start(s);
    start.looping = true;
    start.loop_start = from;
    start.loop_end = to;
    return start;
}

static void test_leaving_plays_the_rest(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    rig_sound_make(&s, 1000, 1, SAMPLE_F32, rig_tone);
    rig_open(&r);
    struct voice_start start = loop_start(&s.sound, 200, 500);
    voices_start(&r.voices, 0, &start);
    rig_render(&r, NULL, NULL, 500 + 10 * 300 + 123, 64); // at frame 323 of a pass
    voices_leave_loop(&r.voices, 0);
    assert_int_equal(frames_to_the_end(&r, MAX_OUT), 1000 - 323 + 1);
    for (uint32_t i = 0; i < 1000 - 323; i++)
        assert_true((double)looped[0][i] == rig_sample(&s.sound, 0, 323 + i));
    rig_close(&r);
    rig_sound_free(&s);
}

static void test_loop_again(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    rig_sound_make(&s, 1000, 1, SAMPLE_F32, rig_tone);
    rig_open(&r);
    struct voice_start start = loop_start(&s.sound, 200, 500);
    start.loop_count = 2;
    voices_start(&r.voices, 0, &start);
    rig_render(&r, NULL, NULL, 600, 64); // in the last pass, at frame 300
    voices_loop(&r.voices, 0);
    rig_render(&r, looped[0], NULL, 3000, 64);
    for (uint32_t i = 0; i < 3000; i++)
        assert_true((double)looped[0][i] == rig_sample(&s.sound, 0, 200 + (100 + i) % 300));
    voices_leave_loop(&r.voices, 0);
    rig_render(&r, NULL, NULL, 400, 64); // past the loop, at frame 700: too late
    voices_loop(&r.voices, 0);
    assert_int_equal(frames_to_the_end(&r, MAX_OUT), 301);
    rig_close(&r);
    rig_sound_free(&s);
}

static void test_no_region_no_loop(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    rig_sound_make(&s, 1000, 1, SAMPLE_F32, rig_tone);
    rig_open(&r);
    struct voice_start start = rig_start(&s.sound);
    voices_start(&r.voices, 0, &start);
    voices_loop(&r.voices, 0);
    assert_int_equal(frames_to_the_end(&r, MAX_OUT), 1001);
    rig_close(&r);
    rig_sound_free(&s);
}

static void test_seek_out_and_in(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    rig_sound_make(&s, 2000, 1, SAMPLE_F32, rig_tone);
    rig_open(&r);
    struct voice_start start = loop_start(&s.sound, 200, 500);
    voices_start(&r.voices, 0, &start);
    rig_render(&r, NULL, NULL, 3000, 64);
    voices_seek(&r.voices, 0, rig_frames(100)); // before the loop: comes into it
    rig_render(&r, NULL, NULL, 5000, 64);
    assert_int_equal(r.voices.state[0], VOICE_PLAYING);
    voices_seek(&r.voices, 0, rig_frames(1500)); // behind it: ends
    assert_int_equal(frames_to_the_end(&r, MAX_OUT), RIG_DECLICK + 500 + 1);
    rig_close(&r);
    rig_sound_free(&s);
}

/// A tone that fits its loop is one endless sine: whatever the voice does around the seam, every step is
/// small.
static float fitting_tone(uint32_t channel, uint32_t frame)
{
    (void)channel;
    return (float)sin(2 * M_PI * frame / 100);
}

static void test_turning_round_at_the_seam(void **state)
{
    (void)state;
    struct rig_sound s;
    rig_sound_make(&s, 400, 1, SAMPLE_F32, fitting_tone);
    for (uint32_t frames = 560; frames < 640; frames++) {
        struct rig r;
        float before;
        rig_open(&r);
        struct voice_start start = loop_start(&s.sound, 100, 300);
        start.increment = rig_frames(0.9);
        voices_start(&r.voices, 0, &start);
        rig_render(&r, NULL, NULL, frames, 64);
        for (int turn = 0; turn < 10; turn++) {
            rig_render(&r, &before, NULL, 1, 1);
            rig_set_rate(&r, 0, r.voices.voices[0].now.increment > 0 ? -0.7 : 0.8);
            rig_render(&r, looped[0], NULL, 3 + frames % 5, 64);
            for (uint32_t i = 0; i < 3 + frames % 5; i++) {
                assert_true(fabsf(looped[0][i] - before) < 0.0635f);
                before = looped[0][i];
            }
        }
        rig_close(&r);
    }
    rig_sound_free(&s);
}

/// Out of the loop at its end, round, and back through that end: the frames there are their own neighbours
/// again.
static void test_coming_back_after_the_loop(void **state)
{
    (void)state;
    struct rig r;
    struct rig_sound s;
    rig_sound_make(&s, 1000, 1, SAMPLE_F32, rig_tone);
    rig_open(&r);
    struct voice_start start = loop_start(&s.sound, 203, 500);
    start.loop_count = 2;
    voices_start(&r.voices, 0, &start);
    rig_render(&r, NULL, NULL, 500 + 297 + 100, 64); // at frame 600
    rig_set_rate(&r, 0, -0.5);
    rig_render(&r, looped[0], NULL, 1000, 1);
    for (uint32_t i = 0; i < 1000; i += 2)
        assert_true((double)looped[0][i] == rig_sample(&s.sound, 0, 600 - i / 2));
    for (uint32_t i = 1; i < 1000; i += 2) { // between two frames the tone is smooth
        double between = (rig_sample(&s.sound, 0, 600 - i / 2) + rig_sample(&s.sound, 0, 599 - i / 2)) / 2;
        assert_true(fabs((double)looped[0][i] - between) < 1e-3);
    }
    rig_close(&r);
    rig_sound_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seams),
        cmocka_unit_test(test_random_seams),
        cmocka_unit_test(test_one_frame_for_ever),
        cmocka_unit_test(test_leaving_plays_the_rest),
        cmocka_unit_test(test_loop_again),
        cmocka_unit_test(test_no_region_no_loop),
        cmocka_unit_test(test_seek_out_and_in),
        cmocka_unit_test(test_turning_round_at_the_seam),
        cmocka_unit_test(test_coming_back_after_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
