// SPDX-License-Identifier: MIT
// test_fader.c - gain, pan and mute on their ways: every curve against its formula, alone and together.
#include <math.h>

#include "mixer/fader.h"
#include "mixer/pan.h"
#include "tests/check.h"
#include "tests/random.h"

/// A fader and the ramps that it moves.
struct rig {
    struct fader fader;
    struct ramp left, right;
};

static struct rig rig_at(float gain_db, float pan, bool is_mono)
{
    struct rig r;
    fader_init(&r.fader, &r.left, &r.right, gain_db, pan, is_mono);
    return r;
}

static struct level value(const struct rig *r)
{
    return (struct level){ramp_value(&r->left), ramp_value(&r->right)};
}

static void advance(struct rig *r, uint32_t n_frames)
{
    for (uint32_t i = 0; i < n_frames; i++) {
        ramp_advance(&r->left, 1);
        ramp_advance(&r->right, 1);
        assert_int_equal(r->left.done, r->right.done);
        if (r->fader.goes_on && ramp_is_steady(&r->left)) fader_next(&r->fader, &r->left, &r->right);
    }
}

static void set_gain(struct rig *r, double db, enum curve curve, uint32_t n_frames)
{
    fader_set_gain(&r->fader, &r->left, &r->right, &(struct change){.value = db, .curve = (uint8_t)curve},
                   n_frames);
}

static void set_pan(struct rig *r, double pan, enum curve curve, uint32_t n_frames)
{
    fader_set_pan(&r->fader, &r->left, &r->right, &(struct change){.value = pan, .curve = (uint8_t)curve},
                  n_frames);
}

static void set_open(struct rig *r, bool is_open, uint32_t n_frames)
{
    fader_set_open(&r->fader, &r->left, &r->right, is_open, n_frames);
}

// ---- the formulas ----

static double lin(double db)
{
    return db <= -200 ? 0 : pow(10, db / 20);
}

/// Amplitude at `t` of the way between two gains.
static double gain_formula(enum curve curve, double from_db, double to_db, double t)
{
    double from = lin(from_db), to = lin(to_db);
    if (t >= 1) return to;
    switch (curve) {
    case CURVE_DB:
        if (from == 0) from_db = fmin(-100, to_db);
        if (to == 0) to_db = fmin(-100, from_db);
        return lin(from_db + (to_db - from_db) * t);
    case CURVE_POWER: return sqrt(from * from + (to * to - from * from) * t);
    case CURVE_S: return from + (to - from) * (1 - cos(M_PI * t)) / 2;
    default: return from + (to - from) * t;
    }
}

static double pan_formula(enum curve curve, double from, double to, double t)
{
    if (t >= 1) return to;
    return from + (to - from) * (curve == CURVE_S ? (1 - cos(M_PI * t)) / 2 : t);
}

static double left_of(double gain, double pan, bool is_mono)
{
    return gain * cos((pan + 1) * M_PI / 4) * (is_mono ? 1 : M_SQRT2);
}

static double right_of(double gain, double pan, bool is_mono)
{
    return gain * sin((pan + 1) * M_PI / 4) * (is_mono ? 1 : M_SQRT2);
}

static void check_level(const struct rig *r, double gain, double pan, double tolerance)
{
    struct level is = value(r);
    double left = left_of(gain, pan, r->fader.is_mono), right = right_of(gain, pan, r->fader.is_mono);
    if (fabs((double)is.left - left) > tolerance || fabs((double)is.right - right) > tolerance)
        fail_msg("%g and %g, not %g and %g", (double)is.left, (double)is.right, left, right);
}

/// Bit for bit what a fader has that was there from the beginning.
static void check_arrived(const struct rig *r)
{
    struct rig fresh = rig_at(r->fader.gain_db, r->fader.pan, r->fader.is_mono);
    assert_true(ramp_is_steady(&r->left) && ramp_is_steady(&r->right));
    assert_false(r->fader.goes_on);
    bool is_open = r->fader.is_open;
    assert_true(value(r).left == (is_open ? value(&fresh).left : 0.0f));
    assert_true(value(r).right == (is_open ? value(&fresh).right : 0.0f));
}

