// SPDX-License-Identifier: MIT
// test_kernel.c - the inner loops, ramps and the clip against double precision, for every length and
// alignment.
#include <math.h>
#include <string.h>

#include "mixer/kernel.h"
#include "mixer/output.h"
#include "mixer/ramp.h"
#include "tests/check.h"
#include "tests/random.h"

#define MAX_FRAMES 68
#define GUARD      7.5f

/// Random samples of both formats with the same values, and room around them.
struct samples {
    int16_t s16[512];
    float f32[512];
};

static void fill(struct samples *s, uint64_t seed)
{
    for (int i = 0; i < 512; i++) {
        s->s16[i] = (int16_t)random_next(&seed);
        s->f32[i] = (float)s->s16[i] / 32768.0f;
    }
    s->s16[100] = INT16_MIN;
    s->s16[101] = INT16_MAX;
    s->f32[100] = -1.0f;
    s->f32[101] = 32767.0f / 32768.0f;
}

static void check_guard(const float *out, uint32_t n)
{
    for (uint32_t i = n; i < MAX_FRAMES + 4; i++)
        assert_true(out[i] == GUARD);
}

static void guard(float *out)
{
    for (uint32_t i = 0; i < MAX_FRAMES + 4; i++)
        out[i] = GUARD;
}

static void test_read_is_exact(void **state)
{
    (void)state;
    struct samples s;
    fill(&s, 1);
    for (uint32_t n = 0; n <= 67; n++) {
        for (uint32_t at = 90; at < 107; at++) {
            float out[MAX_FRAMES + 4];
            guard(out);
            kernel_read(out, s.s16 + at, SAMPLE_S16, n);
            for (uint32_t i = 0; i < n; i++)
                assert_true((double)out[i] == (double)s.s16[at + i] / 32768.0);
            check_guard(out, n);
            guard(out);
            kernel_read(out, s.f32 + at, SAMPLE_F32, n);
            assert_memory_equal(out, s.f32 + at, n * sizeof(float));
            check_guard(out, n);
        }
    }
}

static void test_read_keeps_what_is_no_number(void **state)
{
    (void)state;
    const float in[] = {NAN, INFINITY, -INFINITY, 1e-40f, -0.0f};
    float out[COUNT_OF(in)];
    kernel_read(out, in, SAMPLE_F32, COUNT_OF(in));
    assert_memory_equal(in, out, sizeof in);
}

/// Catmull-Rom as a cubic Hermite spline: values at both ends, slopes from the neighbours.
static double reference_cubic(const double y[4], double t)
{
    double m1 = (y[2] - y[0]) / 2, m2 = (y[3] - y[1]) / 2;
    double t2 = t * t, t3 = t2 * t;
    return (2 * t3 - 3 * t2 + 1) * y[1] + (t3 - 2 * t2 + t) * m1 + (-2 * t3 + 3 * t2) * y[2] + (t3 - t2) * m2;
}

static void check_cubic(const struct samples *s, int64_t position, int64_t increment, uint32_t n)
{
    float from_s16[MAX_FRAMES + 4], from_f32[MAX_FRAMES + 4];
    guard(from_s16);
    guard(from_f32);
    kernel_read_cubic(from_s16, s->s16 + 256, SAMPLE_S16, position, increment, n);
    kernel_read_cubic(from_f32, s->f32 + 256, SAMPLE_F32, position, increment, n);
    for (uint32_t i = 0; i < n; i++, position += increment) {
        double y[4];
        for (int k = 0; k < 4; k++)
            y[k] = (double)s->f32[256 + (position >> 32) + k - 1];
        double expected = reference_cubic(y, (double)(uint32_t)position / 4294967296.0);
        assert_true(fabs((double)from_f32[i] - expected) < 1e-6);
        assert_true(fabs((double)from_s16[i] - expected) < 1e-6);
        if ((uint32_t)position == 0) assert_true(from_f32[i] == s->f32[256 + (position >> 32)]);
    }
    check_guard(from_s16, n);
    check_guard(from_f32, n);
}

static void test_cubic_against_double_precision(void **state)
{
    (void)state;
    struct samples s;
    uint64_t seed = 5;
    fill(&s, 2);
    for (uint32_t n = 0; n <= 67; n++) {
        for (int round = 0; round < 50; round++) {
            double most = 250.0 / (n + 1); // stays inside of the samples
            double rate = random_between(&seed, -most, most), start = random_between(&seed, -2, 2);
            check_cubic(&s, (int64_t)(start * 4294967296.0), (int64_t)(rate * 4294967296.0), n);
        }
        check_cubic(&s, 0, INT64_C(1) << 32, n);
        check_cubic(&s, (INT64_C(1) << 32) - 1, 1, n);
        check_cubic(&s, -1, -1, n);
        check_cubic(&s, 0xffffffff, 0, n);
    }
}

