// SPDX-License-Identifier: MIT
// pools.h - general memory for one thread that runs for months: small, medium and large blocks, each a pool.
#ifndef ALLOC_POOLS_H
#define ALLOC_POOLS_H
#include "alloc/pool.h"

#define POOLS_SMALL_BYTES  64
#define POOLS_MEDIUM_BYTES 256
#define POOLS_LARGE_BYTES  1024

enum pools_size { POOLS_SMALL, POOLS_MEDIUM, POOLS_LARGE, POOLS_SIZES };

/// Owned by one thread.
struct pools {
    struct pool pools[POOLS_SIZES];
    uint64_t n_moved_up;        // requests that took a larger block because the right ones were all in use
    uint64_t n_refused;         // too large, or all in use
    uint64_t n_foreign;         // addresses given back that were no block in use
    struct allocator allocator; // made of it
};

/// So many blocks of each size; 0: none of that size.
NODISCARD enum status pools_init(struct pools *p, struct allocator *a, const uint32_t n_blocks[POOLS_SIZES]);
/// `a`: the same. Accepts a zeroed one.
void pools_fini(struct pools *p, struct allocator *a);

/// Requests of up to POOLS_LARGE_BYTES. An address that is no block in use is counted, or ends the process
/// where guards are built in.
struct allocator *pools_allocator(struct pools *p);

#endif
