// SPDX-License-Identifier: MIT
// roof_kernel.c - bare mixing loops, each in the fastest form known for the instruction set it is compiled
// for.
#include <string.h>

#include "bench/roof.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
#define AHEAD   24 // voices between the one that is mixed and the one that is fetched: that long memory takes
#define VECTORS (ROOF_FRAMES / LANES)
#define PART    static inline __attribute__((always_inline))

typedef float f32v __attribute__((vector_size(4 * LANES)));
typedef int32_t i32v __attribute__((vector_size(4 * LANES)));
typedef int16_t i16v __attribute__((vector_size(2 * LANES)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef int64_t i64x2 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));

PART f32v load(const void *samples, int is_s16, uint32_t at)
{
    f32v v;
    if (!is_s16) {
        memcpy(&v, (const float *)samples + at, sizeof v);
        return v;
    }
    i16v s;
    memcpy(&s, (const int16_t *)samples + at, sizeof s);
    return __builtin_convertvector(__builtin_convertvector(s, i32v), f32v);
}

PART f32v splat(float x)
{
    return x - (f32v){0};
}

/// All cache lines of a voice's next block, a few voices before they are needed.
PART void fetch(const struct roof_voice *v, int is_s16, uint32_t frame, uint32_t n_frames)
{
    const char *p = (const char *)v->samples + frame * (is_s16 ? 2u : 4u);
    for (uint32_t at = 0; at < n_frames * (is_s16 ? 2u : 4u) + 63; at += 64)
        __builtin_prefetch(p + at, 0, 3);
}

PART float scale(int is_s16)
{
    return is_s16 ? 1.0f / 32768.0f : 1.0f;
}

// ---- unity: the bus stays in registers while all voices pass by ----

/// `n_vectors` vectors of the block; the accumulators of both sides must fit into the registers.
PART void unity_part(float *bus, const struct roof_voice *v, uint32_t n, int is_s16, uint32_t frame,
                     uint32_t first, uint32_t n_vectors)
{
    f32v left[8], right[8];
    for (uint32_t i = 0; i < n_vectors; i++) {
        left[i] = load(bus, 0, first + i * LANES);
        right[i] = load(bus, 0, ROOF_FRAMES + first + i * LANES);
    }
    for (uint32_t k = 0; k < n; k++) {
        if (first == 0) fetch(v + k + AHEAD, is_s16, frame, ROOF_FRAMES);
        f32v l = splat(v[k].left * scale(is_s16)), r = splat(v[k].right * scale(is_s16));
#pragma GCC unroll 8
        for (uint32_t i = 0; i < n_vectors; i++) {
            f32v in = load(v[k].samples, is_s16, frame + first + i * LANES);
            left[i] += in * l;
            right[i] += in * r;
        }
    }
    for (uint32_t i = 0; i < n_vectors; i++) {
        memcpy(bus + first + i * LANES, &left[i], sizeof left[i]);
        memcpy(bus + ROOF_FRAMES + first + i * LANES, &right[i], sizeof right[i]);
    }
}

PART void unity(float *bus, const struct roof_voice *v, uint32_t n, int is_s16, uint32_t frame)
{
#if LANES == 16
    unity_part(bus, v, n, is_s16, frame, 0, 4);
#else
    // Half a block of accumulators fits; so few voices at a time that their other half is still near.
    for (uint32_t k = 0; k < n; k += 16) {
        uint32_t some = n - k < 16 ? n - k : 16;
        for (uint32_t first = 0; first < ROOF_FRAMES; first += 4 * LANES)
            unity_part(bus, v + k, some, is_s16, frame, first, 4);
    }
#endif
}

// ---- pitched ----

/// Where a vector of frames is: the samples from `base` on, the lanes' distances from there, and the
/// fractions.
struct place {
    uint32_t base;
    i32v lane;
    f32v t;
};

PART struct place place_of(uint32_t fraction, uint32_t increment, uint32_t vector)
{
    i32v iota;
    for (int i = 0; i < LANES; i++)
        iota[i] = i;
    uint64_t start = fraction + (uint64_t)vector * LANES * increment;
    i32v at = (int32_t)(start & 0xffffff) + iota * (int32_t)increment;
    return (struct place){.base = (uint32_t)(start >> 24),
                          .lane = at >> 24,
                          .t = __builtin_convertvector(at & 0xffffff, f32v) * (1.0f / 16777216.0f)};
}

PART f32v hermite(f32v y0, f32v y1, f32v y2, f32v y3, f32v t)
{
    f32v c1 = 0.5f * (y2 - y0);
    f32v c2 = y0 - 2.5f * y1 + 2.0f * y2 - 0.5f * y3;
    f32v c3 = 0.5f * (y3 - y0) + 1.5f * (y1 - y2);
    return ((c3 * t + c2) * t + c1) * t + y1;
}

