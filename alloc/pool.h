// SPDX-License-Identifier: MIT
// pool.h - blocks of one size, each given back on its own; a handle to a block that is gone is noticed.
#ifndef ALLOC_POOL_H
#define ALLOC_POOL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// Names one use of one block: its index in the lower half, its generation in the upper. A generation comes
/// back after 2^31 uses of the same block.
typedef uint64_t pool_handle;

/// No block. A zeroed handle.
#define POOL_NONE ((pool_handle)0)

/// The books of one block.
struct pool_slot {
    uint32_t generation; // odd while the block is in use
    uint32_t next;       // the next free one
};

/// Owned by one thread. A zeroed pool is valid and full.
struct pool {
    uint8_t *blocks;
    struct pool_slot *slots;
    uint32_t block_bytes, n_blocks;
    uint32_t first_free; // n_blocks: none
    uint32_t n_used, n_high;
    uint64_t n_refused;
    uint64_t n_stale;           // handles and addresses that were not those of a block in use
    struct allocator allocator; // made of it
};

// ---- set-up ----

/// `n_blocks`: 1 to 2^24 of `block_bytes` (up to 2^30), each on a boundary of 8 bytes at least, and of a
/// cache line when `block_bytes` is a multiple of one.
NODISCARD enum status pool_init(struct pool *p, struct allocator *a, uint32_t n_blocks, uint32_t block_bytes);
/// `a`: the same. Accepts a zeroed one.
void pool_fini(struct pool *p, struct allocator *a);

// ---- owner ----

/// A block of arbitrary content, or NULL when all are in use. `handle` may be NULL.
RT_SAFE void *pool_alloc(struct pool *p, pool_handle *handle);

/// The block, or NULL when it was given back since.
RT_SAFE void *pool_get(const struct pool *p, pool_handle handle);

/// False when it was given back before: counted, and nothing else happens.
RT_SAFE bool pool_free(struct pool *p, pool_handle handle);

/// The handle of a block in use; POOL_NONE when the address is not one.
RT_SAFE pool_handle pool_handle_of(const struct pool *p, const void *block);

/// The same for items of `type`.
#define POOL_INIT(p, a, type, n)    pool_init((p), (a), (n), sizeof(type))
#define POOL_ALLOC(p, type, handle) ((type *)pool_alloc((p), (handle)))
#define POOL_GET(p, type, handle)   ((type *)pool_get((p), (handle)))

/// As much as an allocator for all that fits into a block. An address that is not one of a block in use is
/// counted, or ends the process where guards are built in.
struct allocator *pool_allocator(struct pool *p);

/// False when the books contradict themselves, or a free block was written to (where guards are built in).
bool pool_is_whole(const struct pool *p);

#endif
