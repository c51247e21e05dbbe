// SPDX-License-Identifier: MIT
// scratch.h - the frame arena: what a block of audio needs while it is made, gone when the next one begins.
#ifndef ALLOC_SCRATCH_H
#define ALLOC_SCRATCH_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// Owned by rt once it runs. A zeroed one has room for nothing.
struct scratch {
    uint8_t *base;
    size_t size_bytes, used_bytes;
    _Atomic size_t high_bytes; // written by rt, read by any thread
    _Atomic uint64_t n_refused;
};

/// Everything pushed since is given back by scratch_end().
struct scratch_mark {
    size_t used_bytes;
};

// ---- set-up: before any thread runs ----

NODISCARD enum status scratch_init(struct scratch *s, struct allocator *a, size_t size_bytes);
/// `a`: the same. Accepts a zeroed one.
void scratch_fini(struct scratch *s, struct allocator *a);

// ---- rt ----

/// `n` items of `item_bytes` on a boundary of `align` (a power of two, at most CACHE_LINE); their content is
/// arbitrary. NULL when full: the size was worked out wrongly, and `n_refused` counts it.
RT_SAFE void *scratch_push(struct scratch *s, size_t n, size_t item_bytes, size_t align);

/// `n` items of `type`, aligned for vector loads.
#define SCRATCH_PUSH(scratch, type, n) ((type *)scratch_push((scratch), (n), sizeof(type), CACHE_LINE))

/// A part of the block that gives back what it took.
RT_SAFE struct scratch_mark scratch_begin(const struct scratch *s);
RT_SAFE void scratch_end(struct scratch *s, struct scratch_mark mark);

/// The block is done. Takes the same time at any fill.
RT_SAFE void scratch_reset(struct scratch *s);

// ---- any thread ----

size_t scratch_high_bytes(const struct scratch *s);
uint64_t scratch_n_refused(const struct scratch *s);

#endif