#if LANES == 16

PART f32v cubic_at(const void *samples, int is_s16, struct place p)
{
    // Sixteen frames at rates below 1.7 and their neighbours lie within 32 samples.
    f32v a = load(samples, is_s16, p.base), b = load(samples, is_s16, p.base + 16);
    f32v y[4];
    for (int k = 0; k < 4; k++)
        y[k] = (f32v)_mm512_permutex2var_ps((__m512)a, (__m512i)(p.lane + k), (__m512)b);
    return hermite(y[0], y[1], y[2], y[3], p.t);
}

/// Farrow's structure: each tap a polynomial of the fraction, and taps in symmetric pairs.
PART f32v sinc_at(const void *samples, int is_s16, struct place p)
{
    // Taps 0 to 7 of all lanes lie within the 32 samples from base on, taps 8 to 15 within those 8 further.
    f32v a = load(samples, is_s16, p.base), b = load(samples, is_s16, p.base + 16);
    f32v c = load(samples, is_s16, p.base + 8), d = load(samples, is_s16, p.base + 24);
    f32v sum[ROOF_POWERS] = {0};
#pragma GCC unroll 8
    for (int k = 0; k < ROOF_TAPS / 2; k++) {
        f32v low = (f32v)_mm512_permutex2var_ps((__m512)a, (__m512i)(p.lane + k), (__m512)b);
        f32v high = (f32v)_mm512_permutex2var_ps((__m512)c, (__m512i)(p.lane + 7 - k), (__m512)d);
        f32v even = low + high, odd = low - high;
#pragma GCC unroll 8
        for (int m = 0; m < ROOF_POWERS; m++)
            sum[m] += (m % 2 ? odd : even) * sinc_farrow[m][k];
    }
    f32v u = p.t - 0.5f, y = sum[ROOF_POWERS - 1];
    for (int m = ROOF_POWERS - 2; m >= 0; m--)
        y = y * u + sum[m];
    return y;
}

#else

PART f32x4 load4(const void *samples, int is_s16, uint32_t at)
{
    f32x4 v;
    if (!is_s16) {
        memcpy(&v, (const float *)samples + at, sizeof v);
        return v;
    }
    int64_t four;
    memcpy(&four, (const int16_t *)samples + at, sizeof four);
    i16x8 s = (i16x8)(i64x2){four};
    // Each in the upper half of 32 bits, shifted down with its sign.
    s = __builtin_shufflevector(s, s, 0, 0, 1, 1, 2, 2, 3, 3);
    return __builtin_convertvector((i32x4)s >> 16, f32x4);
}

PART f32v join(f32x4 a, f32x4 b)
{
#if LANES == 4
    (void)b;
    return a;
#else
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
#endif
}

/// Rows of four become columns: within each half of a vector, the lanes 0 to 3 of `v`.
PART void transpose(f32v v[4])
{
#if LANES == 4
#define PAIR(a, b, w, x, y, z) __builtin_shufflevector(a, b, w, x, (y) + 4, (z) + 4)
#else
#define PAIR(a, b, w, x, y, z)                                                                               \
    __builtin_shufflevector(a, b, w, x, (y) + 8, (z) + 8, (w) + 4, (x) + 4, (y) + 12, (z) + 12)
#endif
    f32v a = PAIR(v[0], v[1], 0, 1, 0, 1), b = PAIR(v[2], v[3], 0, 1, 0, 1);
    f32v c = PAIR(v[0], v[1], 2, 3, 2, 3), d = PAIR(v[2], v[3], 2, 3, 2, 3);
    v[0] = PAIR(a, b, 0, 2, 0, 2);
    v[1] = PAIR(a, b, 1, 3, 1, 3);
    v[2] = PAIR(c, d, 0, 2, 0, 2);
    v[3] = PAIR(c, d, 1, 3, 1, 3);
}

PART f32v cubic_at(const void *samples, int is_s16, struct place p)
{
    f32v v[4];
    for (int k = 0; k < 4; k++)
        v[k] = join(load4(samples, is_s16, p.base + (uint32_t)p.lane[k]),
                    load4(samples, is_s16, p.base + (uint32_t)p.lane[(k + 4) % LANES]));
    transpose(v);
    return hermite(v[0], v[1], v[2], v[3], p.t);
}

/// The 16 products of one frame, folded to one vector: rows interpolated between 256 phases.
PART f32v sinc_products(const void *samples, int is_s16, uint32_t at, float t)
{
    float phase = t * 256.0f;
    int row = (int)phase;
    f32v part = splat(phase - (float)row), sum = {0};
    for (int k = 0; k < ROOF_TAPS; k += LANES) {
        f32v low = load(sinc_rows[row], 0, (uint32_t)k), high = load(sinc_rows[row + 1], 0, (uint32_t)k);
        sum += (low + (high - low) * part) * load(samples, is_s16, at + (uint32_t)k);
    }
    return sum;
}

