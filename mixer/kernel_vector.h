// SPDX-License-Identifier: MIT
// kernel_vector.h - vectors of LANES numbers in the compiler's own notation: the same source for every
// instruction set.
#ifndef MIXER_KERNEL_VECTOR_H
#define MIXER_KERNEL_VECTOR_H
#include <stdint.h>
#include <string.h>

#include "mixer/sound.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 8
#else
#define LANES 4
#endif

/// Kernels are put together from parts that have to melt into one loop.
#define PART static inline __attribute__((always_inline))

/// Stands before a loop whose vectors have to stay in registers: they do when it is written out.
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

typedef float f32v __attribute__((vector_size(4 * LANES)));
typedef int32_t i32v __attribute__((vector_size(4 * LANES)));
typedef uint32_t u32v __attribute__((vector_size(4 * LANES)));
typedef int16_t i16v __attribute__((vector_size(2 * LANES)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef int64_t i64x2 __attribute__((vector_size(16)));

/// 0, 1, 2 ...
#if LANES == 16
#define IOTA 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#elif LANES == 8
#define IOTA 0, 1, 2, 3, 4, 5, 6, 7
#else
#define IOTA 0, 1, 2, 3
#endif

PART f32v splat(float x)
{
    return x - (f32v){0}; // -0 stays -0
}

PART f32v load(const float *p)
{
    f32v v;
    memcpy(&v, p, sizeof v);
    return v;
}

PART void store(float *p, f32v v)
{
    memcpy(p, &v, sizeof v);
}

/// The first `n` lanes, zeros behind.
PART f32v load_part(const float *p, uint32_t n)
{
    f32v v = {0};
    memcpy(&v, p, n * sizeof(float));
    return v;
}

PART void store_part(float *p, f32v v, uint32_t n)
{
    memcpy(p, &v, n * sizeof(float));
}

/// Of 1 to LANES lanes.
PART f32v load_up_to(const float *p, uint32_t n)
{
    return n == LANES ? load(p) : load_part(p, n);
}

PART void store_up_to(float *p, f32v v, uint32_t n)
{
    if (n == LANES)
        store(p, v);
    else
        store_part(p, v, n);
}

/// a where the mask is all ones, b where it is zero.
PART f32v choose(i32v mask, f32v a, f32v b)
{
    return (f32v)(((i32v)a & mask) | ((i32v)b & ~mask));
}

// ---- samples ----

/// What full scale is divided by: 16-bit samples stay as they are until they meet the voice's gain. A power
/// of two, so nothing is rounded.
PART float sample_scale(enum sample_format format)
{
    return format == SAMPLE_S16 ? 1.0f / 32768.0f : 1.0f;
}

PART const void *sample_at(const void *samples, enum sample_format format, int64_t frame)
{
    return (const char *)samples + frame * (format == SAMPLE_S16 ? 2 : 4);
}

/// LANES samples in a row.
PART f32v load_samples(const void *samples, enum sample_format format, int64_t frame)
{
    const void *p = sample_at(samples, format, frame);
    if (format == SAMPLE_F32) return load(p);
#if LANES == 16 // in one instruction, which gcc 12 does not find for itself
    return (f32v)_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm256_loadu_si256(p)));
#else
    i16v v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(__builtin_convertvector(v, i32v), f32v);
#endif
}

// ---- shuffles ----

/// Four rows of four become four columns.
PART void transpose4(f32x4 v[4])
{
    f32x4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5),
          b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
    f32x4 c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7),
          d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    v[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    v[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    v[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
    v[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/// The same in each quarter of four vectors.
PART void transpose_quarters(f32v v[4])
{
#if LANES == 16
    __m512 a = _mm512_unpacklo_ps((__m512)v[0], (__m512)v[1]),
           b = _mm512_unpacklo_ps((__m512)v[2], (__m512)v[3]);
    __m512 c = _mm512_unpackhi_ps((__m512)v[0], (__m512)v[1]),
           d = _mm512_unpackhi_ps((__m512)v[2], (__m512)v[3]);
    v[0] = (f32v)_mm512_shuffle_ps(a, b, 0x44);
    v[1] = (f32v)_mm512_shuffle_ps(a, b, 0xee);
    v[2] = (f32v)_mm512_shuffle_ps(c, d, 0x44);
    v[3] = (f32v)_mm512_shuffle_ps(c, d, 0xee);
#elif LANES == 8
    __m256 a = _mm256_unpacklo_ps((__m256)v[0], (__m256)v[1]),
           b = _mm256_unpacklo_ps((__m256)v[2], (__m256)v[3]);
    __m256 c = _mm256_unpackhi_ps((__m256)v[0], (__m256)v[1]),
           d = _mm256_unpackhi_ps((__m256)v[2], (__m256)v[3]);
    v[0] = (f32v)_mm256_shuffle_ps(a, b, 0x44);
    v[1] = (f32v)_mm256_shuffle_ps(a, b, 0xee);
    v[2] = (f32v)_mm256_shuffle_ps(c, d, 0x44);
    v[3] = (f32v)_mm256_shuffle_ps(c, d, 0xee);
#else
    transpose4(v);
#endif
}

/// LANES / 4 vectors of four, end to end. Through shuffles: through memory, the load would wait for the
/// stores.
PART f32v join(const f32x4 *v)
{
#if LANES == 4
    return v[0];
#else
    typedef float f32x8 __attribute__((vector_size(32)));
    f32x8 a = __builtin_shufflevector(v[0], v[1], 0, 1, 2, 3, 4, 5, 6, 7);
#if LANES == 8
    return a;
#else
    f32x8 b = __builtin_shufflevector(v[2], v[3], 0, 1, 2, 3, 4, 5, 6, 7);
    return __builtin_shufflevector(a, b, IOTA);
#endif
#endif
}

#endif