// ---- one alone ----

static const double gains[] = {0, -6, 6, 24, -3.5, -60, -99, -150, -200};
static const uint32_t lengths[] = {0, 1, 2, 31, 32, 33, 64, 100, 240, 513, 4801};

/// On the curve at the ends of pieces (at its beginning where it was, not at the floor), straight between
/// them.
static void check_gain(enum curve curve, double from, double to, uint32_t total)
{
    struct rig r = rig_at((float)from, 0.25f, total % 2);
    set_gain(&r, to, curve, total);
    for (uint32_t i = 0; i <= total; i++) {
        uint32_t begin = i - i % CURVE_PIECE_FRAMES, end = begin + CURVE_PIECE_FRAMES;
        if (end > total) end = total;
        double a =
            begin > 0 ? gain_formula(curve, from, to, (double)begin / total) : lin(total > 0 ? from : to);
        double b = gain_formula(curve, from, to, total ? (double)end / total : 1);
        double way = end > begin ? (double)(i - begin) / (end - begin) : 0;
        check_level(&r, a + (b - a) * way, 0.25, 2e-6 * fmax(1, fmax(a, b)));
        advance(&r, 1);
    }
    check_arrived(&r);
    assert_true(fabs((double)r.fader.gain_db - to) < 1e-5);
}

static void test_gain_along_every_curve(void **state)
{
    (void)state;
    for (int curve = 0; curve < N_CURVES; curve++)
        for (size_t a = 0; a < COUNT_OF(gains); a++)
            for (size_t b = 0; b < COUNT_OF(gains); b++)
                for (size_t n = 0; n < COUNT_OF(lengths); n++)
                    check_gain((enum curve)curve, gains[a], gains[b], lengths[n]);
}

static void test_linear_gain_is_one_straight_ramp(void **state)
{
    (void)state;
    struct rig r = rig_at(-6, -0.5f, true);
    struct ramp left = r.left, right = r.right;
    set_gain(&r, 3, CURVE_LINEAR, 48000);
    ramp_set(&left, level_mono(gain_from_db(3), -0.5f).left, 48000);
    ramp_set(&right, level_mono(gain_from_db(3), -0.5f).right, 48000);
    assert_memory_equal(&r.left, &left, sizeof left);
    assert_memory_equal(&r.right, &right, sizeof right);
    assert_false(r.fader.goes_on);
}

static void test_pan_along_every_curve(void **state)
{
    (void)state;
    for (int curve = 0; curve < N_CURVES; curve++) {
        for (size_t n = 0; n < COUNT_OF(lengths); n++) {
            uint32_t total = lengths[n];
            bool is_brief = curve != CURVE_S && total <= FADER_BRIEF_FRAMES;
            struct rig r = rig_at(-2, -1.0f, n % 2);
            set_pan(&r, 0.75, (enum curve)curve, total);
            for (uint32_t i = 0; i < total; i += CURVE_PIECE_FRAMES) {
                if (i == 0 || !is_brief)
                    check_level(&r, lin(-2), pan_formula((enum curve)curve, -1, 0.75, (double)i / total),
                                2e-6);
                advance(&r, total - i < CURVE_PIECE_FRAMES ? total - i : CURVE_PIECE_FRAMES);
            }
            check_arrived(&r);
        }
    }
}

/// A long way from one side to the other never falls into the hole between them.
static void test_long_pan_keeps_the_power(void **state)
{
    (void)state;
    struct rig r = rig_at(0, -1.0f, true);
    set_pan(&r, 1, CURVE_LINEAR, 48000);
    for (uint32_t i = 0; i < 48000; i++) {
        struct level is = value(&r);
        assert_true(fabs((double)(is.left * is.left + is.right * is.right) - 1) < 1e-5);
        advance(&r, 1);
    }
    check_arrived(&r);
}

