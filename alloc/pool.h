// SPDX-License-Identifier: MIT
// pool.h - blocks of one size, each given back on its own; a handle to a block that is gone is noticed.
#ifndef ALLOC_POOL_H
#define ALLOC_POOL_H
#include <assert.h>
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

/// Owned by one thread. A zeroed pool is valid and full.
struct pool {
    uint8_t *blocks;
    uint32_t *generations; // of each block; odd while it is in use
    uint32_t *free;        // the indices of the free blocks; the last one goes first
    uint32_t block_bytes, n_blocks;
    uint32_t n_free, n_free_low;
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
RT_SAFE static inline void *pool_alloc(struct pool *p, pool_handle *handle)
{
    if (handle) *handle = POOL_NONE;
    if (p->n_free == 0) {
        p->n_refused++;
        return NULL;
    }
    uint32_t i = p->free[--p->n_free];
    if (p->n_free < p->n_free_low) p->n_free_low = p->n_free;
    uint32_t generation = ++p->generations[i];
    if (handle) *handle = (pool_handle)generation << 32 | i;
    uint8_t *block = p->blocks + (size_t)i * p->block_bytes;
    bool untouched = debug_revive(block, p->block_bytes);
    assert(untouched); // else somebody wrote to it after it was given back
    (void)untouched;
    return block;
}

/// True while the block has not been given back.
RT_SAFE static inline bool pool_is_live(const struct pool *p, pool_handle handle)
{
    uint32_t i = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    return i < p->n_blocks && p->generations[i] == generation && (generation & 1);
}

/// The block, or NULL when it was given back since.
RT_SAFE static inline void *pool_get(const struct pool *p, pool_handle handle)
{
    return pool_is_live(p, handle) ? p->blocks + (size_t)(uint32_t)handle * p->block_bytes : NULL;
}

/// False when it was given back before: counted, and nothing else happens.
RT_SAFE static inline bool pool_free(struct pool *p, pool_handle handle)
{
    if (!pool_is_live(p, handle)) {
        p->n_stale++;
        return false;
    }
    uint32_t i = (uint32_t)handle;
    p->generations[i] = (uint32_t)(handle >> 32) + 1;
    p->free[p->n_free++] = i;
    debug_retire(p->blocks + (size_t)i * p->block_bytes, p->block_bytes);
    return true;
}

/// The handle of a block in use; POOL_NONE when the address is not one.
RT_SAFE pool_handle pool_handle_of(const struct pool *p, const void *block);

/// The same for items of `type`.
#define POOL_INIT(p, a, type, n)    pool_init((p), (a), (n), sizeof(type))
#define POOL_ALLOC(p, type, handle) ((type *)pool_alloc((p), (handle)))
#define POOL_GET(p, type, handle)   ((type *)pool_get((p), (handle)))

/// As much as an allocator for all that fits into a block. An address that is not one of a block in use is
/// counted, or ends the process where guards are built in.
struct allocator *pool_allocator(struct pool *p);

/// Blocks in use, now and at most.
static inline uint32_t pool_n_used(const struct pool *p)
{
    return p->n_blocks - p->n_free;
}
static inline uint32_t pool_n_high(const struct pool *p)
{
    return p->n_blocks - p->n_free_low;
}

/// False when the books contradict themselves, or a free block was written to (where guards are built in).
bool pool_is_whole(const struct pool *p);

#endif
