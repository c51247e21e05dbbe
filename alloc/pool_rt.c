// SPDX-License-Identifier: MIT
// pool_rt.c - taking blocks of a pool and giving them back.
#include <assert.h>

#include "alloc/pool.h"

static uint8_t *block_at(const struct pool *p, uint32_t i)
{
    return p->blocks + (size_t)i * p->block_bytes;
}

RT_SAFE void *pool_alloc(struct pool *p, pool_handle *handle)
{
    uint32_t i = p->first_free;
    if (i == p->n_blocks) {
        p->n_refused++;
        if (handle) *handle = POOL_NONE;
        return NULL;
    }
    struct pool_slot *slot = &p->slots[i];
    p->first_free = slot->next;
    slot->generation++;
    if (++p->n_used > p->n_high) p->n_high = p->n_used;
    if (handle) *handle = (pool_handle)slot->generation << 32 | i;
    bool untouched = debug_revive(block_at(p, i), p->block_bytes);
    assert(untouched); // else somebody wrote to it after it was given back
    (void)untouched;
    return block_at(p, i);
}

/// The index of a live handle; n_blocks otherwise.
static uint32_t index_of(const struct pool *p, pool_handle handle)
{
    uint32_t i = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    bool live = i < p->n_blocks && p->slots[i].generation == generation && (generation & 1);
    return live ? i : p->n_blocks;
}

RT_SAFE void *pool_get(const struct pool *p, pool_handle handle)
{
    uint32_t i = index_of(p, handle);
    return i < p->n_blocks ? block_at(p, i) : NULL;
}

RT_SAFE bool pool_free(struct pool *p, pool_handle handle)
{
    uint32_t i = index_of(p, handle);
    if (i == p->n_blocks) {
        p->n_stale++;
        return false;
    }
    p->slots[i].generation++;
    p->slots[i].next = p->first_free;
    p->first_free = i;
    p->n_used--;
    debug_retire(block_at(p, i), p->block_bytes);
    return true;
}

RT_SAFE pool_handle pool_handle_of(const struct pool *p, const void *block)
{
    uintptr_t offset = (uintptr_t)block - (uintptr_t)p->blocks; // below the first block it is huge
    if (p->n_blocks == 0 || offset >= (size_t)p->n_blocks * p->block_bytes || offset % p->block_bytes)
        return POOL_NONE;
    uint32_t i = (uint32_t)(offset / p->block_bytes);
    if (!(p->slots[i].generation & 1)) return POOL_NONE;
    return (pool_handle)p->slots[i].generation << 32 | i;
}