PART f32v sinc_at(const void *samples, int is_s16, struct place p)
{
    f32v sums[2];
    for (int half = 0; half < LANES / 4; half++) {
        f32v v[4];
        for (int k = 0; k < 4; k++) {
            int i = half * 4 + k;
            v[k] = sinc_products(samples, is_s16, p.base + (uint32_t)p.lane[i], p.t[i]);
        }
        transpose(v);
        sums[half] = (v[0] + v[1]) + (v[2] + v[3]);
    }
#if LANES == 4
    return sums[0];
#else
    // Frames 0 to 3 are the sums of both halves of the first, 4 to 7 of the second.
    return __builtin_shufflevector(sums[0], sums[1], 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(sums[0], sums[1], 4, 5, 6, 7, 12, 13, 14, 15);
#endif
}

#endif

/// Adds one voice whose samples from the first tap on are `in`.
PART void pitched_voice(float *bus, const struct roof_voice *v, const void *in, int is_s16, uint32_t fraction,
                        uint32_t increment, f32v (*at)(const void *, int, struct place))
{
    f32v l = splat(v->left), r = splat(v->right);
#pragma GCC unroll 4
    for (uint32_t i = 0; i < VECTORS; i++) {
        f32v out = at(in, is_s16, place_of(fraction, increment, i));
        float *left = bus + i * LANES, *right = left + ROOF_FRAMES;
        f32v out_left = load(left, 0, 0) + out * l, out_right = load(right, 0, 0) + out * r;
        memcpy(left, &out_left, sizeof out_left);
        memcpy(right, &out_right, sizeof out_right);
    }
}

PART void widen(float *out, const void *samples, uint32_t n_samples)
{
    for (uint32_t i = 0; i < n_samples; i += LANES) {
        f32v v = load(samples, 1, i) * (1.0f / 32768.0f);
        memcpy(out + i, &v, sizeof v);
    }
}

PART void pitched(float *bus, const struct roof_voice *v, uint32_t n, uint32_t frame, uint32_t fraction,
                  uint32_t increment, int is_s16, f32v (*at)(const void *, int, struct place))
{
    uint32_t n_read = (uint32_t)(((uint64_t)ROOF_FRAMES * increment) >> 24) + ROOF_TAPS;
    if (!is_s16) {
        for (uint32_t k = 0; k < n; k++) {
            fetch(v + k + AHEAD, 0, frame, n_read);
            pitched_voice(bus, v + k, (const float *)v[k].samples + frame, 0, fraction, increment, at);
        }
        return;
    }
    // 16 bits are made floats once, not once a tap; and a voice early, so that no load meets a store that is
    // still under way.
    float wide[2][2 * ROOF_FRAMES];
    widen(wide[0], (const int16_t *)v[0].samples + frame, n_read);
    for (uint32_t k = 0; k < n; k++) {
        fetch(v + k + AHEAD, 1, frame, n_read);
        widen(wide[(k + 1) % 2], (const int16_t *)v[k + 1].samples + frame, n_read);
        pitched_voice(bus, v + k, wide[k % 2], 0, fraction, increment, at);
    }
}

// ---- the table ----

#define UNITY(name, is_s16)                                                                                  \
    static void name(float *bus, const struct roof_voice *v, uint32_t n, uint32_t frame, uint32_t f,         \
                     uint32_t i)                                                                             \
    {                                                                                                        \
        (void)f, (void)i;                                                                                    \
        unity(bus, v, n, is_s16, frame);                                                                     \
    }
#define PITCHED(name, is_s16, at)                                                                            \
    static void name(float *bus, const struct roof_voice *v, uint32_t n, uint32_t frame, uint32_t f,         \
                     uint32_t i)                                                                             \
    {                                                                                                        \
        pitched(bus, v, n, frame, f, i, is_s16, at);                                                         \
    }

UNITY(unity_s16, 1)
UNITY(unity_f32, 0)
PITCHED(cubic_s16, 1, cubic_at)
PITCHED(cubic_f32, 0, cubic_at)
PITCHED(sinc_s16, 1, sinc_at)
PITCHED(sinc_f32, 0, sinc_at)

#ifndef ROOF_ISA
#define ROOF_ISA baseline
#endif
#define JOIN(a, b)    JOIN_(a, b)
#define JOIN_(a, b)   a##b
#define QUOTED(text)  QUOTED_(text)
#define QUOTED_(text) #text

const struct roof_kernels JOIN(roof_, ROOF_ISA) = {QUOTED(ROOF_ISA), unity_s16, unity_f32, cubic_s16,
                                                   cubic_f32,        sinc_s16,  sinc_f32};
