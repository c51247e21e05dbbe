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
PART void taps_by_loads_f32(const void *samples, const struct walk *w, uint32_t n_lanes, f32v taps[4])
{
    f32x4 columns[4][LANES / 4];
    for (uint32_t group = 0; group < LANES / 4; group++) {
        f32x4 rows[4];
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t lane = 4 * group + i;
            const float *first = sample_at(samples, SAMPLE_F32, frame_of_lane(w, lane < n_lanes ? lane : 0));
            memcpy(&rows[i], first - 1, sizeof rows[i]);
        }
        transpose4(rows);
        for (uint32_t tap = 0; tap < 4; tap++)
            columns[tap][group] = rows[tap];
    }
    for (uint32_t tap = 0; tap < 4; tap++)
        taps[tap] = join(columns[tap]);
}

/// The same of 16 bits: two taps travel in each 32-bit lane, the first one in the lower half.
PART void taps_by_loads_s16(const void *samples, const struct walk *w, uint32_t n_lanes, f32v taps[4])
{
    f32x4 columns[2][LANES / 4];
    for (uint32_t group = 0; group < LANES / 4; group++) {
        int64_t rows[4];
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t lane = 4 * group + i;
            const int16_t *first =
                sample_at(samples, SAMPLE_S16, frame_of_lane(w, lane < n_lanes ? lane : 0));
            memcpy(&rows[i], first - 1, sizeof rows[i]);
        }
        f32x4 low = (f32x4)(i64x2){rows[0], rows[1]}, high = (f32x4)(i64x2){rows[2], rows[3]};
        columns[0][group] = __builtin_shufflevector(low, high, 0, 2, 4, 6);
        columns[1][group] = __builtin_shufflevector(low, high, 1, 3, 5, 7);
    }
    for (uint32_t pair = 0; pair < 2; pair++) {
        i32v both = (i32v)join(columns[pair]);
        taps[2 * pair] = __builtin_convertvector((i32v)((u32v)both << 16) >> 16, f32v);
        taps[2 * pair + 1] = __builtin_convertvector(both >> 16, f32v);
    }
}

#if LANES > 4
/// The largest step for which all taps of all lanes lie inside `n_vectors` vectors: the last lane is then at
/// most n_vectors * LANES - 4 whole frames from the first one, and its taps reach three frames further.
#define WINDOW_INCREMENT(n_vectors) ((((int64_t)(n_vectors)*LANES - 4) << 32) / (LANES - 1))

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

/// The same out of the two or four vectors that hold all of them, with permutations for each tap.
PART void taps_by_window(const void *samples, enum sample_format format, const struct walk *w, i32v frames,
                         const uint32_t n_vectors, f32v taps[4])
{
    int64_t lowest = w->increment < 0 ? ((LANES - 1) * w->increment) >> 32 : 0;
    int64_t first = (w->position >> 32) + lowest - 1;
    f32v window[4];
    for (uint32_t i = 0; i < n_vectors; i++)
        window[i] = load_samples(samples, format, first + i * LANES);
    i32v index = frames - (int32_t)lowest;
    for (int32_t tap = 0; tap < 4; tap++) {
        i32v at = index + tap;
        taps[tap] = pick(window[0], window[1], at);
        if (n_vectors == 4) taps[tap] = choose(at < 2 * LANES, taps[tap], pick(window[2], window[3], at));
    }
}
#endif

PART bool is_at_most(int64_t increment, int64_t limit)
{
    return increment <= limit && increment >= -limit;
}

