// SPDX-License-Identifier: MIT
// scratch.h - the frame arena: what a block of audio needs while it is made, gone when the next one begins.
#ifndef ALLOC_SCRATCH_H
#define ALLOC_SCRATCH_H
#include <assert.h>
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

/// `size_bytes` is rounded up to whole cache lines.
NODISCARD enum status scratch_init(struct scratch *s, struct allocator *a, size_t size_bytes);
/// `a`: the same. Accepts a zeroed one.
void scratch_fini(struct scratch *s, struct allocator *a);

// ---- rt ----

/// Counts a push that does not fit, and returns NULL.
RT_SAFE void *scratch_refuse(struct scratch *s);

/// `n` items of `item_bytes` on cache lines of their own; their content is arbitrary. NULL when full: the
/// size was worked out wrongly, and `n_refused` counts it.
RT_SAFE static inline void *scratch_push(struct scratch *s, size_t n, size_t item_bytes)
{
    size_t bytes, start = s->used_bytes; // always whole cache lines
    if (!size_multiply(n, item_bytes, &bytes) || !size_align(bytes, CACHE_LINE, &bytes) ||
        bytes > s->size_bytes - start)
        return scratch_refuse(s);
    bool untouched = debug_revive(s->base + start, bytes);
    assert(untouched); // else somebody wrote to it after it was given back
    (void)untouched;
    s->used_bytes = start + bytes;
    return s->base + start;
}

/// `n` items of `type`, aligned for vector loads.
#define SCRATCH_PUSH(scratch, type, n) ((type *)scratch_push((scratch), (n), sizeof(type)))

/// A part of the block that gives back what it took.
RT_SAFE struct scratch_mark scratch_begin(const struct scratch *s);
RT_SAFE void scratch_end(struct scratch *s, struct scratch_mark mark);

/// The block is done. Takes the same time at any fill.
RT_SAFE void scratch_reset(struct scratch *s);

// ---- any thread ----

size_t scratch_high_bytes(const struct scratch *s);
uint64_t scratch_n_refused(const struct scratch *s);

#endif
