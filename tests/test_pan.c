// SPDX-License-Identifier: MIT
// test_pan.c - the numbers behind gain and pan, gain and pan, and how sounds lie in memory.
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "alloc/attr.h"
#include "mixer/numeric.h"
#include "mixer/pan.h"
#include "mixer/sound.h"
#include "tests/check.h"

// ---- numbers: against the C library ----

static void test_powers_and_logarithms(void **state)
{
    (void)state;
    for (double x = -40; x <= 40; x += 0.0007) {
        assert_true(fabs(numeric_exp2(x) / exp2(x) - 1) < 1e-10);
        assert_true(fabs(numeric_log2(exp2(x)) - x) < 1e-12);
    }
    for (int x = -1000; x <= 1000; x++) {
        assert_true(numeric_exp2(x) == exp2(x));
        assert_true(numeric_log2(exp2(x)) == x);
    }
    assert_true(fabs(numeric_log2(M_SQRT2) - 0.5) < 1e-13 && fabs(numeric_log2(nextafter(2, 0)) - 1) < 1e-13);
}

static void test_sines(void **state)
{
    (void)state;
    assert_true(numeric_sine(0) == 0 && numeric_sine(1) == 1);
    for (double x = 0; x <= 1; x += 1e-5)
        assert_true(fabs(numeric_sine(x) - sin(x * M_PI / 2)) < 1e-10);
    double before = 0.5 - 1e-16; // both series meet here
    assert_true(fabs(numeric_sine(before) - numeric_sine(0.5)) < 1e-10);
}

// ---- gain and pan ----

/// Far below what anybody hears or measures: 0.01 dB.
static void test_laws_in_db(void **state)
{
    (void)state;
    for (float db = -199; db <= 24; db += 0.37f)
        assert_true(fabs(20 * log10((double)gain_from_db(db)) - (double)db) < 1e-5);
    for (float pan = -0.999f; pan < 1; pan += 0.001f) {
        struct level is = level_stereo(1.0f, pan);
        double angle = ((double)pan + 1) * M_PI / 4;
        assert_true(fabs(20 * log10((double)is.left / (M_SQRT2 * cos(angle)))) < 1e-5);
        assert_true(fabs(20 * log10((double)is.right / (M_SQRT2 * sin(angle)))) < 1e-5);
    }
}

static bool is_near(float value, double expected)
{
    return fabs((double)value - expected) < 1e-6;
}

static void test_gain(void **state)
{
    (void)state;
    assert_true(gain_from_db(0.0f) == 1.0f);
    assert_true(gain_from_db(SILENCE_DB) == 0.0f);
    assert_true(gain_from_db(-1000.0f) == 0.0f);
    assert_true(gain_from_db(-199.9f) > 0.0f);
    assert_true(is_near(gain_from_db(-6.0f), 0.5011872336));
    assert_true(is_near(gain_from_db(24.0f) / 16.0f, 15.8489319246 / 16));
    assert_true(gain_to_db(0.0f) == SILENCE_DB);
    assert_true(gain_to_db(-1.0f) == SILENCE_DB);
    assert_true(gain_to_db(NAN) == SILENCE_DB);
    assert_true(gain_to_db(1e-30f) == SILENCE_DB);
    assert_true(gain_to_db(1.0f) == 0.0f);
    for (float db = -190.0f; db <= 24.0f; db += 0.5f)
        assert_true(fabsf(gain_to_db(gain_from_db(db)) - db) < 1e-3f);
}

static void test_pan_at_its_limits(void **state)
{
    (void)state;
    struct level middle = level_mono(1.0f, 0.0f), left = level_mono(0.5f, -1.0f),
                 right = level_mono(0.5f, 1.0f);
    assert_true(is_near(middle.left, M_SQRT1_2) && is_near(middle.right, M_SQRT1_2));
    assert_true(left.left == 0.5f && left.right == 0.0f);
    assert_true(right.left == 0.0f && right.right == 0.5f);
    middle = level_stereo(0.7f, 0.0f);
    assert_true(middle.left == 0.7f && middle.right == 0.7f);
    left = level_stereo(1.0f, -1.0f);
    assert_true(is_near(left.left, M_SQRT2) && left.right == 0.0f);
    right = level_stereo(1.0f, 1.0f);
    assert_true(right.left == 0.0f && is_near(right.right, M_SQRT2));
}

static void test_pan_keeps_the_power(void **state)
{
    (void)state;
    for (float pan = -1.0f; pan <= 1.0f; pan += 0.01f) {
        struct level mono = level_mono(1.0f, pan), stereo = level_stereo(1.0f, pan);
        assert_true(is_near(mono.left * mono.left + mono.right * mono.right, 1.0));
        assert_true(is_near((stereo.left * stereo.left + stereo.right * stereo.right) / 2, 1.0));
        struct level mirrored = level_mono(1.0f, -pan);
        assert_true(is_near(mono.left, (double)mirrored.right));
    }
}

// ---- sounds ----

static void test_sound_layout(void **state)
{
    (void)state;
    for (uint32_t n_frames = 0; n_frames < 200; n_frames++) {
        for (uint32_t n_channels = 1; n_channels <= 2; n_channels++) {
            for (int format = SAMPLE_S16; format <= SAMPLE_F32; format++) {
                struct sound s;
                size_t bytes = sound_bytes(n_frames, n_channels, (enum sample_format)format);
                char *memory = aligned_alloc(CACHE_LINE, bytes);
                sound_layout(&s, memory, n_frames, n_channels, (enum sample_format)format);
                size_t one = sample_bytes(s.format), pad = SOUND_PAD_FRAMES * one;
                const char *end = memory;
                for (uint32_t c = 0; c < n_channels; c++) {
                    const char *first = s.channels[c];
                    assert_ptr_equal(first, sound_channel(&s, memory, c));
                    assert_true(first - pad >= end);
                    assert_int_equal((uintptr_t)(first - pad) % CACHE_LINE, 0);
                    end = first + n_frames * one + pad;
                }
                assert_true(end <= memory + bytes);
                assert_true(bytes - (size_t)(end - memory) < (SOUND_STAGGER_LINES + 1) * CACHE_LINE);
                free(memory);
            }
        }
    }
}

static void test_sound_sizes(void **state)
{
    (void)state;
    assert_int_equal(sample_bytes(SAMPLE_S16), 2);
    assert_int_equal(sample_bytes(SAMPLE_F32), 4);
    assert_int_equal(sound_bytes((uint64_t)SOUND_MAX_FRAMES + 1, 1, SAMPLE_S16), 0);
    assert_int_equal(sound_bytes(UINT64_MAX, 2, SAMPLE_F32), 0);
    uint64_t most = sound_bytes(SOUND_MAX_FRAMES, 2, SAMPLE_F32);
    assert_true(most >= 8 * (uint64_t)SOUND_MAX_FRAMES &&
                most < 8 * ((uint64_t)SOUND_MAX_FRAMES + 2 * SOUND_PAD_FRAMES) + 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powers_and_logarithms),
        cmocka_unit_test(test_sines),
        cmocka_unit_test(test_laws_in_db),
        cmocka_unit_test(test_gain),
        cmocka_unit_test(test_pan_at_its_limits),
        cmocka_unit_test(test_pan_keeps_the_power),
        cmocka_unit_test(test_sound_layout),
        cmocka_unit_test(test_sound_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
