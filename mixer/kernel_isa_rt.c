// SPDX-License-Identifier: MIT
// kernel_isa_rt.c - the table of kernels for one instruction set: this file is compiled once for each.
#include "mixer/kernel.h"
#include "mixer/kernel_read.h"
#include "mixer/kernel_vector.h"

// ---- gains ----

/// A ramp on its way through a block, LANES frames at a time: from + step * frame, the same steps as
/// ramp_value(). A steady one has a step of 0.
struct line {
    f32v from, step;
    u32v frame; // at most RAMP_MAX_FRAMES where it counts
};

PART struct line line_begin(const struct ramp *r, uint32_t at)
{
    const u32v lane = {IOTA};
    if (ramp_is_steady(r)) return (struct line){.from = splat(r->to)};
    return (struct line){splat(r->from), splat(r->step), lane + (r->done + at)};
}

PART f32v line_next(struct line *l)
{
    f32v value = l->from + l->step * __builtin_convertvector((i32v)l->frame, f32v);
    l->frame += LANES;
    return value;
}

/// What of a voice's gains moves: nothing; left and right together, as most of the time; or any of it.
enum motion { MOTION_NONE, MOTION_LEVEL, MOTION_ALL };

PART enum motion motion_of(const struct kernel_ramps *r)
{
    if (!r) return MOTION_NONE;
    bool alone = ramp_is_steady(&r->envelope) && ramp_is_steady(&r->tail);
    bool together = r->left.done == r->right.done && r->left.total == r->right.total;
    return alone && together ? MOTION_LEVEL : MOTION_ALL;
}

/// The gains of one voice on their way through a block.
struct gains {
    float scale;
    f32v steady[2];             // MOTION_NONE: left and right
    f32v both;                  // MOTION_LEVEL: envelope, tail and scale
    struct line left, right;    // but MOTION_NONE
    struct line envelope, tail; // MOTION_ALL
};

PART struct gains gains_begin(const struct kernel_voice *v, const struct kernel_ramps *r, uint32_t at,
                              enum sample_format format, enum motion motion)
{
    struct gains g = {.scale = sample_scale(format)};
    if (motion == MOTION_NONE) {
        g.steady[0] = splat(v->left * g.scale);
        g.steady[1] = splat(v->right * g.scale);
        return g;
    }
    g.left = line_begin(&r->left, at);
    g.right = line_begin(&r->right, at);
    if (motion == MOTION_LEVEL) {
        g.both = splat(r->envelope.to * r->tail.to * g.scale);
    } else {
        g.envelope = line_begin(&r->envelope, at);
        g.tail = line_begin(&r->tail, at);
    }
    return g;
}

PART void gains_next(struct gains *g, enum motion motion, f32v *left, f32v *right)
{
    if (motion == MOTION_NONE) {
        *left = g->steady[0];
        *right = g->steady[1];
        return;
    }
    if (motion == MOTION_ALL) g->both = line_next(&g->envelope) * line_next(&g->tail) * g->scale;
    if (motion == MOTION_LEVEL) g->right.frame = g->left.frame; // one count for both
    *left = g->both * line_next(&g->left);
    *right = g->both * line_next(&g->right);
}

PART void advance(struct kernel_ramps *r, uint32_t n_frames)
{
    ramp_advance(&r->left, n_frames);
    ramp_advance(&r->right, n_frames);
    ramp_advance(&r->envelope, n_frames);
    ramp_advance(&r->tail, n_frames);
}

// ---- voices that play as they are ----

/// Voices that are mixed in one go. `ramps` NULL: their gains rest.
struct chorus {
    struct kernel_voice *const *voices;
    struct kernel_ramps *const *ramps;
    uint32_t n_voices;
};

/// Adds `n_vectors` vectors of a voice, from frame `at` of the block on.
PART void add_unity(f32v *left, f32v *right, const struct kernel_voice *v, const struct kernel_ramps *ramps,
                    uint32_t at, const uint32_t n_vectors, enum sample_format format, bool stereo,
                    enum motion motion)
{
    int64_t frame = (v->position >> 32) + at;
    struct gains gains = gains_begin(v, ramps, at, format, motion);
    for (uint32_t i = 0; i < n_vectors; i++) {
        f32v x = load_samples(v->samples[0], format, frame + i * LANES);
        f32v y = stereo ? load_samples(v->samples[1], format, frame + i * LANES) : x;
        f32v gain_left, gain_right;
        gains_next(&gains, motion, &gain_left, &gain_right);
        left[i] += x * gain_left;
        right[i] += y * gain_right;
    }
}

