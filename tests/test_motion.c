// SPDX-License-Identifier: MIT
// test_motion.c - where a voice would be after some time: as the mixer has it when it renders that time.
#include "engine/motion.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

#define N_FRAMES 4000

static float out[2][BLOCK_FRAMES];

static struct motion motion_of(const struct voice_start *s, const struct voice_report *r)
{
    return (struct motion){.position = (double)r->position / (double)FRAME_ONE,
                           .step = (double)r->increment / (double)FRAME_ONE,
                           .start = s->start_frame,
                           .end = s->end_frame,
                           .loop_start = s->loop_start,
                           .loop_end = s->loop_end,
                           .passes_left = r->passes_left,
                           .looping = r->looping};
}

/// Renders until the voice has ended, or `n_blocks`, and compares at each block: from the first one on, and
/// from the block before.
static void compare(struct rig *r, const struct voice_start *s, uint32_t n_blocks)
{
    struct voice_report first, now;
    voices_start(&r->voices, 0, s);
    voices_report(&r->voices, 0, &first);
    struct motion before = motion_of(s, &first);
    for (uint32_t block = 1; block <= n_blocks; block++) {
        rig_render(r, out[0], out[1], BLOCK_FRAMES, BLOCK_FRAMES);
        voices_report(&r->voices, 0, &now);
        // One that is exactly at its end says so with the next block.
        bool is_there =
            r->voices.n_ended == 0 && now.position < s->end_frame * FRAME_ONE && now.position >= 0;
        struct motion all = motion_of(s, &first), one = before;
        assert_int_equal(motion_advance(&all, block * (double)BLOCK_FRAMES), is_there);
        assert_int_equal(motion_advance(&one, BLOCK_FRAMES), is_there);
        if (!is_there) return;
        before = motion_of(s, &now);
        assert_true(fabs(all.position - before.position) < 1e-5);
        assert_true(fabs(one.position - before.position) < 1e-5);
        assert_int_equal(all.looping, now.looping);
        assert_int_equal(all.passes_left, now.passes_left);
    }
}

static void test_as_the_mixer(void **state)
{
    (void)state;
    struct rig_sound sound;
    uint64_t seed = 7;
    rig_sound_make(&sound, N_FRAMES, 1, SAMPLE_F32, rig_tone);
    for (int i = 0; i < 3000; i++) {
        struct rig r;
        rig_open(&r);
        // Quarters: 32.32 positions hold them exactly, so that edges are met to the frame.
        double rate = (1 + random_below(&seed, 16)) * 0.25 * (random_below(&seed, 2) ? 1 : -1);
        uint32_t start = random_below(&seed, N_FRAMES), loop_start = random_below(&seed, N_FRAMES - 1);
        uint32_t room = N_FRAMES - loop_start, count = random_below(&seed, 5);
        struct voice_start s = {.sound = &sound.sound,
                                .position = start * FRAME_ONE,
                                .increment = (int64_t)(rate * (double)FRAME_ONE),
                                .end_frame = N_FRAMES,
                                .loop_start = loop_start,
                                .loop_end = loop_start + 1 + random_below(&seed, room),
                                .loop_count = count,
                                .looping = random_below(&seed, 8) > 0};
        compare(&r, &s, 200);
        rig_close(&r);
    }
    rig_sound_free(&sound);
}

/// A loop of a second, for a month, at 48 kHz.
static void test_a_long_time(void **state)
{
    (void)state;
    struct motion m = {.step = 1, .position = 100, .end = 48000, .loop_end = 48000, .looping = true};
    assert_true(motion_advance(&m, 30.0 * 86400 * 48000 + 7));
    assert_true(fabs(m.position - 107) < 1e-3);
    m.step = -1;
    assert_true(motion_advance(&m, 30.0 * 86400 * 48000 + 108));
    assert_true(fabs(m.position - 47999) < 1e-3);
    m.passes_left = 1000000;
    assert_false(motion_advance(&m, 30.0 * 86400 * 48000));
}

static void test_no_region(void **state)
{
    (void)state;
    struct motion m = {.step = 1, .end = 100, .loop_start = 50, .loop_end = 50, .looping = true};
    assert_true(motion_advance(&m, 99));
    assert_false(motion_advance(&m, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_mixer),
        cmocka_unit_test(test_a_long_time),
        cmocka_unit_test(test_no_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
