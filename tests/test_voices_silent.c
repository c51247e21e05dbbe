// SPDX-License-Identifier: MIT
// test_voices_silent.c - a voice at gain 0 is not mixed, but is where it would be otherwise, and ends as it
// would.
#include "mixer/pan.h"
#include "mixer/voices.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

#define N_FRAMES 3000
#define ROUNDS   400

static struct rig_sound noise;
static struct rig loud, mute;
static uint64_t seed;

static int make_sounds(void **state)
{
    (void)state;
    rig_sound_make(&noise, N_FRAMES, 2, SAMPLE_F32, rig_noise);
    return 0;
}

static int free_sounds(void **state)
{
    (void)state;
    rig_sound_free(&noise);
    return 0;
}

static int64_t random_increment(void)
{
    static const double rates[] = {1, 1, 0.06, 0.5, -1, 1.1, -0.73, 2, 3.9, -16, 16};
    return rig_frames(rates[random_below(&seed, COUNT_OF(rates))]);
}

static struct voice_start random_start(void)
{
    static const enum interpolation kinds[] = {INTERPOLATION_CUBIC, INTERPOLATION_LINEAR, INTERPOLATION_SINC};
    struct voice_start start = rig_start(&noise.sound);
    start.increment = random_increment();
    start.position = rig_frames((double)random_below(&seed, N_FRAMES));
    start.interpolation = kinds[random_below(&seed, 3)];
    start.fade_in_frames = random_below(&seed, 2) * random_below(&seed, 500);
    start.fade_out_frames = random_below(&seed, 2) * random_below(&seed, 500);
    start.loop_start = random_below(&seed, N_FRAMES - 10);
    start.loop_end = start.loop_start + 1 + random_below(&seed, N_FRAMES - start.loop_start);
    start.loop_count = random_below(&seed, 6);
    start.looping = random_below(&seed, 3) > 0;
    return start;
}

/// The same to both, now and then.
static void random_command(void)
{
    struct rig *const rigs[] = {&loud, &mute};
    uint32_t which = random_below(&seed, 40), frames = random_below(&seed, 600);
    int64_t position = rig_frames((double)random_below(&seed, N_FRAMES)), increment = random_increment();
    double rate = (double)increment / (double)FRAME_ONE;
    for (uint32_t i = 0; i < 2; i++) {
        struct voices *v = &rigs[i]->voices;
        switch (which) {
        case 0: voices_stop(v, 0, frames); break;
        case 1: voices_pause(v, 0, frames); break;
        case 2:
        case 3: voices_resume(v, 0, frames); break;
        case 4: voices_seek(v, 0, position); break;
        case 5: voices_set_rate(v, 0, &(struct change){.value = rate}); break;
        case 6: voices_leave_loop(v, 0); break;
        case 7: voices_loop(v, 0); break;
        default: return;
        }
    }
}

static void render_both(float (*out)[2][BLOCK_FRAMES], uint32_t n_frames)
{
    rig_render(&loud, out[0][0], out[0][1], n_frames, n_frames);
    rig_render(&mute, out[1][0], out[1][1], n_frames, n_frames);
}

/// True when both have ended.
static bool compare(void)
{
    enum voice_end why[2] = {VOICE_END_FINISHED, VOICE_END_FINISHED};
    bool has_ended = rig_ended(&loud, 0, &why[0]);
    assert_int_equal(rig_ended(&mute, 0, &why[1]), has_ended);
    assert_int_equal(why[0], why[1]);
    assert_int_equal(loud.voices.state[0], mute.voices.state[0]);
    if (has_ended) return true;
    assert_true(loud.voices.voices[0].now.position == mute.voices.voices[0].now.position);
    assert_int_equal(loud.voices.passes_left[0], mute.voices.passes_left[0]);
    assert_int_equal(loud.voices.passes_over[0], mute.voices.passes_over[0]);
    assert_int_equal(loud.voices.looping[0], mute.voices.looping[0]);
    return false;
}

/// From silence to a level, and the other one from another level to the same: equal from there on.
static void check_return(void)
{
    float out[2][2][BLOCK_FRAMES];
    struct rig *const rigs[] = {&loud, &mute};
    for (uint32_t i = 0; i < 2; i++) {
        voices_set_gain(&rigs[i]->voices, 0, &(struct change){.value = -3});
        voices_set_pan(&rigs[i]->voices, 0, &(struct change){.value = 0.4});
    }
    for (uint32_t done = 0; done < 2000; done += 50) {
        render_both(out, 50);
        bool has_ended = compare();
        if (has_ended) return;
        if (done < RIG_DECLICK) continue;
        assert_memory_equal(out[0][0], out[1][0], 50 * sizeof(float));
        assert_memory_equal(out[0][1], out[1][1], 50 * sizeof(float));
    }
}

static void test_silent_is_where_it_would_be(void **state)
{
    (void)state;
    uint32_t n_returned = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = 7919 * round + 1;
        rig_open(&loud);
        rig_open(&mute);
        struct voice_start start = random_start();
        voices_start(&loud.voices, 0, &start);
        start.gain_db = SILENCE_DB;
        voices_start(&mute.voices, 0, &start);
        bool has_ended = false;
        for (uint32_t i = random_below(&seed, 100); i > 0 && !has_ended; i--) {
            float out[2][2][BLOCK_FRAMES];
            uint32_t n = 1 + random_below(&seed, BLOCK_FRAMES);
            random_command();
            render_both(out, n);
            for (uint32_t k = 0; k < n; k++)
                assert_true(out[1][0][k] == 0.0f && out[1][1][k] == 0.0f);
            has_ended = compare();
        }
        n_returned += !has_ended;
        if (!has_ended) check_return();
        rig_close(&loud);
        rig_close(&mute);
    }
    assert_true(n_returned > ROUNDS / 10);
}

/// Samples that are no numbers would be heard as soon as they are read.
static float nothing_at(uint32_t channel, uint32_t frame)
{
    (void)channel, (void)frame;
    return NAN;
}

static void test_silent_reads_no_samples(void **state)
{
    (void)state;
    struct rig_sound bad;
    rig_sound_make(&bad, N_FRAMES, 1, SAMPLE_F32, nothing_at);
    for (int pitched = 0; pitched < 2; pitched++) {
        float left[2 * BLOCK_FRAMES], right[2 * BLOCK_FRAMES];
        rig_open(&mute);
        struct voice_start start = rig_start(&bad.sound);
        start.gain_db = SILENCE_DB;
        start.loop_end = 70; // its seam is met as well
        start.looping = true;
        if (pitched) start.increment = rig_frames(1.1);
        voices_start(&mute.voices, 0, &start);
        for (int i = 0; i < 20; i++) {
            rig_render(&mute, left, right, COUNT_OF(left), 37);
            for (uint32_t k = 0; k < COUNT_OF(left); k++)
                assert_true(left[k] == 0.0f && right[k] == 0.0f);
        }
        voices_set_gain(&mute.voices, 0, &(struct change){0});
        for (int side = 0; side < 2;
             side++) { // one side is enough to be heard, when its ramp has arrived too
            voices_set_pan(&mute.voices, 0, &(struct change){.value = side ? 1 : -1});
            for (int i = 0; i < 4; i++)
                rig_render(&mute, left, right, COUNT_OF(left), 37);
            assert_true(isnan((side ? right : left)[5]));
        }
        rig_close(&mute);
    }
    rig_sound_free(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_is_where_it_would_be),
        cmocka_unit_test(test_silent_reads_no_samples),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
