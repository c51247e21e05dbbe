// SPDX-License-Identifier: MIT
// alsa_guard.h - notices a device that takes frames without playing them in time, and paces it.
//
// alsa-lib's null and file plugins take whatever they are given at once. A real device cannot run ahead of
// the clock by more than its buffer, but its own clock may differ a little from ours and add up over hours:
// so what is measured leaks away faster than real time.
#ifndef ENGINE_BACKENDS_ALSA_GUARD_H
#define ENGINE_BACKENDS_ALSA_GUARD_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/backends/pace.h"

/// Owned by the audio thread.
struct alsa_guard {
    uint64_t buffer_ns;
    uint64_t ahead_ns, seen_ns; // a leaky bucket, and when it leaked last
    bool free_running;          // noticed; `pace` says when the next frames are due
    struct pace pace;
};

/// The device has been started, with a full buffer.
void alsa_guard_start(struct alsa_guard *g, uint32_t rate, uint64_t buffer_frames, uint64_t now_ns);

/// The device took `n_frames` more. True when it was so late that what should have been played meanwhile is
/// left out.
NODISCARD bool alsa_guard_wrote(struct alsa_guard *g, uint32_t n_frames, uint64_t now_ns);

/// When the next frames are due; 0 when the device itself is the clock.
uint64_t alsa_guard_due_ns(const struct alsa_guard *g);

#endif
