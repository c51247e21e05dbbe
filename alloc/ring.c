// SPDX-License-Identifier: MIT
// ring.c - set-up of the ring, and its readers' side. The protocol stands in ring.h.
#include "alloc/ring.h"

#include <string.h>

enum status ring_init(struct ring *r, struct allocator *a, size_t size_bytes, uint32_t n_cycles)
{
    *r = (struct ring){0};
    if (size_bytes < 64 || (size_bytes & (size_bytes - 1)) || n_cycles < 1 || n_cycles > 65536)
        return STATUS_BAD_ARGUMENT;
    uint64_t n_before = a->n_refused;
    r->base = make(uint8_t, size_bytes, a);
    r->words = (void *)r->base;
    r->starts = make(uint64_t, n_cycles, a);
    r->size_bytes = size_bytes;
    r->n_cycles = n_cycles;
    if (!allocator_refused(a, n_before)) return STATUS_OK;
    ring_fini(r, a);
    return STATUS_NO_MEMORY;
}

void ring_fini(struct ring *r, struct allocator *a)
{
    unmake(r->starts, r->n_cycles, a);
    unmake(r->base, r->size_bytes, a);
    *r = (struct ring){0};
}

static void *push_for_allocator(void *ctx, size_t bytes, size_t align, const char *where)
{
    (void)where;
    void *p = align <= CACHE_LINE ? ring_push(ctx, 1, bytes, align) : NULL;
    return p ? memset(p, 0, bytes) : NULL;
}

struct allocator *ring_allocator(struct ring *r)
{
    // The count of refusals stays what it is.
    r->allocator.alloc = push_for_allocator;
    r->allocator.ctx = r;
    return &r->allocator;
}

bool ring_get(const struct ring *r, struct ring_ref ref, void *to)
{
    if (ref.bytes == 0) return false;
    size_t first = (size_t)(ref.position & (r->size_bytes - 1)) / sizeof(uint64_t);
    for (size_t done = 0; done < ref.bytes; done += sizeof(uint64_t)) {
        // acquire: if this is a word of a later record, the tail that freed it is seen below.
        uint64_t word = atomic_load_explicit(&r->words[first + done / sizeof word], memory_order_acquire);
        size_t left = ref.bytes - done;
        memcpy((uint8_t *)to + done, &word, left < sizeof word ? left : sizeof word);
    }
    // relaxed: ordered behind the loads above, which are acquires.
    return ref.position >= atomic_load_explicit(&r->tail, memory_order_relaxed);
}
