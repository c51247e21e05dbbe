// SPDX-License-Identifier: MIT
// kernel_read.h - LANES output frames of a voice, read at fractional positions.
#ifndef MIXER_KERNEL_READ_H
#define MIXER_KERNEL_READ_H
#include "mixer/kernel.h"
#include "mixer/kernel_vector.h"

/// What the lanes have in common: a voice on its way through a block.
struct walk {
    int64_t position, increment;
    u32v whole, part; // lane i: i * increment, 32.32
};

/// Products of 32 by 32 bits need 64; in lanes of 32 they are put together from halves.
PART struct walk walk_begin(const struct kernel_voice *v)
{
    const u32v lane = {IOTA};
    uint32_t part = (uint32_t)v->increment, whole = (uint32_t)((uint64_t)v->increment >> 32);
    u32v low = lane * (part & 0xffffu), high = lane * (part >> 16) + (low >> 16);
    return (struct walk){v->position, v->increment, lane * whole + (high >> 16), lane * part};
}

/// Of each lane: its whole frames from the first lane's frame, and its fraction, of which the upper 24 bits
/// are what a float holds exactly.
PART void walk_lanes(const struct walk *w, i32v *frames, f32v *fractions)
{
    u32v part = w->part + (uint32_t)w->position;
    i32v carry = (i32v)(part < w->part); // -1 where the sum went round
    *frames = (i32v)w->whole - carry;
    *fractions = __builtin_convertvector((i32v)(part >> 8), f32v) * (1.0f / 16777216.0f);
}

PART int64_t frame_of_lane(const struct walk *w, uint32_t lane)
{
    return (w->position + (int64_t)lane * w->increment) >> 32;
}

// ---- the frames around each position ----

/// Four neighbours for each lane by loading them in one go and turning the vectors round. `n_lanes` are
/// wanted; the others get some that are near.
PART void taps_by_loads(const void *samples, enum sample_format format, const struct walk *w,
                        uint32_t n_lanes, f32v taps[4])
{
    f32x4 columns[4][LANES / 4];
    for (uint32_t group = 0; group < LANES / 4; group++) {
        f32x4 rows[4];
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t lane = 4 * group + i;
            rows[i] = load_samples4(samples, format, frame_of_lane(w, lane < n_lanes ? lane : 0) - 1);
        }
        transpose4(rows);
        for (uint32_t tap = 0; tap < 4; tap++)
            columns[tap][group] = rows[tap];
    }
    for (uint32_t tap = 0; tap < 4; tap++)
        taps[tap] = join(columns[tap]);
}

#if LANES > 4
/// The largest step for which all taps of all lanes lie inside two vectors: the last lane is then at most
/// 2 * LANES - 5 whole frames from the first one, the taps reach one below and two above.
#define WINDOW_INCREMENT ((((int64_t)2 * LANES - 5) << 32) / (LANES - 1))

/// lane i: window[index[i]], of two vectors side by side.
PART f32v pick(f32v a, f32v b, i32v index)
{
#if LANES == 16
    return (f32v)_mm512_permutex2var_ps((__m512)a, (__m512i)index, (__m512)b);
#else
    __m256 low = _mm256_permutevar8x32_ps((__m256)a, (__m256i)index);
    __m256 high = _mm256_permutevar8x32_ps((__m256)b, (__m256i)index);
    return (f32v)_mm256_blendv_ps(low, high, (__m256)((__m256i)(index << 28))); // by bit 3
#endif
}

/// The same out of the two vectors that hold all of them, with a permutation for each tap.
PART void taps_by_window(const void *samples, enum sample_format format, const struct walk *w, i32v frames,
                         f32v taps[4])
{
    int64_t lowest = w->increment < 0 ? ((LANES - 1) * w->increment) >> 32 : 0;
    int64_t first = (w->position >> 32) + lowest - 1;
    f32v a = load_samples(samples, format, first), b = load_samples(samples, format, first + LANES);
    i32v index = frames - (int32_t)lowest;
    for (int32_t tap = 0; tap < 4; tap++)
        taps[tap] = pick(a, b, index + tap);
}
#endif

