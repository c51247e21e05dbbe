// SPDX-License-Identifier: MIT
// pool.c - set-up of pools, and pools as allocators.
#include "alloc/pool.h"

#include <assert.h>
#include <string.h>

enum status pool_init(struct pool *p, struct allocator *a, uint32_t n_blocks, uint32_t block_bytes)
{
    *p = (struct pool){0};
    if (n_blocks < 1 || n_blocks > 1u << 24 || block_bytes < 1 || block_bytes > 1u << 30)
        return STATUS_BAD_ARGUMENT;
    p->block_bytes = (block_bytes + 7) & ~7u;
    p->n_blocks = n_blocks;
    uint64_t n_before = a->n_refused;
    p->blocks = make_bytes(n_blocks, p->block_bytes, a);
    p->generations = make(uint32_t, n_blocks, a);
    p->free = make(uint32_t, n_blocks, a);
    if (allocator_refused(a, n_before)) {
        pool_fini(p, a);
        return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n_blocks; i++)
        p->free[i] = n_blocks - 1 - i; // the first one on top
    p->n_free = p->n_free_low = n_blocks;
    debug_retire(p->blocks, (size_t)n_blocks * p->block_bytes);
    return STATUS_OK;
}

void pool_fini(struct pool *p, struct allocator *a)
{
    if (p->blocks) ASAN_UNPOISON_MEMORY_REGION(p->blocks, (size_t)p->n_blocks * p->block_bytes);
    unmake(p->free, p->n_blocks, a);
    unmake(p->generations, p->n_blocks, a);
    allocator_unmake(a, p->blocks, p->n_blocks, p->block_bytes);
    *p = (struct pool){0};
}

static void *alloc_for_allocator(void *ctx, size_t bytes, size_t align, const char *where)
{
    struct pool *p = ctx;
    (void)where;
    // Blocks begin on a cache line, and each on a multiple of its size from there.
    bool fits = bytes <= p->block_bytes && align <= CACHE_LINE && p->block_bytes % align == 0;
    if (!fits) p->n_refused++;
    void *block = fits ? pool_alloc(p, NULL) : NULL;
    return block ? memset(block, 0, bytes) : NULL;
}

static void free_for_allocator(void *ctx, void *block, size_t bytes)
{
    (void)bytes;
    bool freed = pool_free(ctx, pool_handle_of(ctx, block));
    if (!freed && CHIMED_MEMORY_GUARDS) debug_fail("pool: %p is given back, but is no block in use", block);
}

struct allocator *pool_allocator(struct pool *p)
{
    // The count of refusals stays what it is.
    p->allocator.alloc = alloc_for_allocator;
    p->allocator.free = free_for_allocator;
    p->allocator.ctx = p;
    return &p->allocator;
}

bool pool_is_whole(const struct pool *p)
{
    uint32_t n_live = 0;
    for (uint32_t i = 0; i < p->n_blocks; i++)
        n_live += p->generations[i] & 1;
    if (p->n_free > p->n_blocks || p->n_free < p->n_free_low || n_live != pool_n_used(p)) return false;
    for (uint32_t k = 0; k < p->n_free; k++) {
        uint32_t i = p->free[k];
        if (i >= p->n_blocks || p->generations[i] & 1) return false;
        uint8_t *block = p->blocks + (size_t)i * p->block_bytes;
        bool untouched = debug_revive(block, p->block_bytes);
        ASAN_POISON_MEMORY_REGION(block, p->block_bytes);
        if (!untouched) return false;
    }
    return true;
}
