// SPDX-License-Identifier: MIT
// pools.c - general memory for one thread that runs for months: small, medium and large blocks, each a pool.
#include "alloc/pools.h"

#include <string.h>

static const uint32_t block_bytes[POOLS_SIZES] = {POOLS_SMALL_BYTES, POOLS_MEDIUM_BYTES, POOLS_LARGE_BYTES};

enum status pools_init(struct pools *p, struct allocator *a, const uint32_t n_blocks[POOLS_SIZES])
{
    *p = (struct pools){0};
    enum status status = STATUS_OK;
    for (int i = 0; i < POOLS_SIZES && !status; i++)
        if (n_blocks[i] > 0) status = pool_init(&p->pools[i], a, n_blocks[i], block_bytes[i]);
    if (status) pools_fini(p, a);
    return status;
}

void pools_fini(struct pools *p, struct allocator *a)
{
    for (int i = POOLS_SIZES - 1; i >= 0; i--)
        pool_fini(&p->pools[i], a);
    *p = (struct pools){0};
}

static void *alloc_for_allocator(void *ctx, size_t bytes, size_t align, const char *where)
{
    struct pools *p = ctx;
    (void)where;
    bool moved_up = false;
    for (int i = 0; i < POOLS_SIZES; i++) {
        if (bytes > block_bytes[i] || align > CACHE_LINE) continue;
        void *block = pool_alloc(&p->pools[i], NULL);
        p->n_moved_up += block && moved_up;
        if (block) return memset(block, 0, bytes);
        moved_up = true;
    }
    p->n_refused++;
    return NULL;
}

static void free_for_allocator(void *ctx, void *block, size_t bytes)
{
    struct pools *p = ctx;
    (void)bytes;
    for (int i = 0; i < POOLS_SIZES; i++) {
        pool_handle handle = pool_handle_of(&p->pools[i], block);
        if (handle != POOL_NONE) {
            pool_free(&p->pools[i], handle);
            return;
        }
    }
    if (CHIMED_MEMORY_GUARDS) debug_fail("pools: %p is given back, but is no block in use", block);
    p->n_foreign++;
}

struct allocator *pools_allocator(struct pools *p)
{
    // The count of refusals stays what it is.
    p->allocator.alloc = alloc_for_allocator;
    p->allocator.free = free_for_allocator;
    p->allocator.ctx = p;
    return &p->allocator;
}