PART void read_taps(const void *samples, enum sample_format format, const struct walk *w, i32v frames,
                    uint32_t n_lanes, f32v taps[4])
{
#if LANES > 4
    if (w->increment <= WINDOW_INCREMENT && w->increment >= -WINDOW_INCREMENT) {
        taps_by_window(samples, format, w, frames, taps);
        return;
    }
#else
    (void)frames;
#endif
    taps_by_loads(samples, format, w, n_lanes, taps);
}

// ---- interpolations ----

PART f32v read_linear(const void *samples, enum sample_format format, const struct walk *w, uint32_t n_lanes)
{
    f32v taps[4], t;
    i32v frames;
    walk_lanes(w, &frames, &t);
    read_taps(samples, format, w, frames, n_lanes, taps);
    return taps[1] + (taps[2] - taps[1]) * t;
}

/// The cubic through y1 (at t = 0) and y2 (at t = 1) whose slopes there are the central differences.
PART f32v read_cubic(const void *samples, enum sample_format format, const struct walk *w, uint32_t n_lanes)
{
    f32v y[4], t;
    i32v frames;
    walk_lanes(w, &frames, &t);
    read_taps(samples, format, w, frames, n_lanes, y);
    f32v c1 = 0.5f * (y[2] - y[0]);
    f32v c2 = y[0] - 2.5f * y[1] + 2.0f * y[2] - 0.5f * y[3];
    f32v c3 = 0.5f * (y[3] - y[0]) + 1.5f * (y[1] - y[2]);
    return ((c3 * t + c2) * t + c1) * t + y[1];
}

/// 16 taps of one frame times their coefficients, as LANES sums of 16 / LANES products each.
#define SINC_VECTORS (SINC_TAP_STEP / LANES)

/// One frame: the sums of all products whose taps are equal modulo 4. They are folded in halves, 16 to 8 to
/// 4, so that every instruction set rounds alike.
PART f32x4 sinc_frame(const void *samples, enum sample_format format, const struct sinc_bank *bank,
                      int64_t position)
{
    uint32_t part = (uint32_t)position, n_taps = bank->n_taps;
    const float *row = bank->rows + (size_t)(part >> (32 - bank->phase_bits)) * n_taps;
    float t = (float)((part << bank->phase_bits) >> 8) * (1.0f / 16777216.0f);
    int64_t first = (position >> 32) - n_taps / 2 + 1;
    f32v sums[SINC_VECTORS];
    for (uint32_t i = 0; i < SINC_VECTORS; i++)
        sums[i] = splat(0.0f);
    for (uint32_t tap = 0; tap < n_taps; tap += SINC_TAP_STEP) {
        for (uint32_t i = 0; i < SINC_VECTORS; i++) {
            uint32_t k = tap + i * LANES;
            f32v c = load(row + k), next = load(row + n_taps + k);
            sums[i] += (c + (next - c) * t) * load_samples(samples, format, first + k);
        }
    }
#if LANES == 16
    typedef float f32x8 __attribute__((vector_size(32)));
    f32x8 a = __builtin_shufflevector(sums[0], sums[0], 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(sums[0], sums[0], 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
#elif LANES == 8
    f32v a = sums[0] + sums[1];
    return __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
#else
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
#endif
}

PART f32v read_sinc(const void *samples, enum sample_format format, const struct walk *w,
                    const struct sinc_bank *bank, uint32_t n_lanes)
{
    f32x4 quads[LANES / 4];
    for (uint32_t group = 0; group < LANES / 4; group++) {
        f32x4 rows[4];
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t lane = 4 * group + i;
            rows[i] =
                sinc_frame(samples, format, bank, w->position + (lane < n_lanes ? lane : 0) * w->increment);
        }
        transpose4(rows);
        quads[group] = (rows[0] + rows[1]) + (rows[2] + rows[3]);
    }
    return join(quads);
}

#endif
