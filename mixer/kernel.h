// SPDX-License-Identifier: MIT
// kernel.h - the inner loops of the mixer, over at most BLOCK_FRAMES frames. Audio thread.
#ifndef MIXER_KERNEL_H
#define MIXER_KERNEL_H
#include <stdint.h>

#include "alloc/attr.h"
#include "mixer/sound.h"

/// The longest stretch that is rendered in one go.
#define BLOCK_FRAMES 64

/// Reads `n_frames` samples as float, -1 to 1 for 16-bit ones (exactly sample / 32768).
RT_SAFE void kernel_read(float *out, const void *samples, enum sample_format format, uint32_t n_frames);

/// Reads at fractional positions: 4-point, third-order Hermite interpolation (Catmull-Rom tangents), exact at
/// whole positions. `samples` points at frame 0; frames from floor(position) - 1 to + 2 are read. `position`
/// and `increment` are 32.32 fixed point.
RT_SAFE void kernel_read_cubic(float *out, const void *samples, enum sample_format format, int64_t position,
                               int64_t increment, uint32_t n_frames);

/// bus += in * gain
RT_SAFE void kernel_mix(float *bus, const float *in, float gain, uint32_t n_frames);
/// bus[i] += in[i] * gains[i]
RT_SAFE void kernel_mix_ramped(float *bus, const float *in, const float *gains, uint32_t n_frames);

#endif
