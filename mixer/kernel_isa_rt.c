// SPDX-License-Identifier: MIT
// kernel_isa_rt.c - the table of kernels for one instruction set: this file is compiled once for each.
#include "mixer/kernel.h"
#include "mixer/kernel_read.h"
#include "mixer/kernel_vector.h"

// ---- voices that play as they are ----

/// `n_vectors` vectors of every voice, from frame `at` of the block on; left and right point there. The sums
/// stay in registers while voice after voice is added: the bus is read and written once for all of them.
PART void mix_unity_span(float *left, float *right, struct kernel_voice *const *voices, uint32_t n_voices,
                         uint32_t at, const uint32_t n_vectors, enum sample_format format, bool stereo)
{
    f32v l[4], r[4];
    for (uint32_t i = 0; i < n_vectors; i++) {
        l[i] = load(left + i * LANES);
        r[i] = load(right + i * LANES);
    }
    for (uint32_t k = 0; k < n_voices; k++) {
        const struct kernel_voice *v = voices[k];
        int64_t frame = (v->position >> 32) + at;
        f32v gain_left = splat(v->left * sample_scale(format));
        f32v gain_right = splat(v->right * sample_scale(format));
        for (uint32_t i = 0; i < n_vectors; i++) {
            f32v x = load_samples(v->samples[0], format, frame + i * LANES);
            f32v y = stereo ? load_samples(v->samples[1], format, frame + i * LANES) : x;
            l[i] += x * gain_left;
            r[i] += y * gain_right;
        }
    }
    for (uint32_t i = 0; i < n_vectors; i++) {
        store(left + i * LANES, l[i]);
        store(right + i * LANES, r[i]);
    }
}

