// SPDX-License-Identifier: MIT
// mixer.h - the whole signal flow: voices into buses, buses into the device.
#ifndef MIXER_MIXER_H
#define MIXER_MIXER_H
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/scratch.h"
#include "alloc/status.h"
#include "mixer/buses.h"
#include "mixer/voices.h"

/// Owned by rt once it runs.
struct mixer {
    struct sinc sinc; // read-only
    struct voices voices;
    struct buses buses;
    struct scratch scratch; // what one block needs while it is made
    uint32_t n_channels;    // of the device
    uint64_t n_clipped;     // samples that left beyond full scale and were clipped
    struct {
        uint32_t rate, declick_frames;
    } first; // as it was set up: what later rates are counted from
};

// ---- set-up: before any thread runs ----

/// More than the largest block needs: its reports on every bus there can be.
#define MIXER_SCRATCH_BYTES 65536

struct mixer_config {
    uint32_t rate;
    uint32_t n_voices, n_buses, n_channels;
    uint32_t declick_frames;
    const struct bus_graph *graph; // the first one
};

/// Where the memory comes from; all of it may be one.
struct mixer_memory {
    struct allocator *voices, *buses, *scratch;
};

/// Fails with STATUS_NO_MEMORY or STATUS_BAD_ARGUMENT.
NODISCARD enum status mixer_init(struct mixer *m, const struct mixer_memory *memory,
                                 const struct mixer_config *config);

// ---- rt ----

/// Between two blocks: all goes on at another sample rate (Hz, 8000 to 192000), with the pitch and the times
/// that it has. As many steps as there are voices and buses.
RT_SAFE void mixer_set_rate(struct mixer *m, uint32_t rate);

/// Writes the next `n_frames` (1 to BLOCK_FRAMES) to the planes of `out`, one for each device channel.
RT_SAFE void mixer_render(struct mixer *m, float *const *out, uint32_t n_frames);

#endif
