// SPDX-License-Identifier: MIT
// shared_pool_rt.c - taking blocks of the shared pool and giving them back. The protocol stands in
// shared_pool.h.
#include "alloc/shared_pool.h"

/// `head` with another block on top and the counter moved on.
static uint64_t with_top(uint64_t head, uint32_t index)
{
    return ((head >> 32) + 1) << 32 | index;
}

static uint8_t *block_at(const struct shared_pool *p, uint32_t i)
{
    return p->blocks + (size_t)i * p->block_bytes;
}

RT_SAFE void *shared_pool_alloc(struct shared_pool *p, uint64_t *handle)
{
    // acquire: the `next` of the block on top was written before it got there.
    uint64_t head = atomic_load_explicit(&p->head, memory_order_acquire);
    uint32_t i, next;
    do {
        i = (uint32_t)head;
        if (i >= p->n_blocks) {
            // relaxed: a figure for people.
            atomic_fetch_add_explicit(&p->n_refused, 1, memory_order_relaxed);
            if (handle) *handle = 0;
            return NULL;
        }
        // relaxed: read after `head`, and of no use unless the exchange finds `head` as it was.
        next = atomic_load_explicit(&p->slots[i].next, memory_order_relaxed);
        // acquire, on success: whoever gave the block back is done with it. On failure: as above. No release
        // is needed: it would be for `next`, and the older exchange that published it still heads the
        // release sequence that this one continues.
    } while (!atomic_compare_exchange_weak_explicit(&p->head, &head, with_top(head, next),
                                                    memory_order_acquire, memory_order_acquire));
    // relaxed: the block is ours alone.
    uint32_t generation = atomic_load_explicit(&p->slots[i].generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&p->slots[i].generation, generation, memory_order_relaxed);
    if (handle) *handle = (uint64_t)generation << 32 | i;
    return block_at(p, i);
}

/// The index of a live handle; n_blocks otherwise.
static uint32_t index_of(const struct shared_pool *p, uint64_t handle)
{
    uint32_t i = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    if (i >= p->n_blocks || !(generation & 1)) return p->n_blocks;
    // relaxed: who holds a handle got it together with the block.
    return atomic_load_explicit(&p->slots[i].generation, memory_order_relaxed) == generation ? i
                                                                                             : p->n_blocks;
}

RT_SAFE void *shared_pool_get(const struct shared_pool *p, uint64_t handle)
{
    uint32_t i = index_of(p, handle);
    return i < p->n_blocks ? block_at(p, i) : NULL;
}

RT_SAFE bool shared_pool_free(struct shared_pool *p, uint64_t handle)
{
    uint32_t i = index_of(p, handle), generation = (uint32_t)(handle >> 32);
    if (i >= p->n_blocks) {
        atomic_fetch_add_explicit(&p->n_stale, 1, memory_order_relaxed); // relaxed: a figure for people
        return false;
    }
    // relaxed: the block is ours until the exchange below.
    atomic_store_explicit(&p->slots[i].generation, generation + 1, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed); // relaxed: only compared
    do {
        atomic_store_explicit(&p->slots[i].next, (uint32_t)head, memory_order_relaxed); // published below
        // release: our use of the block and its `next` come before it can be taken. relaxed on failure.
    } while (!atomic_compare_exchange_weak_explicit(&p->head, &head, with_top(head, i), memory_order_release,
                                                    memory_order_relaxed));
    return true;
}
