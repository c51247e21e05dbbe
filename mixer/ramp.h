// SPDX-License-Identifier: MIT
// ramp.h - a value that moves to another one in a straight line, frame by frame.
#ifndef MIXER_RAMP_H
#define MIXER_RAMP_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "mixer/rate_change.h"

/// Longest ramp, half a day at 48 kHz: kernels count frames in signed lanes. Longer ones are cut to it.
#define RAMP_MAX_FRAMES INT32_MAX

/// Its value is from + step * done while `done` < `total`, then exactly `to`: it depends on the frames passed
/// alone, not on how they were cut into blocks.
struct ramp {
    float from, to, step;
    uint32_t done, total;
};

RT_SAFE static inline bool ramp_is_steady(const struct ramp *r)
{
    return r->done >= r->total;
}

RT_SAFE static inline float ramp_value(const struct ramp *r)
{
    return ramp_is_steady(r) ? r->to : r->from + r->step * (float)r->done;
}

/// Goes from the present value to `to` in `n_frames`; 0: at once.
RT_SAFE static inline void ramp_set(struct ramp *r, float to, uint32_t n_frames)
{
    float from = ramp_value(r);
    if (n_frames > RAMP_MAX_FRAMES) n_frames = RAMP_MAX_FRAMES;
    *r = (struct ramp){.from = from, .to = to, .total = n_frames};
    if (n_frames > 0) r->step = (to - from) / (float)n_frames;
}

/// What is left of the way takes as long at another sample rate.
RT_SAFE static inline void ramp_change_rate(struct ramp *r, struct rate_change change)
{
    if (!ramp_is_steady(r)) ramp_set(r, r->to, rate_change_some_frames(change, r->total - r->done));
}

RT_SAFE static inline void ramp_advance(struct ramp *r, uint32_t n_frames)
{
    uint32_t left = r->total - r->done;
    r->done += n_frames < left ? n_frames : left;
}

#endif
