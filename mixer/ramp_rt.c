// SPDX-License-Identifier: MIT
// ramp_rt.c - a ramp written out frame by frame.
#include "mixer/ramp.h"

RT_SAFE void ramp_multiply(const struct ramp *r, float *gains, uint32_t n_frames)
{
    uint32_t left = r->total - r->done;
    uint32_t n_moving = n_frames < left ? n_frames : left;
    for (uint32_t i = 0; i < n_moving; i++)
        gains[i] *= r->from + r->step * (float)(r->done + i);
    for (uint32_t i = n_moving; i < n_frames; i++)
        gains[i] *= r->to;
}
