// SPDX-License-Identifier: MIT
// output.h - the last stage before the device. Audio thread.
#ifndef MIXER_OUTPUT_H
#define MIXER_OUTPUT_H
#include <stdint.h>

#include "alloc/attr.h"
#include "mixer/kernel.h"

/// Clips every sample to -1 to 1 and returns how many were outside.
RT_SAFE uint32_t output_clip(const struct kernels *k, float *const *out, uint32_t n_channels,
                             uint32_t n_frames);

#endif