PART void mix_unity(float *left, float *right, struct kernel_voice *const *voices, uint32_t n_voices,
                    uint32_t n_frames, enum sample_format format, bool stereo)
{
    uint32_t at = 0;
    for (; at + 4 * LANES <= n_frames; at += 4 * LANES)
        mix_unity_span(left + at, right + at, voices, n_voices, at, 4, format, stereo);
    for (; at + LANES <= n_frames; at += LANES)
        mix_unity_span(left + at, right + at, voices, n_voices, at, 1, format, stereo);
    if (at < n_frames) {
        float rest[2][LANES];
        store(rest[0], load_part(left + at, n_frames - at));
        store(rest[1], load_part(right + at, n_frames - at));
        mix_unity_span(rest[0], rest[1], voices, n_voices, at, 1, format, stereo);
        store_part(left + at, load(rest[0]), n_frames - at);
        store_part(right + at, load(rest[1]), n_frames - at);
    }
    for (uint32_t k = 0; k < n_voices; k++)
        voices[k]->position += (int64_t)((uint64_t)n_frames << 32);
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

/// One voice. `gains` NULL: the voice's own, steady ones.
PART void mix_one(float *left, float *right, struct kernel_voice *v, const float (*gains)[BLOCK_FRAMES],
                  uint32_t n_frames, enum sample_format format, bool stereo, enum interpolation interpolation)
{
    const float scale = sample_scale(format);
    f32v gain_left = splat(v->left * scale), gain_right = splat(v->right * scale);
    struct walk w = walk_begin(v);
    for (uint32_t at = 0; at < n_frames; at += LANES, w.position += LANES * w.increment) {
        uint32_t n = n_frames - at < LANES ? n_frames - at : LANES;
        f32v x = read_samples(v->samples[0], format, &w, v->bank, n, interpolation);
        f32v y = stereo ? read_samples(v->samples[1], format, &w, v->bank, n, interpolation) : x;
        if (gains) {
            gain_left = load(gains[0] + at) * scale;
            gain_right = load(gains[1] + at) * scale;
        }
        if (n == LANES) {
            store(left + at, load(left + at) + x * gain_left);
            store(right + at, load(right + at) + y * gain_right);
        } else {
            store_part(left + at, load_part(left + at, n) + x * gain_left, n);
            store_part(right + at, load_part(right + at, n) + y * gain_right, n);
        }
    }
    v->position += v->increment * n_frames;
}

// ---- one function for each format, number of channels and interpolation ----

#define KERNEL(name, format, stereo, interpolation)                                                          \
    RT_SAFE static void name(float *left, float *right, struct kernel_voice *const *voices,                  \
                             uint32_t n_voices, uint32_t n_frames)                                           \
    {                                                                                                        \
        if ((interpolation) == INTERPOLATION_UNITY) {                                                        \
            mix_unity(left, right, voices, n_voices, n_frames, format, stereo);                              \
            return;                                                                                          \
        }                                                                                                    \
        for (uint32_t k = 0; k < n_voices; k++)                                                              \
            mix_one(left, right, voices[k], NULL, n_frames, format, stereo, interpolation);                  \
    }                                                                                                        \
    RT_SAFE static void name##_ramped(float *left, float *right, struct kernel_voice *voice,                 \
                                      const float(*gains)[BLOCK_FRAMES], uint32_t n_frames)                  \
    {                                                                                                        \
        mix_one(left, right, voice, gains, n_frames, format, stereo, interpolation);                         \
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

// ---- ramps and buses ----

/// The value of a moving ramp in each lane, from its frame `done` + `at` on: the same steps as ramp_value().
PART f32v moving_lanes(const struct ramp *r, uint32_t at)
{
    const u32v lane = {IOTA};
    return r->from + r->step * __builtin_convertvector(lane + (r->done + at), f32v);
}

/// The same for any ramp, which may arrive on the way.
PART f32v ramp_lanes(const struct ramp *r, uint32_t at)
{
    if (ramp_is_steady(r)) return splat(r->to);
    const u32v lane = {IOTA};
    uint32_t left = r->total - r->done; // frames that still move
    return choose((i32v)(lane + at < left), moving_lanes(r, at), splat(r->to));
}

PART bool moves_for(const struct ramp *r, uint32_t n_frames)
{
    return r->total - r->done >= n_frames;
}

RT_SAFE static void ramp_gains(float (*gains)[BLOCK_FRAMES], const struct kernel_ramps *r, uint32_t n_frames)
{
    // What most ramps are, most of the time: gain and pan move, through all of the block.
    if (ramp_is_steady(&r->envelope) && ramp_is_steady(&r->tail) && moves_for(&r->left, n_frames) &&
        moves_for(&r->right, n_frames)) {
        f32v both = splat(r->envelope.to * r->tail.to);
        for (uint32_t at = 0; at < n_frames; at += LANES) {
            store(gains[0] + at, both * moving_lanes(&r->left, at));
            store(gains[1] + at, both * moving_lanes(&r->right, at));
        }
        return;
    }
    for (uint32_t at = 0; at < n_frames; at += LANES) {
        f32v both = ramp_lanes(&r->envelope, at) * ramp_lanes(&r->tail, at);
        store(gains[0] + at, both * ramp_lanes(&r->left, at));
        store(gains[1] + at, both * ramp_lanes(&r->right, at));
    }
}

RT_SAFE static bool is_silent(const float *plane, uint32_t n_frames)
{
    uint32_t bits = 0, at = 0;
    u32v any = {0};
    for (; at + LANES <= n_frames; at += LANES)
        any |= (u32v)load(plane + at);
    if (at < n_frames) any |= (u32v)load_part(plane + at, n_frames - at);
    for (uint32_t i = 0; i < LANES; i++)
        bits |= any[i];
    return bits << 1 == 0; // -0 is silence too
}

RT_SAFE static float gain_and_measure(float *plane, float gain, float *peak, uint32_t n_frames)
{
    f32v highest = splat(*peak), squares = splat(0.0f);
    for (uint32_t at = 0; at < n_frames; at += LANES) {
        uint32_t n = n_frames - at < LANES ? n_frames - at : LANES;
        f32v x = (n == LANES ? load(plane + at) : load_part(plane + at, n)) * gain;
        f32v magnitude = (f32v)((u32v)x & 0x7fffffffu);
        highest = choose((i32v)(magnitude > highest), magnitude, highest);
        squares += x * x;
        if (n == LANES)
            store(plane + at, x);
        else
            store_part(plane + at, x, n);
    }
    float sum = 0.0f;
    for (uint32_t i = 0; i < LANES; i++) {
        *peak = highest[i] > *peak ? highest[i] : *peak;
        sum += squares[i];
    }
    return sum;
}

RT_SAFE static void add(float *to, const float *from, uint32_t n_frames)
{
    uint32_t at = 0;
    for (; at + LANES <= n_frames; at += LANES)
        store(to + at, load(to + at) + load(from + at));
    for (; at < n_frames; at++)
        to[at] += from[at];
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
    .ramp = ramp_gains,
    .is_silent = is_silent,
    .gain_and_measure = gain_and_measure,
    .add = add,
};
