// SPDX-License-Identifier: MIT
// planes.h - the float buffers that a backend lets the engine render into, one for each channel.
#ifndef ENGINE_BACKENDS_PLANES_H
#define ENGINE_BACKENDS_PLANES_H
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/backends/cycle.h"

/// A zeroed struct holds nothing.
struct planes {
    float *plane[MAX_OUTPUT_CHANNELS]; // on cache lines of their own
    uint32_t n_channels, n_frames;
    void *memory; // owns all of them
    struct allocator *a;
};

/// Zeroed planes; their pages are touched. Borrows `a` until planes_fini(). Fails with STATUS_NO_MEMORY or,
/// for more than MAX_OUTPUT_CHANNELS or no channels or no frames, STATUS_BAD_ARGUMENT.
NODISCARD
enum status planes_init(struct planes *p, struct allocator *a, uint32_t n_channels, uint32_t n_frames);
void planes_fini(struct planes *p);

#endif
