// SPDX-License-Identifier: MIT
// output_rt.c - the hard clip that stands before every device.
#include "mixer/output.h"

RT_SAFE uint32_t output_clip(const struct kernels *k, float *const *out, uint32_t n_channels,
                             uint32_t n_frames)
{
    uint32_t n_clipped = 0;
    for (uint32_t c = 0; c < n_channels; c++)
        n_clipped += k->clip(out[c], n_frames);
    return n_clipped;
}