/// The same of every voice; left and right point to frame `at`. The sums stay in registers while voice after
/// voice is added: the bus is read and written once for all of them.
PART void mix_unity_span(float *left, float *right, const struct chorus *c, uint32_t at,
                         const uint32_t n_vectors, enum sample_format format, bool stereo)
{
    f32v l[4], r[4];
    for (uint32_t i = 0; i < n_vectors; i++) {
        l[i] = load(left + i * LANES);
        r[i] = load(right + i * LANES);
    }
    for (uint32_t k = 0; k < c->n_voices; k++) {
        const struct kernel_ramps *ramps = c->ramps ? c->ramps[k] : NULL;
        switch (motion_of(ramps)) { // so that what moves is known inside of the loops
        case MOTION_NONE:
            add_unity(l, r, c->voices[k], ramps, at, n_vectors, format, stereo, MOTION_NONE);
            break;
        case MOTION_LEVEL:
            add_unity(l, r, c->voices[k], ramps, at, n_vectors, format, stereo, MOTION_LEVEL);
            break;
        case MOTION_ALL:
            add_unity(l, r, c->voices[k], ramps, at, n_vectors, format, stereo, MOTION_ALL);
            break;
        }
    }
    for (uint32_t i = 0; i < n_vectors; i++) {
        store(left + i * LANES, l[i]);
        store(right + i * LANES, r[i]);
    }
}

PART void mix_unity(float *left, float *right, const struct chorus *c, uint32_t n_frames,
                    enum sample_format format, bool stereo)
{
    uint32_t at = 0;
    for (; at + 4 * LANES <= n_frames; at += 4 * LANES)
        mix_unity_span(left + at, right + at, c, at, 4, format, stereo);
    if (at + 2 * LANES <= n_frames) { // the whole of a short period, with 8 lanes
        mix_unity_span(left + at, right + at, c, at, 2, format, stereo);
        at += 2 * LANES;
    }
    for (; at + LANES <= n_frames; at += LANES)
        mix_unity_span(left + at, right + at, c, at, 1, format, stereo);
    if (at < n_frames) {
        float rest[2][LANES];
        store(rest[0], load_part(left + at, n_frames - at));
        store(rest[1], load_part(right + at, n_frames - at));
        mix_unity_span(rest[0], rest[1], c, at, 1, format, stereo);
        store_part(left + at, load(rest[0]), n_frames - at);
        store_part(right + at, load(rest[1]), n_frames - at);
    }
    for (uint32_t k = 0; k < c->n_voices; k++) {
        c->voices[k]->position += (int64_t)((uint64_t)n_frames << 32);
        if (c->ramps) advance(c->ramps[k], n_frames);
    }
}

// ---- all others ----

PART f32v read_samples(const void *samples, enum sample_format format, const struct walk *w,
                       const struct sinc_bank *bank, uint32_t n_lanes, enum interpolation interpolation)
{
    switch (interpolation) {
    case INTERPOLATION_LINEAR: return read_linear(samples, format, w, n_lanes);
    case INTERPOLATION_CUBIC: return read_cubic(samples, format, w, n_lanes);
    case INTERPOLATION_SINC: return read_sinc(samples, format, w, bank, n_lanes);
    default: return load_samples(samples, format, w->position >> 32);
    }
}

/// One voice. `ramps` NULL: its gains rest.
PART void mix_one(float *left, float *right, struct kernel_voice *v, struct kernel_ramps *ramps,
                  uint32_t n_frames, enum sample_format format, bool stereo, enum interpolation interpolation)
{
    enum motion motion = motion_of(ramps);
    struct gains gains = gains_begin(v, ramps, 0, format, motion);
    struct walk w = walk_begin(v);
    for (uint32_t at = 0; at < n_frames; at += LANES, w.position += LANES * w.increment) {
        uint32_t n = n_frames - at < LANES ? n_frames - at : LANES;
        f32v x = read_samples(v->samples[0], format, &w, v->bank, n, interpolation);
        f32v y = stereo ? read_samples(v->samples[1], format, &w, v->bank, n, interpolation) : x;
        f32v gain_left, gain_right;
        gains_next(&gains, motion, &gain_left, &gain_right);
        store_up_to(left + at, load_up_to(left + at, n) + x * gain_left, n);
        store_up_to(right + at, load_up_to(right + at, n) + y * gain_right, n);
    }
    v->position += v->increment * n_frames;
    if (ramps) advance(ramps, n_frames);
}

PART void mix(float *left, float *right, const struct chorus *c, uint32_t n_frames, enum sample_format format,
              bool stereo, enum interpolation interpolation)
{
    if (interpolation == INTERPOLATION_UNITY) {
        mix_unity(left, right, c, n_frames, format, stereo);
        return;
    }
    for (uint32_t k = 0; k < c->n_voices; k++)
        mix_one(left, right, c->voices[k], c->ramps ? c->ramps[k] : NULL, n_frames, format, stereo,
                interpolation);
}

// ---- one function for each format, number of channels and interpolation ----

#define KERNEL(name, format, stereo, interpolation)                                                          \
    RT_SAFE static void name(float *left, float *right, struct kernel_voice *const *voices,                  \
                             uint32_t n_voices, uint32_t n_frames)                                           \
    {                                                                                                        \
        const struct chorus chorus = {voices, NULL, n_voices};                                               \
        mix(left, right, &chorus, n_frames, format, stereo, interpolation);                                  \
    }                                                                                                        \
    RT_SAFE static void name##_ramped(float *left, float *right, struct kernel_voice *const *voices,         \
                                      struct kernel_ramps *const *ramps, uint32_t n_voices,                  \
                                      uint32_t n_frames)                                                     \
    {                                                                                                        \
        const struct chorus chorus = {voices, ramps, n_voices};                                              \
        mix(left, right, &chorus, n_frames, format, stereo, interpolation);                                  \
    }
