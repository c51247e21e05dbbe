// SPDX-License-Identifier: MIT
// test_voices_glide.c - gain, pan and rate of voices on their ways, however blocks are cut.
#include "tests/random.h"
#include "tests/voices_rig.h"

#define N_FRAMES 20000

static float left[N_FRAMES], right[N_FRAMES];

// ---- the cut ----

/// Anything that changes while a voice plays.
static void random_command(uint64_t *seed, uint32_t slot)
{
    struct voices *v = &r.voices;
    struct change c = {.ramp_frames = random_below(seed, 3) * random_below(seed, 1000),
                       .curve = (uint8_t)random_below(seed, N_CURVES),
                       .relative = random_below(seed, 3) == 0};
    switch (random_below(seed, 7)) {
    case 0:
    case 1:
        c.value = random_below(seed, 5) ? random_between(seed, c.relative ? -6 : -30, 3) : -200;
        voices_set_gain(v, slot, &c);
        break;
    case 2:
        c.value = random_between(seed, -1, 1);
        voices_set_pan(v, slot, &c);
        break;
    case 3:
    case 4:
        c.value = random_below(seed, 4) ? random_between(seed, c.relative ? -1 : -3, 3) : 1;
        voices_set_rate(v, slot, &c);
        break;
    case 5:
        if (random_below(seed, 2))
            voices_pause(v, slot, 100);
        else
            voices_resume(v, slot, 0);
        break;
    default: voices_seek(v, slot, rig_frames(random_between(seed, -10, 5010))); break;
    }
}

#define N_VOICES 6

static void start_voices(void)
{
    for (uint32_t s = 0; s < N_VOICES; s++) {
        struct voice_start begin = rig_start(&noise.sound);
        begin.gain_db = -20;
        begin.pan = 0;
        begin.increment = rig_frames(s % 2 ? 1 : 0.8);
        begin.loop_start = 100 * s;
        begin.loop_end = 5000 - 300 * s;
        begin.looping = s != 3;
        begin.interpolation = (enum interpolation)(s % INTERPOLATION_UNITY);
        begin.fade_out_frames = 700;
        start(s, &begin);
    }
}

/// The same commands at the same frames; only the blocks in between differ.
static void play_cut(uint64_t seed, uint64_t cut_seed)
{
    start_voices();
    for (uint32_t done = 0; done < N_FRAMES;) {
        uint32_t until = done + 1 + random_below(&seed, 400);
        if (until > N_FRAMES) until = N_FRAMES;
        while (done < until) {
            uint32_t n = cut_seed ? 1 + random_below(&cut_seed, BLOCK_FRAMES) : BLOCK_FRAMES;
            if (n > until - done) n = until - done;
            rig_render(&r, left + done, right + done, n, BLOCK_FRAMES);
            done += n;
        }
        random_command(&seed, random_below(&seed, N_VOICES));
    }
}

static void test_the_cut_does_not_matter(void **state)
{
    static float expected[2][N_FRAMES];
    for (uint64_t seed = 1; seed <= 30; seed++) {
        for (uint64_t cut_seed = 0; cut_seed < 4; cut_seed++) {
            tear_down(state);
            set_up(state);
            play_cut(seed, cut_seed);
            if (cut_seed == 0) {
                memcpy(expected[0], left, sizeof left);
                memcpy(expected[1], right, sizeof right);
            }
            for (uint32_t i = 0; i < N_FRAMES; i++)
                if (left[i] != expected[0][i] || right[i] != expected[1][i])
                    fail_msg("seed %u, cut %u: frame %u differs", (uint32_t)seed, (uint32_t)cut_seed, i);
        }
    }
}