PART void read_taps(const void *samples, enum sample_format format, const struct walk *w, i32v frames,
                    uint32_t n_lanes, f32v taps[4])
{
#if LANES > 4
    if (is_at_most(w->increment, WINDOW_INCREMENT(2))) {
        taps_by_window(samples, format, w, frames, 2, taps);
        return;
    }
#endif
#if LANES == 16
    if (is_at_most(w->increment, WINDOW_INCREMENT(4))) { // to rate 4
        taps_by_window(samples, format, w, frames, 4, taps);
        return;
    }
#endif
    (void)frames;
    if (format == SAMPLE_S16)
        taps_by_loads_s16(samples, w, n_lanes, taps);
    else
        taps_by_loads_f32(samples, w, n_lanes, taps);
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

/// Where the lanes are in the table of coefficients.
struct sinc_lanes {
    int32_t frames[LANES]; // from the first lane's
    int32_t rows[LANES];   // offset of the coefficients
    float t[LANES];        // and how far the next row is mixed in
};

PART void find_rows(const struct walk *w, const struct sinc_bank *bank, const uint32_t n_taps,
                    struct sinc_lanes *lanes)
{
    u32v part = w->part + (uint32_t)w->position;
    i32v frames = (i32v)w->whole - (i32v)(part < w->part);
    i32v rows = (i32v)((part >> (32 - bank->phase_bits)) * n_taps);
    f32v t = __builtin_convertvector((i32v)((part << bank->phase_bits) >> 8), f32v) * (1.0f / 16777216.0f);
    memcpy(lanes->frames, &frames, sizeof frames);
    memcpy(lanes->rows, &rows, sizeof rows);
    memcpy(lanes->t, &t, sizeof t);
}

/// One frame: 16 sums of products, each of the taps that are equal modulo 16, LANES in a vector.
#define SINC_VECTORS (SINC_TAP_STEP / LANES)

PART f32v sinc_product(const void *samples, enum sample_format format, const float *row, const float *next,
                       float t, int64_t first, uint32_t k)
{
    f32v c = load(row + k);
    return (c + (load(next + k) - c) * t) * load_samples(samples, format, first + k);
}

PART void sinc_products(const void *samples, enum sample_format format, const float *row, float t,
                        int64_t first, const uint32_t n_taps, f32v sums[SINC_VECTORS])
{
    const float *next = row + n_taps;
    for (uint32_t i = 0; i < SINC_VECTORS; i++)
        sums[i] = sinc_product(samples, format, row, next, t, first, i * LANES);
    for (uint32_t tap = SINC_TAP_STEP; tap < n_taps; tap += SINC_TAP_STEP)
        for (uint32_t i = 0; i < SINC_VECTORS; i++)
            sums[i] += sinc_product(samples, format, row, next, t, first, tap + i * LANES);
}

/// Each frame's 16 sums are added up in halves, 16 to 8 to 4 to 2 to 1, so that every instruction set rounds
/// alike. Wide vectors do it for several frames at once: `quarter` k gets the four sums each of the lanes k,
/// 4 + k, 8 + k ... side by side, and turning four such quarters round puts all lanes in order.
PART f32v sinc_sum(const void *samples, enum sample_format format, const struct walk *w,
                   const struct sinc_bank *bank, uint32_t n_lanes, const uint32_t n_taps)
{
    struct sinc_lanes at;
    find_rows(w, bank, n_taps, &at);
    int64_t base = (w->position >> 32) - n_taps / 2 + 1;
    f32v quarters[4];
    UNROLLED for (uint32_t k = 0; k < 4; k++)
    {
        f32v sums[LANES / 4][SINC_VECTORS];
        for (uint32_t i = 0; i < LANES / 4; i++) {
            uint32_t lane = 4 * i + k < n_lanes ? 4 * i + k : 0;
            sinc_products(samples, format, bank->rows + at.rows[lane], at.t[lane], base + at.frames[lane],
                          n_taps, sums[i]);
        }
#if LANES == 16
        __m512 a = (__m512)sums[0][0], b = (__m512)sums[1][0], c = (__m512)sums[2][0], d = (__m512)sums[3][0];
        __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
        __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
        quarters[k] =
            (f32v)_mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
#elif LANES == 8
        __m256 a = (__m256)(sums[0][0] + sums[0][1]), b = (__m256)(sums[1][0] + sums[1][1]);
        quarters[k] =
            (f32v)_mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
#else
        quarters[k] = (sums[0][0] + sums[0][2]) + (sums[0][1] + sums[0][3]);
#endif
    }
    transpose_quarters(quarters);
    return (quarters[0] + quarters[1]) + (quarters[2] + quarters[3]);
}

PART f32v read_sinc(const void *samples, enum sample_format format, const struct walk *w,
                    const struct sinc_bank *bank, uint32_t n_lanes)
{
    // The usual width with constants for bounds.
    if (bank->n_taps == SINC_TAP_STEP && n_lanes == LANES)
        return sinc_sum(samples, format, w, bank, LANES, SINC_TAP_STEP);
    return sinc_sum(samples, format, w, bank, n_lanes, bank->n_taps);
}

#endif
