// SPDX-License-Identifier: MIT
// scratch_rt.c - the frame arena's pushes and resets.
#include <assert.h>

#include "alloc/scratch.h"

// relaxed throughout: figures for people, written by this thread alone.

RT_SAFE void *scratch_refuse(struct scratch *s)
{
    uint64_t n = atomic_load_explicit(&s->n_refused, memory_order_relaxed);
    atomic_store_explicit(&s->n_refused, n + 1, memory_order_relaxed);
    return NULL;
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
