// SPDX-License-Identifier: MIT
// scratch_rt.c - the frame arena's pushes and resets.
#include <assert.h>

#include "alloc/scratch.h"

// relaxed throughout: figures for people, written by this thread alone.

static void *refuse(struct scratch *s)
{
    uint64_t n = atomic_load_explicit(&s->n_refused, memory_order_relaxed);
    atomic_store_explicit(&s->n_refused, n + 1, memory_order_relaxed);
    return NULL;
}

RT_SAFE void *scratch_push(struct scratch *s, size_t n, size_t item_bytes, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0 && align <= CACHE_LINE);
    size_t bytes, start = (s->used_bytes + align - 1) & ~(align - 1);
    if (!size_multiply(n, item_bytes, &bytes) || start > s->size_bytes || bytes > s->size_bytes - start)
        return refuse(s);
    bool untouched = debug_revive(s->base + start, bytes);
    assert(untouched); // else somebody wrote to it after it was given back
    (void)untouched;
    s->used_bytes = start + bytes;
    return s->base + start;
}

RT_SAFE struct scratch_mark scratch_begin(const struct scratch *s)
{
    return (struct scratch_mark){s->used_bytes};
}

RT_SAFE void scratch_end(struct scratch *s, struct scratch_mark mark)
{
    assert(mark.used_bytes <= s->used_bytes);
    if (s->used_bytes > atomic_load_explicit(&s->high_bytes, memory_order_relaxed))
        atomic_store_explicit(&s->high_bytes, s->used_bytes, memory_order_relaxed);
    debug_retire(s->base + mark.used_bytes, s->used_bytes - mark.used_bytes);
    s->used_bytes = mark.used_bytes;
}

RT_SAFE void scratch_reset(struct scratch *s)
{
    scratch_end(s, (struct scratch_mark){0});
}