/// In the order of kernel_index().
#define EACH_INTERPOLATION(DO, prefix, format, stereo)                                                       \
    DO(prefix##_cubic, format, stereo, INTERPOLATION_CUBIC)                                                  \
    DO(prefix##_linear, format, stereo, INTERPOLATION_LINEAR)                                                \
    DO(prefix##_sinc, format, stereo, INTERPOLATION_SINC)                                                    \
    DO(prefix##_unity, format, stereo, INTERPOLATION_UNITY)
#define EACH_KERNEL(DO)                                                                                      \
    EACH_INTERPOLATION(DO, s16_mono, SAMPLE_S16, false)                                                      \
    EACH_INTERPOLATION(DO, s16_stereo, SAMPLE_S16, true)                                                     \
    EACH_INTERPOLATION(DO, f32_mono, SAMPLE_F32, false)                                                      \
    EACH_INTERPOLATION(DO, f32_stereo, SAMPLE_F32, true)

EACH_KERNEL(KERNEL)

// ---- buses ----

RT_SAFE static bool is_silent(const float *plane, uint32_t n_frames)
{
    for (uint32_t at = 0; at < n_frames; at += LANES) {
        uint32_t n = n_frames - at < LANES ? n_frames - at : LANES, bits = 0;
        u32v x = (u32v)load_up_to(plane + at, n);
        for (uint32_t i = 0; i < LANES; i++)
            bits |= x[i];
        if (bits << 1 != 0) return false; // -0 is silence too
    }
    return true;
}

RT_SAFE static uint32_t send(const float *plane, const struct ramp *gain, struct kernel_meter *meter,
                             float *to, float share, uint32_t n_frames)
{
    const u32v infinite = 0x7f800000u - (u32v){0};
    f32v highest = splat(meter->peak), squares = splat(0.0f);
    i32v n_finite = {0};
    struct line line = line_begin(gain, 0);
    for (uint32_t at = 0; at < n_frames; at += LANES) {
        uint32_t n = n_frames - at < LANES ? n_frames - at : LANES;
        f32v x = load_up_to(plane + at, n) * line_next(&line);
        u32v magnitude = (u32v)x & 0x7fffffffu;
        i32v is_finite = (i32v)(magnitude < infinite);
        n_finite -= is_finite;
        x = (f32v)((i32v)x & is_finite);
        f32v loudness = (f32v)((i32v)magnitude & is_finite);
        highest = choose((i32v)(loudness > highest), loudness, highest);
        squares += x * x;
        if (to) store_up_to(to + at, load_up_to(to + at, n) + x * share, n);
    }
    int32_t n_passed = 0;
    for (uint32_t i = 0; i < LANES; i++) {
        meter->peak = highest[i] > meter->peak ? highest[i] : meter->peak;
        meter->sum += squares[i];
        n_passed += n_finite[i];
    }
    return (n_frames + LANES - 1) / LANES * LANES - (uint32_t)n_passed; // the lanes that are spare passed
}

RT_SAFE static uint32_t clip(float *plane, uint32_t n_frames)
{
    i32v n_clipped = {0};
    for (uint32_t at = 0; at < n_frames; at += LANES) {
        uint32_t n = n_frames - at < LANES ? n_frames - at : LANES;
        f32v x = load_up_to(plane + at, n);
        i32v above = (i32v)(x > 1.0f), below = (i32v)(x < -1.0f);
        n_clipped -= above | below;
        store_up_to(plane + at, choose(below, splat(-1.0f), choose(above, splat(1.0f), x)), n);
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < LANES; i++)
        sum += (uint32_t)n_clipped[i];
    return sum;
}

// ---- the table ----

#ifndef KERNEL_ISA // the build says which it is, but for the baseline
#define KERNEL_ISA baseline
#if defined(__x86_64__)
#define ISA_NAME "sse2"
#elif defined(__aarch64__)
#define ISA_NAME "neon"
#else
#define ISA_NAME "generic"
#endif
#endif

#define JOIN_NAMES(a, b) a##b
#define TABLE_NAME(isa)  JOIN_NAMES(kernels_, isa)
#define TEXT_OF(x)       #x
#define NAME_OF(x)       TEXT_OF(x)
#ifndef ISA_NAME
#define ISA_NAME NAME_OF(KERNEL_ISA)
#endif
#define ENTRY(name, format, stereo, interpolation)        name,
#define ENTRY_RAMPED(name, format, stereo, interpolation) name##_ramped,

const struct kernels TABLE_NAME(KERNEL_ISA) = {
    .isa = ISA_NAME,
    .mix = {EACH_KERNEL(ENTRY)},
    .mix_ramped = {EACH_KERNEL(ENTRY_RAMPED)},
    .is_silent = is_silent,
    .send = send,
    .clip = clip,
};
