// SPDX-License-Identifier: MIT
// roof.h - what the bare kernels of bench/roof look like.
#ifndef BENCH_ROOF_H
#define BENCH_ROOF_H
#include <stdint.h>

enum { ROOF_FRAMES = 64, ROOF_PAD = 64 };

/// One voice: its samples (ROOF_PAD more are readable on both sides) and its gains.
struct roof_voice {
    const void *samples;
    float left, right;
};

/// Adds a block of all voices to `bus`, left then right. All voices are at the same place: `frame` and
/// `fraction` (0.24 fixed point), `increment` (8.24, 1 to 1.6).
typedef void roof_mix(float *bus, const struct roof_voice *voices, uint32_t n_voices, uint32_t frame,
                      uint32_t fraction, uint32_t increment);

struct roof_kernels {
    const char *isa;
    roof_mix *unity_s16, *unity_f32, *cubic_s16, *cubic_f32, *sinc_s16, *sinc_f32;
};

/// Coefficients of the 16-tap sinc. `sinc_rows`: a row for each 256th of a frame, and one more.
/// `sinc_farrow[m][k]`: the power m of what tap k is, of the distance u = fraction - 1/2; tap 15 - k has the
/// same with odd powers negated.
#define ROOF_TAPS   16
#define ROOF_POWERS 6
extern float sinc_rows[257][ROOF_TAPS];
extern float sinc_farrow[ROOF_POWERS][ROOF_TAPS / 2];

extern const struct roof_kernels roof_baseline;
#if defined(__x86_64__)
extern const struct roof_kernels roof_avx2, roof_avx512;
#endif

#endif