static void test_every_block_size(void **state)
{
    static float expected[3000];
    for (uint32_t block = 1; block <= BLOCK_FRAMES; block++) {
        tear_down(state);
        set_up(state);
        struct voice_start begin = rig_start(&noise.sound);
        start(0, &begin);
        voices_set_gain(&r.voices, 0, &(struct change){-30, 1000, CURVE_DB, false});
        voices_set_pan(&r.voices, 0, &(struct change){0.5, 700, CURVE_S, false});
        voices_set_rate(&r.voices, 0, &(struct change){1.7, 900, CURVE_S, false});
        rig_render(&r, left, right, 2000, block);
        if (block == 1) {
            memcpy(expected, left, sizeof expected);
            continue;
        }
        assert_memory_equal(left, expected, 2000 * sizeof(float));
    }
}

// ---- level ----

/// What the fader's tests say of its ramps is what is heard.
static void test_level_is_heard(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&ones.sound);
    start(0, &begin);
    rig_render(&r, left, right, 10, 64);
    voices_set_gain(&r.voices, 0, &(struct change){-200, 1000, CURVE_DB, false});
    voices_set_pan(&r.voices, 0, &(struct change){-1, 320, CURVE_S, false});
    rig_render(&r, left, right, 1100, 64);
    for (uint32_t i = 0; i < 1000; i += CURVE_PIECE_FRAMES) {
        double gain = pow(10, -100.0 * i / 1000 / 20);
        double pan = i < 320 ? -(1 - cos(M_PI * i / 320)) / 2 : -1;
        assert_true(fabs((double)left[i] - gain * M_SQRT2 * cos((pan + 1) * M_PI / 4)) < 2e-6);
        assert_true(fabs((double)right[i] - gain * M_SQRT2 * sin((pan + 1) * M_PI / 4)) < 2e-6);
    }
    assert_true(left[999] > 0.0f);
    for (uint32_t i = 1000; i < 1100; i++)
        assert_true(left[i] == 0.0f && right[i] == 0.0f);
    assert_int_equal(report(0).state, VOICE_PLAYING);
}

static void test_declick_is_the_least(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&ones.sound);
    start(0, &begin);
    rig_render(&r, left, right, 10, 64);
    voices_set_gain(&r.voices, 0, &(struct change){.value = -200, .ramp_frames = 10});
    rig_render(&r, left, right, RIG_DECLICK, 64);
    for (uint32_t i = 0; i < RIG_DECLICK; i++)
        assert_true(fabs((double)left[i] - (1 - (double)i / RIG_DECLICK)) < 1e-6);
}

/// A change before the first sound is no ramp into it, unless it was asked for.
static void test_held_voices_take_ramps_as_they_are(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&ones.sound);
    begin.paused = true;
    start(0, &begin);
    voices_set_gain(&r.voices, 0, &(struct change){.value = -6});
    voices_set_gain(&r.voices, 0, &(struct change){.value = -200, .ramp_frames = 100});
    rig_render(&r, NULL, NULL, 500, 64); // held: time does not pass
    voices_resume(&r.voices, 0, 0);
    rig_render(&r, left, right, 101, 64);
    for (uint32_t i = 0; i <= 100; i++)
        assert_true(fabs((double)left[i] - pow(10, -6.0 / 20) * (1 - i / 100.0)) < 1e-6);
    assert_true(left[100] == 0.0f);
    voices_pause(&r.voices, 0, 0);
    rig_render(&r, NULL, NULL, RIG_DECLICK + 1, 64);
    voices_set_gain(&r.voices, 0, &(struct change){.value = 0});
    assert_true(ramp_value(&r.voices.ramps[0].left) == 1.0f);
}

/// A slot that is used again knows nothing of what was under way in it.
static void test_start_ends_all_ways(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&ones.sound);
    start(0, &begin);
    voices_set_gain(&r.voices, 0, &(struct change){-20, 10000, CURVE_S, false});
    voices_set_rate(&r.voices, 0, &(struct change){2, 10000, CURVE_S, false});
    voices_stop(&r.voices, 0, 0);
    rig_render(&r, NULL, NULL, 2 * RIG_DECLICK, 64);
    start(0, &begin);
    assert_int_equal(r.voices.voices[0].glides, 0);
    rig_render(&r, left, NULL, 1000, 64);
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(left[i] == 1.0f);
    assert_true(report(0).position == rig_frames(1000) && report(0).gain_db == 0.0f);
}

