// SPDX-License-Identifier: MIT
// mixer.h - the whole signal flow: voices into buses, buses into the device.
#ifndef MIXER_MIXER_H
#define MIXER_MIXER_H
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "mixer/buses.h"
#include "mixer/voices.h"

/// Owned by rt once it runs.
struct mixer {
    struct voices voices;
    struct buses buses;
    uint32_t n_channels; // of the device
    uint64_t n_clipped;  // samples that left beyond full scale and were clipped
};

// ---- set-up: before any thread runs ----

struct mixer_config {
    uint32_t rate;
    uint32_t n_voices, n_buses, n_channels;
    uint32_t declick_frames;
    const struct bus_graph *graph; // the first one
};

/// Voices from one allocator, buses from the other. Fails with STATUS_NO_MEMORY or STATUS_BAD_ARGUMENT.
NODISCARD enum status mixer_init(struct mixer *m, struct allocator *voices, struct allocator *buses,
                                 const struct mixer_config *config);

// ---- rt ----

/// Writes the next `n_frames` (1 to BLOCK_FRAMES) to the planes of `out`, one for each device channel.
RT_SAFE void mixer_render(struct mixer *m, float *const *out, uint32_t n_frames);

#endif
