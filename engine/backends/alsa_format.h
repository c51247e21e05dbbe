// SPDX-License-Identifier: MIT
// alsa_format.h - float samples into the sample formats of ALSA devices.
#ifndef ENGINE_BACKENDS_ALSA_FORMAT_H
#define ENGINE_BACKENDS_ALSA_FORMAT_H
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"

/// All in the machine's byte order, but S24_3, which is little-endian. In the order of preference.
enum alsa_format {
    ALSA_FORMAT_FLOAT, // 32 bit
    ALSA_FORMAT_S32,
    ALSA_FORMAT_S24,   // the low 24 bits of 32, sign-extended
    ALSA_FORMAT_S24_3, // 3 bytes
    ALSA_FORMAT_S16,
    ALSA_N_FORMATS
};

/// Writes `n` samples (finite, any size) to `to`, `to + step_bytes`, and so on. Full scale is 1.0: samples
/// are scaled by 2^(bits - 1), rounded to the nearest integer, halves to even, and clamped to the integer
/// range, so that 16-bit sound at unity gain comes out as it went in. Integers are left unaligned where
/// `step_bytes` says so.
typedef void alsa_convert_fn(void *to, size_t step_bytes, const float *from, uint32_t n);

struct alsa_format_info {
    const char *name; // for people: "S24"
    uint32_t bytes;   // of one sample
    alsa_convert_fn *convert;
};

/// Never NULL.
const struct alsa_format_info *alsa_format_info(enum alsa_format format);

#endif
