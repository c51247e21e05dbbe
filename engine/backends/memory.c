// SPDX-License-Identifier: MIT
// memory.c - what backends are made of: a heap of their own, for they come and go while the daemon runs.
#include "engine/backends/backend.h"

static struct heap heap;

static void init_heap(void)
{
    heap_init(&heap);
}

/// Ready at the first use, and until the process ends: a thread that hangs in libjack may come back late.
static struct heap *the_heap(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_heap);
    return &heap;
}

struct heap_usage backend_memory_bytes(void)
{
    return heap_usage(the_heap());
}

void *backend_make(size_t bytes)
{
    struct allocator memory = heap_allocator(the_heap());
    struct backend *backend = make_bytes(1, bytes, &memory);
    if (backend) backend->memory = memory;
    return backend;
}

void backend_unmake(void *backend, size_t bytes)
{
    if (!backend) return;
    struct allocator memory = ((struct backend *)backend)->memory; // a copy: the one inside goes with it
    allocator_unmake(&memory, backend, 1, bytes);
}
