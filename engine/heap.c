// SPDX-License-Identifier: MIT
// heap.c - memory that is asked for while the daemon runs, by threads that may wait: shared and counted.
#include "engine/heap.h"

void heap_init(struct heap *h)
{
    h->libc = libc_allocator();
    locked_init(&h->locked, counting_allocator(&h->counting, &h->libc));
}

void heap_fini(struct heap *h)
{
    locked_fini(&h->locked);
    *h = (struct heap){0};
}

struct allocator heap_allocator(struct heap *h)
{
    return locked_allocator(&h->locked);
}

struct heap_usage heap_usage(struct heap *h)
{
    pthread_mutex_lock(&h->locked.mutex);
    struct heap_usage usage = {h->counting.live_bytes, h->counting.high_bytes};
    pthread_mutex_unlock(&h->locked.mutex);
    return usage;
}
