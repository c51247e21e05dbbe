// SPDX-License-Identifier: MIT
// ring.h - memory that frees itself: what is taken in one cycle is gone a fixed number of cycles later.
//
// Protocol of records that another thread reads: positions run free. The owner publishes `tail`, the position
// below which all has expired, before it writes into memory that this frees (each word with release). A
// reader copies the words (each with acquire) and then looks at `tail`: if any word was a new one, the tail
// that it sees is new as well, and the copy is thrown away. Nobody waits for anybody.
#ifndef ALLOC_RING_H
#define ALLOC_RING_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// Owned by one thread, usually rt. A zeroed one has room for nothing.
struct ring {
    uint8_t *base;
    _Atomic uint64_t *words; // the same memory
    size_t size_bytes;       // a power of two
    uint64_t *starts;        // of each of the last `n_cycles` cycles: `head` when it began
    uint32_t n_cycles;       // how many cycles memory lives
    uint32_t cycle;          // runs free
    uint64_t head;           // position of the next push
    uint64_t n_refused;      // no room until older cycles expire
    size_t high_bytes;
    _Atomic uint64_t tail;
    struct allocator allocator; // made of it
};

/// A record that was left for another thread. `bytes` 0: it was refused.
struct ring_ref {
    uint64_t position;
    uint32_t bytes;
};

// ---- set-up ----

/// `size_bytes`: a power of two from 64; `n_cycles`: 1 to 65536.
NODISCARD enum status ring_init(struct ring *r, struct allocator *a, size_t size_bytes, uint32_t n_cycles);
/// `a`: the same. Accepts a zeroed one.
void ring_fini(struct ring *r, struct allocator *a);

// ---- owner ----

/// `n` items of `item_bytes` on a boundary of `align` (a power of two, at most CACHE_LINE), valid for this
/// cycle and the next `n_cycles` - 1; their content is arbitrary. NULL when full: memory is never cut at the
/// end of the ring, so what does not fit before it leaves that rest unused. For this thread only.
RT_SAFE void *ring_push(struct ring *r, size_t n, size_t item_bytes, size_t align);

/// A copy of `bytes` (at least 1) at `record` that any thread may read with ring_get().
RT_SAFE NODISCARD struct ring_ref ring_put(struct ring *r, const void *record, uint32_t bytes);

/// The next cycle begins: what the oldest one took is free.
RT_SAFE void ring_advance(struct ring *r);

/// As much as an allocator; nothing is given back.
struct allocator *ring_allocator(struct ring *r);

// ---- any thread ----

/// Copies a record out. False when it was refused or has expired: then `to` holds nothing of use.
NODISCARD bool ring_get(const struct ring *r, struct ring_ref ref, void *to);

#endif
