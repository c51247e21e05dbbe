// SPDX-License-Identifier: MIT
// ring_rt.c - pushes and cycles of the ring. The protocol stands in ring.h.
#include <assert.h>
#include <string.h>

#include "alloc/ring.h"

RT_SAFE void *ring_push(struct ring *r, size_t n, size_t item_bytes, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0 && align <= CACHE_LINE);
    size_t bytes;
    uint64_t start = (r->head + align - 1) & ~(uint64_t)(align - 1);
    if (!size_multiply(n, item_bytes, &bytes) || bytes > r->size_bytes) {
        r->n_refused++;
        return NULL;
    }
    size_t offset = (size_t)start & (r->size_bytes - 1);
    if (bytes > r->size_bytes - offset) { // not across the end
        start += r->size_bytes - offset;
        offset = 0;
    }
    // relaxed: this thread is the only writer of tail.
    size_t used = (size_t)(start + bytes - atomic_load_explicit(&r->tail, memory_order_relaxed));
    if (used > r->size_bytes) {
        r->n_refused++;
        return NULL;
    }
    if (used > r->high_bytes) r->high_bytes = used;
    r->head = start + bytes;
    return r->base + offset;
}

RT_SAFE struct ring_ref ring_put(struct ring *r, const void *record, uint32_t bytes)
{
    // Whole words, so that two records share none.
    size_t n_words = ((size_t)bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    _Atomic uint64_t *to = ring_push(r, n_words, sizeof(uint64_t), sizeof(uint64_t));
    if (!to || bytes == 0) return (struct ring_ref){0};
    for (size_t i = 0, done = 0; i < n_words; i++, done += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t left = bytes - done;
        memcpy(&word, (const uint8_t *)record + done, left < sizeof word ? left : sizeof word);
        // release: who reads this word also sees the tail that freed the one before it.
        atomic_store_explicit(&to[i], word, memory_order_release);
    }
    return (struct ring_ref){r->head - n_words * sizeof(uint64_t), bytes};
}

RT_SAFE void ring_advance(struct ring *r)
{
    if (r->n_cycles == 0) return; // a zeroed one
    r->cycle++;
    r->starts[r->cycle % r->n_cycles] = r->head;
    // All up to the start of the cycle that is now the oldest has expired. relaxed: the words written
    // into what this frees carry it with them (release).
    atomic_store_explicit(&r->tail, r->starts[(r->cycle + 1) % r->n_cycles], memory_order_relaxed);
}