// ---- rate ----

/// Increments of a way, step by step, from the curve's formula.
static int64_t step_at(double from, double to, enum curve curve, uint32_t frame, uint32_t total)
{
    if (frame >= total) return rig_frames(to);
    uint32_t begin = frame - frame % CURVE_PIECE_FRAMES, end = begin + CURVE_PIECE_FRAMES;
    double t = (begin + (end < total ? end : total)) / 2.0 / total;
    double way = curve == CURVE_S ? (1 - cos(M_PI * t)) / 2 : t;
    int64_t first = rig_frames(from), step = first + llround((double)(rig_frames(to) - first) * way);
    return step != 0 ? step : from > 0 ? 1 : -1;
}

static void test_rate_lands_on_the_sum_of_its_steps(void **state)
{
    static const double rates[] = {1, 0.06, 2.5, -1, -0.3, 16, -16};
    static const uint32_t totals[] = {1, 2, 31, 32, 33, 100, 240, 3000};
    for (size_t a = 0; a < COUNT_OF(rates); a++) {
        for (size_t b = 0; b < COUNT_OF(rates); b++) {
            for (size_t k = 0; k < COUNT_OF(totals) * N_CURVES; k++) {
                uint32_t total = totals[k / N_CURVES];
                enum curve curve = (enum curve)(k % N_CURVES);
                tear_down(state);
                set_up(state);
                struct voice_start begin = rig_start(&ones.sound);
                int64_t expected = begin.position = rig_frames(100000);
                begin.increment = rig_frames(rates[a]);
                start(0, &begin);
                voices_set_rate(&r.voices, 0, &(struct change){rates[b], total, (uint8_t)curve, false});
                for (uint32_t i = 0; i < total + 50; i++)
                    expected += step_at(rates[a], rates[b], curve, i, total);
                rig_render(&r, NULL, NULL, total + 50, 50);
                // The library's cosine may round a step up that ours rounds down.
                int64_t off = report(0).position - expected;
                assert_true((off < 0 ? -off : off) <= (curve == CURVE_S ? (int64_t)total : 0));
                assert_true(r.voices.voices[0].now.increment == rig_frames(rates[b]));
                assert_int_equal(r.voices.voices[0].glides, 0);
            }
        }
    }
}

/// From 0.5 to 1 in 64 frames is 48 frames of the sound: a whole position, which needs no interpolation.
static void test_unity_kernel_comes_back(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&noise.sound);
    begin.increment = rig_frames(0.5);
    begin.pan = -1;
    start(0, &begin);
    voices_set_rate(&r.voices, 0, &(struct change){.value = 1, .ramp_frames = 64});
    rig_render(&r, left, NULL, 64 + 100, 64);
    assert_int_equal(r.voices.voices[0].kernel, kernel_index(SAMPLE_S16, 1, INTERPOLATION_UNITY));
    assert_int_equal(r.voices.group[0], kernel_index(SAMPLE_S16, 1, INTERPOLATION_UNITY));
    for (uint32_t i = 0; i < 100; i++)
        assert_true((double)left[64 + i] == rig_sample(&noise.sound, 0, 48 + i));
}

static float slow_tone(uint32_t channel, uint32_t frame)
{
    (void)channel;
    return (float)sin(frame * 0.01);
}

