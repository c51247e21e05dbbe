// SPDX-License-Identifier: MIT
// shared_pool.h - blocks of one size that any thread may take and any thread may give back, without a lock.
//
// Protocol: the free blocks are a stack of indices. `head` holds the index on top and a counter in one 64-bit
// word. To take a block, a thread reads `head` and the `next` of the block on top, and exchanges `head` for
// that next one if it is still what was read; to give one back it writes the block's `next` and exchanges
// `head` for the block. Another thread may take the top, and the one below, and give the top back in between:
// the index is the same again, its `next` is not (the ABA problem). So each exchange adds 1 to the counter,
// and a `head` that was read before fails to match until the counter has gone once around, after 2^32
// exchanges while one thread stood between two instructions.
//
// A thread repeats only when another one has completed an exchange meanwhile: some thread always gets on, and
// one that repeats n times has watched n operations of others. A block's generation is odd while it is in
// use.
#ifndef ALLOC_SHARED_POOL_H
#define ALLOC_SHARED_POOL_H
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

struct shared_pool_slot {
    _Atomic uint32_t generation; // odd while the block is in use; written by who holds the block
    _Atomic uint32_t next;       // the next free one
};

/// A zeroed one is valid and full.
struct shared_pool {
    uint8_t *blocks;
    struct shared_pool_slot *slots;
    uint32_t block_bytes, n_blocks;
    alignas(CACHE_LINE) _Atomic uint64_t head;      // counter << 32 | index; index n_blocks: none is free
    alignas(CACHE_LINE) _Atomic uint64_t n_refused; // on a line of its own: written when all are in use
    _Atomic uint64_t n_stale;                       // handles that were not those of a block in use
};

// ---- set-up: before any other thread runs ----

/// `n_blocks`: 1 to 2^24 of `block_bytes` (up to 2^30), which is rounded up to whole cache lines, so that two
/// threads share none.
NODISCARD enum status shared_pool_init(struct shared_pool *p, struct allocator *a, uint32_t n_blocks,
                                       uint32_t block_bytes);
/// `a`: the same. Accepts a zeroed one.
void shared_pool_fini(struct shared_pool *p, struct allocator *a);

// ---- any thread ----

/// A block of arbitrary content, or NULL when all are in use. `handle` (index and generation, as in pool.h)
/// may be NULL.
RT_SAFE void *shared_pool_alloc(struct shared_pool *p, uint64_t *handle);

/// The block, or NULL when it was given back since. Whoever holds the handle must not race with whoever
/// gives it back: this finds mistakes, it does not make them right.
RT_SAFE void *shared_pool_get(const struct shared_pool *p, uint64_t handle);

/// False when it was given back before: counted, and nothing else happens.
RT_SAFE bool shared_pool_free(struct shared_pool *p, uint64_t handle);

/// Blocks in use. Exact only while no other thread is at it: O(n), for tests and reports.
uint32_t shared_pool_count_used(const struct shared_pool *p);

#endif