static void test_gate(void **state)
{
    (void)state;
    struct rig r = rig_at(-3, 0.0f, false);
    set_open(&r, false, 1000);
    for (uint32_t i = 0; i <= 1000; i++) {
        check_level(&r, lin(-3) * (1 - i / 1000.0), 0, 1e-6);
        advance(&r, 1);
    }
    check_arrived(&r);
    set_gain(&r, 6, CURVE_S, 500); // unheard
    for (uint32_t i = 0; i < 500; i++) {
        assert_true(value(&r).left == 0.0f && value(&r).right == 0.0f);
        advance(&r, 1);
    }
    set_open(&r, true, 0);
    check_arrived(&r);
    check_level(&r, lin(6), 0, 1e-6);
}

// ---- relative ----

static void add_gain(struct rig *r, double db, enum curve curve, uint32_t n_frames)
{
    fader_set_gain(&r->fader, &r->left, &r->right,
                   &(struct change){.value = db, .curve = (uint8_t)curve, .relative = true}, n_frames);
}

static void test_relative_counts_from_the_target(void **state)
{
    (void)state;
    for (int curve = 0; curve < N_CURVES; curve++) {
        struct rig r = rig_at(0, 0.0f, false);
        set_gain(&r, -12, (enum curve)curve, 480);
        advance(&r, 100);
        struct level before = value(&r);
        add_gain(&r, 3, (enum curve)curve, 480); // on the way to -12: now to -9
        assert_true(value(&r).left == before.left);
        advance(&r, 33);
        add_gain(&r, -1.5, (enum curve)curve, 480);
        advance(&r, 480);
        assert_true(r.fader.gain_db == -10.5f);
        check_arrived(&r);
        fader_set_pan(&r.fader, &r.left, &r.right, &(struct change){.value = -0.25, .relative = true}, 100);
        advance(&r, 50);
        fader_set_pan(&r.fader, &r.left, &r.right, &(struct change){.value = -0.5, .relative = true}, 100);
        assert_true(r.fader.pan == -0.75f);
        advance(&r, 100);
        check_arrived(&r);
    }
}

static void test_sums_are_kept_in_range(void **state)
{
    (void)state;
    struct rig r = rig_at(20, 0.5f, false);
    add_gain(&r, 5, CURVE_LINEAR, 0);
    assert_true(r.fader.gain_db == 24.0f);
    add_gain(&r, -1000, CURVE_DB, 100);
    assert_true(r.fader.gain_db == -200.0f);
    advance(&r, 100);
    check_arrived(&r);
    assert_true(value(&r).left == 0.0f);
    add_gain(&r, -1, CURVE_LINEAR, 0);
    assert_true(r.fader.gain_db == -200.0f);
    set_gain(&r, 100, CURVE_LINEAR, 0);
    assert_true(r.fader.gain_db == 24.0f);
    fader_set_pan(&r.fader, &r.left, &r.right, &(struct change){.value = 3, .relative = true}, 0);
    assert_true(r.fader.pan == 1.0f);
    set_pan(&r, -7, CURVE_LINEAR, 0);
    assert_true(r.fader.pan == -1.0f);
    check_arrived(&r);
}

// ---- together ----

