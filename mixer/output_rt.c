// SPDX-License-Identifier: MIT
// output_rt.c - the hard clip that stands before every device.
#include "mixer/output.h"

RT_SAFE uint32_t output_clip(float *const *out, uint32_t n_channels, uint32_t n_frames)
{
    uint32_t n_clipped = 0;
    for (uint32_t c = 0; c < n_channels; c++) {
        float *plane = out[c];
        for (uint32_t i = 0; i < n_frames; i++) {
            float x = plane[i];
            n_clipped += x > 1.0f || x < -1.0f;
            x = x > 1.0f ? 1.0f : x;
            plane[i] = x < -1.0f ? -1.0f : x;
        }
    }
    return n_clipped;
}
