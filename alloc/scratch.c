// SPDX-License-Identifier: MIT
// scratch.c - set-up of the frame arena, and its figures.
#include "alloc/scratch.h"

enum status scratch_init(struct scratch *s, struct allocator *a, size_t size_bytes)
{
    *s = (struct scratch){0};
    if (size_bytes == 0 || !size_align(size_bytes, CACHE_LINE, &size_bytes)) return STATUS_BAD_ARGUMENT;
    s->base = make(uint8_t, size_bytes, a);
    if (!s->base) return STATUS_NO_MEMORY;
    s->size_bytes = size_bytes;
    debug_retire(s->base, size_bytes);
    return STATUS_OK;
}

void scratch_fini(struct scratch *s, struct allocator *a)
{
    ASAN_UNPOISON_MEMORY_REGION(s->base, s->size_bytes);
    unmake(s->base, s->size_bytes, a);
    *s = (struct scratch){0};
}

// relaxed: figures for people; nothing depends on their order.

size_t scratch_high_bytes(const struct scratch *s)
{
    return atomic_load_explicit(&s->high_bytes, memory_order_relaxed);
}

uint64_t scratch_n_refused(const struct scratch *s)
{
    return atomic_load_explicit(&s->n_refused, memory_order_relaxed);
}
