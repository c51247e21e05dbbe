// SPDX-License-Identifier: MIT
// shared_pool.c - set-up of the shared pool. The protocol stands in shared_pool.h.
#include "alloc/shared_pool.h"

enum status shared_pool_init(struct shared_pool *p, struct allocator *a, uint32_t n_blocks,
                             uint32_t block_bytes)
{
    *p = (struct shared_pool){0};
    if (n_blocks < 1 || n_blocks > 1u << 24 || block_bytes < 1 || block_bytes > 1u << 30)
        return STATUS_BAD_ARGUMENT;
    uint64_t n_before = a->n_refused;
    p->block_bytes = (block_bytes + CACHE_LINE - 1) & ~(CACHE_LINE - 1u);
    p->n_blocks = n_blocks;
    p->blocks = make_bytes(n_blocks, p->block_bytes, a);
    p->slots = make(struct shared_pool_slot, n_blocks, a);
    if (allocator_refused(a, n_before)) {
        shared_pool_fini(p, a);
        return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n_blocks; i++)
        atomic_init(&p->slots[i].next, i + 1);
    return STATUS_OK;
}

void shared_pool_fini(struct shared_pool *p, struct allocator *a)
{
    unmake(p->slots, p->n_blocks, a);
    allocator_unmake(a, p->blocks, p->n_blocks, p->block_bytes);
    *p = (struct shared_pool){0};
}

uint32_t shared_pool_count_used(const struct shared_pool *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_blocks; i++)
        n += atomic_load_explicit(&p->slots[i].generation, memory_order_relaxed) & 1; // relaxed: a figure
    return n;
}
