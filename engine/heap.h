// SPDX-License-Identifier: MIT
// heap.h - memory that is asked for while the daemon runs, by threads that may wait: shared and counted.
#ifndef ENGINE_HEAP_H
#define ENGINE_HEAP_H
#include <stddef.h>

#include "alloc/adaptors.h"
#include "alloc/allocator.h"

/// libc's memory behind a count behind a lock. Stays where it is. Never for rt: it waits.
struct heap {
    struct allocator libc;
    struct counting counting;
    struct locked locked;
};

/// What of a heap is in use, and the most that ever was.
struct heap_usage {
    size_t live_bytes, high_bytes;
};

void heap_init(struct heap *h);
/// Accepts a zeroed one. What is live stays so.
void heap_fini(struct heap *h);

// ---- any thread that may wait ----

/// Each thread takes one of its own; what one made another may give back.
struct allocator heap_allocator(struct heap *h);
struct heap_usage heap_usage(struct heap *h);

#endif