static void test_mix_adds(void **state)
{
    (void)state;
    struct samples s;
    float gains[MAX_FRAMES + 8];
    uint64_t seed = 9;
    fill(&s, 3);
    for (uint32_t i = 0; i < COUNT_OF(gains); i++)
        gains[i] = (float)random_between(&seed, -2, 2);
    for (uint32_t n = 0; n <= 67; n++) {
        for (uint32_t shift = 0; shift < 4; shift++) {
            float steady[MAX_FRAMES + 4], ramped[MAX_FRAMES + 4];
            guard(steady);
            guard(ramped);
            kernel_mix(steady + shift, s.f32 + shift, 0.3f, n);
            kernel_mix_ramped(ramped + shift, s.f32 + shift, gains + shift, n);
            for (uint32_t i = shift; i < shift + n; i++) {
                assert_true(steady[i] == GUARD + s.f32[i] * 0.3f);
                assert_true(ramped[i] == GUARD + s.f32[i] * gains[i]);
            }
            check_guard(steady, n + shift);
            check_guard(ramped, n + shift);
        }
    }
}

// ---- ramps ----

static void test_ramp_is_a_straight_line(void **state)
{
    (void)state;
    static const uint32_t totals[] = {0, 1, 2, 63, 64, 65, 240, 48000};
    for (size_t k = 0; k < COUNT_OF(totals); k++) {
        struct ramp r = {.to = 0.25f};
        uint32_t total = totals[k];
        assert_true(ramp_is_steady(&r));
        ramp_set(&r, -0.75f, total);
        for (uint32_t i = 0; i <= total + 3; i++) {
            double expected = i < total ? 0.25 - (double)i / total : -0.75;
            assert_true(fabs((double)ramp_value(&r) - expected) < 1e-6);
            assert_int_equal(ramp_is_steady(&r), i >= total);
            ramp_advance(&r, 1);
        }
        assert_true(ramp_value(&r) == -0.75f);
    }
}

/// The value depends on the frames passed alone, bit for bit, however they are cut.
static void test_ramp_does_not_depend_on_the_cut(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 200; round++) {
        struct ramp r = {.to = (float)random_between(&seed, -1, 1)}, frame_by_frame;
        ramp_set(&r, (float)random_between(&seed, -1, 1), random_below(&seed, 400));
        frame_by_frame = r;
        for (uint32_t done = 0; done < 500;) {
            float gains[64];
            uint32_t n = 1 + random_below(&seed, 64);
            for (uint32_t i = 0; i < n; i++)
                gains[i] = 1.0f;
            ramp_multiply(&r, gains, n);
            for (uint32_t i = 0; i < n; i++) {
                assert_true(gains[i] == ramp_value(&frame_by_frame));
                ramp_advance(&frame_by_frame, 1);
            }
            ramp_advance(&r, n);
            done += n;
        }
    }
}

static void test_ramp_turns_round_where_it_is(void **state)
{
    (void)state;
    struct ramp r = {.to = 0.0f};
    ramp_set(&r, 1.0f, 100);
    ramp_advance(&r, 30);
    float there = ramp_value(&r);
    ramp_set(&r, 0.0f, 10);
    assert_true(ramp_value(&r) == there);
    ramp_advance(&r, UINT32_MAX);
    assert_true(ramp_value(&r) == 0.0f);
    assert_int_equal(r.done, r.total);
}

static void test_longest_ramp_arrives(void **state)
{
    (void)state;
    struct ramp r = {.to = 0.0f};
    ramp_set(&r, 1.0f, UINT32_MAX);
    ramp_advance(&r, UINT32_MAX - 1);
    assert_false(ramp_is_steady(&r));
    assert_true(ramp_value(&r) > 0.999f && ramp_value(&r) <= 1.0f);
    ramp_advance(&r, 1);
    assert_true(ramp_value(&r) == 1.0f);
}

// ---- output ----

static void test_clip(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 67; n++) {
        float a[MAX_FRAMES + 4], b[MAX_FRAMES + 4];
        guard(a);
        guard(b);
        uint32_t expected = 0;
        static const float values[] = {1.0f,  -1.0f,     0.0f,       1.0000001f, -1.0000001f,
                                       3e38f, -INFINITY, 0.9999999f, INFINITY};
        for (uint32_t i = 0; i < n; i++) {
            a[i] = values[i % COUNT_OF(values)];
            b[i] = values[(i + 4) % COUNT_OF(values)];
            expected += fabsf(a[i]) > 1.0f;
            expected += fabsf(b[i]) > 1.0f;
        }
        float *planes[] = {a, b};
        assert_int_equal(output_clip(planes, 2, n), expected);
        for (uint32_t i = 0; i < n; i++) {
            float in = values[i % COUNT_OF(values)];
            assert_true(a[i] == (in > 1.0f ? 1.0f : in < -1.0f ? -1.0f : in));
        }
        check_guard(a, n);
        check_guard(b, n);
        assert_int_equal(output_clip(planes, 2, n), 0);
        assert_int_equal(output_clip(planes, 0, n), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_is_exact),
        cmocka_unit_test(test_read_keeps_what_is_no_number),
        cmocka_unit_test(test_cubic_against_double_precision),
        cmocka_unit_test(test_mix_adds),
        cmocka_unit_test(test_ramp_is_a_straight_line),
        cmocka_unit_test(test_ramp_does_not_depend_on_the_cut),
        cmocka_unit_test(test_ramp_turns_round_where_it_is),
        cmocka_unit_test(test_longest_ramp_arrives),
        cmocka_unit_test(test_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