/// Each arrives in its own time, and on the way all of them are heard.
static void test_gain_and_pan_of_different_lengths(void **state)
{
    (void)state;
    for (int curve = 0; curve < N_CURVES; curve++) {
        struct rig r = rig_at(0, -0.5f, true);
        set_gain(&r, -20, (enum curve)curve, 4000);
        advance(&r, 1000);
        set_pan(&r, 0.5, CURVE_S, 640);
        for (uint32_t i = 0; i < 640; i += CURVE_PIECE_FRAMES) {
            double gain = gain_formula((enum curve)curve, 0, -20, (1000 + i) / 4000.0);
            double pan = pan_formula(CURVE_S, -0.5, 0.5, i / 640.0);
            check_level(&r, gain, pan, i == 0 ? 1e-4 : 2e-6); // it began inside of a piece of the gain
            advance(&r, CURVE_PIECE_FRAMES);
        }
        check_level(&r, gain_formula((enum curve)curve, 0, -20, 1640 / 4000.0), 0.5, 2e-6);
        assert_int_equal(r.fader.goes_on, curve != CURVE_LINEAR); // alone again: one straight line
        advance(&r, 2360);
        check_arrived(&r);
        check_level(&r, lin(-20), 0.5, 2e-6);
    }
}

static void random_change(struct rig *r, uint64_t *seed, uint32_t n_frames)
{
    struct change c = {.curve = (uint8_t)random_below(seed, N_CURVES), .relative = random_below(seed, 2)};
    switch (random_below(seed, 3)) {
    case 0:
        c.value = random_below(seed, 8) ? random_between(seed, -40, 0) : -200;
        fader_set_gain(&r->fader, &r->left, &r->right, &c, n_frames);
        break;
    case 1:
        c.value = random_between(seed, -1, 1);
        fader_set_pan(&r->fader, &r->left, &r->right, &c, n_frames);
        break;
    default: set_open(r, random_below(seed, 2), n_frames);
    }
}

/// Whatever comes on the way: nothing jumps, and all of it ends where it should.
static void test_random_changes_on_the_way(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (int round = 0; round < 3000; round++) {
        struct rig r = rig_at(-12, 0.0f, round % 2);
        uint32_t longest = 0;
        for (uint32_t n = 1 + random_below(&seed, 5); n > 0; n--) {
            uint32_t total = 240 + random_below(&seed, random_below(&seed, 2) ? 300 : 3000);
            struct level before = value(&r);
            random_change(&r, &seed, total);
            assert_true(value(&r).left == before.left && value(&r).right == before.right);
            longest = total > longest ? total : longest;
            advance(&r, random_below(&seed, 400));
        }
        struct level before = value(&r);
        for (uint32_t i = 0; i < longest; i++) {
            advance(&r, 1);
            struct level is = value(&r);
            // The steepest is DB from 0 to silence, 13 dB in its first piece: 6 / 240 a frame, by the law of
            // pan 1.41 times as much on a side. Others may be under way beside it.
            float bound = 11.0f / 240;
            assert_true(fabsf(is.left - before.left) < bound && fabsf(is.right - before.right) < bound);
            before = is;
        }
        check_arrived(&r);
    }
}

static void test_longest_ways_arrive(void **state)
{
    (void)state;
    struct rig r = rig_at(0, 0.0f, false);
    set_gain(&r, -20, CURVE_LINEAR, UINT32_MAX);
    for (uint64_t passed = 0; passed < UINT32_MAX;) {
        uint32_t n = r.left.total - r.left.done; // a whole piece
        assert_true(n > 0);
        ramp_advance(&r.left, n);
        ramp_advance(&r.right, n);
        passed += n;
        check_level(&r, gain_formula(CURVE_LINEAR, 0, -20, (double)passed / UINT32_MAX), 0, 1e-6);
        assert_int_equal(r.fader.goes_on, passed < UINT32_MAX);
        if (r.fader.goes_on) fader_next(&r.fader, &r.left, &r.right);
    }
    check_arrived(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gain_along_every_curve),
        cmocka_unit_test(test_linear_gain_is_one_straight_ramp),
        cmocka_unit_test(test_pan_along_every_curve),
        cmocka_unit_test(test_long_pan_keeps_the_power),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_relative_counts_from_the_target),
        cmocka_unit_test(test_sums_are_kept_in_range),
        cmocka_unit_test(test_gain_and_pan_of_different_lengths),
        cmocka_unit_test(test_random_changes_on_the_way),
        cmocka_unit_test(test_longest_ways_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