/// Through standstill and back: heard without a jump, and the way back is the way there.
static void test_rate_through_zero(void **state)
{
    (void)state;
    struct rig_sound s;
    rig_sound_make(&s, 20000, 1, SAMPLE_F32, slow_tone);
    struct voice_start begin = rig_start(&s.sound);
    begin.position = rig_frames(10000);
    start(0, &begin);
    voices_set_rate(&r.voices, 0, &(struct change){.value = -1, .ramp_frames = 4096});
    rig_render(&r, left, NULL, 4096, 64);
    for (uint32_t i = 1; i < 4096; i++)
        assert_true(fabsf(left[i] - left[i - 1]) < 0.0101f);
    int64_t off = report(0).position - rig_frames(10000);
    assert_true(off > -4096 && off < 4096); // the steps cancel each other out
    rig_sound_free(&s);
}

static void test_rates_are_kept_in_range(void **state)
{
    static const struct {
        double from, value;
        bool relative;
        double to;
    } cases[] = {{1, 20, false, 16},       {1, -20, false, -16}, {1, 0.01, false, 0.06},
                 {1, -0.01, false, -0.06}, {1, 0, false, 0.06},  {1, -1.5, true, 0.06},
                 {1, 0.5, true, 1.5},      {-1, 3, true, -0.06}, {-1, 0.5, true, -0.5},
                 {-1, -0.5, true, -1.5},   {1, 100, true, 16},   {-1, -100, true, -16}};
    (void)state;
    struct voice_start begin = rig_start(&ones.sound);
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
        begin.increment = rig_frames(cases[i].from);
        start(i, &begin);
        voices_set_rate(&r.voices, i,
                        &(struct change){.value = cases[i].value, .relative = cases[i].relative});
        assert_true(report(i).increment == rig_frames(cases[i].to));
        assert_true(r.voices.voices[i].now.increment == rig_frames(cases[i].to));
    }
}

static void test_relative_rate_counts_from_the_target(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&ones.sound);
    start(0, &begin);
    voices_set_rate(&r.voices, 0, &(struct change){.value = 2, .ramp_frames = 1000});
    rig_render(&r, NULL, NULL, 100, 64);
    voices_set_rate(&r.voices, 0, &(struct change){.value = 0.5, .ramp_frames = 1000, .relative = true});
    assert_true(report(0).increment == rig_frames(2.5));
    rig_render(&r, NULL, NULL, 1, 64);
    double now = (double)r.voices.voices[0].now.increment / (double)FRAME_ONE;
    assert_true(fabs(now - (1.1 + 1.4 * 16 / 1000)) < 1e-6);     // from where it was
    voices_set_rate(&r.voices, 0, &(struct change){.value = 1}); // at once, and the ramp is over
    rig_render(&r, NULL, NULL, 64, 64);
    assert_true(r.voices.voices[0].now.increment == FRAME_ONE);
}

/// The fade-out meets the end of the sound although the rate changes all the way.
static void test_fade_out_meets_the_end(void **state)
{
    (void)state;
    struct voice_start begin = rig_start(&ones.sound);
    begin.position = rig_frames(190000);
    begin.fade_out_frames = 4000;
    start(0, &begin);
    voices_set_rate(&r.voices, 0, &(struct change){.value = 3, .ramp_frames = 8000});
    uint32_t n = 0;
    while (!rig_ended(&r, 0, NULL)) {
        rig_render(&r, left + n, NULL, 1, 1);
        n++;
    }
    for (uint32_t i = 1; i + 1 < n; i++)
        assert_true(left[i] <= left[i - 1] + 1e-6f && left[i - 1] - left[i] < 0.01f);
    assert_true(left[n - 2] > 0.0f && left[n - 2] < 0.01f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_cut_does_not_matter),
        TEST(test_every_block_size),
        TEST(test_level_is_heard),
        TEST(test_declick_is_the_least),
        TEST(test_held_voices_take_ramps_as_they_are),
        TEST(test_start_ends_all_ways),
        TEST(test_rate_lands_on_the_sum_of_its_steps),
        TEST(test_unity_kernel_comes_back),
        TEST(test_rate_through_zero),
        TEST(test_rates_are_kept_in_range),
        TEST(test_relative_rate_counts_from_the_target),
        TEST(test_fade_out_meets_the_end),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
