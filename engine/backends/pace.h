// SPDX-License-Identifier: MIT
// pace.h - when the frames of a stream are due by the system's clock, without rounding errors that add up.
#ifndef ENGINE_BACKENDS_PACE_H
#define ENGINE_BACKENDS_PACE_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/// A count of frames and the time of frame 0 (CLOCK_MONOTONIC). Owned by one audio thread.
struct pace {
    uint64_t base_ns;
    uint64_t frames;
    uint32_t rate;
};

/// Begins a count at `now_ns`.
void pace_start(struct pace *p, uint32_t rate, uint64_t now_ns);

/// The time at which frame `frames` is due.
uint64_t pace_due_ns(const struct pace *p);

/// The time that `n_frames` take.
uint64_t pace_length_ns(uint32_t rate, uint64_t n_frames);

/// Sleeps until `due_ns`, or until soon (PACE_SLICE_NS) after `stopping` was set.
void pace_sleep(uint64_t due_ns, const _Atomic bool *stopping);

#endif
