// SPDX-License-Identifier: MIT
// rate_change.h - what frames and positions come to at another sample rate, so that they mean the same
// seconds.
#ifndef MIXER_RATE_CHANGE_H
#define MIXER_RATE_CHANGE_H
#include <stdint.h>

#include "alloc/attr.h"

/// Both in Hz, 8000 to 192000.
struct rate_change {
    uint32_t from, to;
};

/// A number of frames, rounded; UINT32_MAX at the most.
RT_SAFE static inline uint32_t rate_change_frames(struct rate_change change, uint32_t frames)
{
    uint64_t n = ((uint64_t)frames * change.to + change.from / 2) / change.from;
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/// The same for what must not become nothing.
RT_SAFE static inline uint32_t rate_change_some_frames(struct rate_change change, uint32_t frames)
{
    uint32_t n = rate_change_frames(change, frames);
    return n > 0 || frames == 0 ? n : 1;
}

/// A position, 32.32 frames, rounded down. Either sign.
RT_SAFE static inline int64_t rate_change_position(struct rate_change change, int64_t position)
{
    // Whole frames and the rest apart, so that no product overflows.
    int64_t whole = (position >> 32) * change.to, from = change.from;
    int64_t frames = whole / from, rest = whole % from;
    if (rest < 0) {
        rest += from;
        frames--;
    }
    int64_t fraction = (int64_t)(position & UINT32_MAX) * change.to;
    return frames * (INT64_C(1) << 32) + ((rest << 32) + fraction) / from;
}

#endif
