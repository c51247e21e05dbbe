// SPDX-License-Identifier: MIT
// test_ramp.c - ramps, frame by frame, and the clip, for every length.
#include <math.h>

#include "mixer/output.h"
#include "mixer/ramp.h"
#include "tests/check.h"
#include "tests/random.h"

#define MAX_FRAMES 68
#define GUARD      7.5f

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
            uint32_t n = 1 + random_below(&seed, 64);
            assert_true(ramp_value(&r) == ramp_value(&frame_by_frame));
            for (uint32_t i = 0; i < n; i++)
                ramp_advance(&frame_by_frame, 1);
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
    ramp_set(&r, 1.0f, UINT32_MAX); // cut to the longest
    ramp_advance(&r, RAMP_MAX_FRAMES - 1);
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
        assert_int_equal(output_clip(kernel_pick(), planes, 2, n), expected);
        for (uint32_t i = 0; i < n; i++) {
            float in = values[i % COUNT_OF(values)];
            assert_true(a[i] == (in > 1.0f ? 1.0f : in < -1.0f ? -1.0f : in));
        }
        check_guard(a, n);
        check_guard(b, n);
        assert_int_equal(output_clip(kernel_pick(), planes, 2, n), 0);
        assert_int_equal(output_clip(kernel_pick(), planes, 0, n), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ramp_is_a_straight_line),
        cmocka_unit_test(test_ramp_does_not_depend_on_the_cut),
        cmocka_unit_test(test_ramp_turns_round_where_it_is),
        cmocka_unit_test(test_longest_ramp_arrives),
        cmocka_unit_test(test_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
