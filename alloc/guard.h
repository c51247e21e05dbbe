// SPDX-License-Identifier: MIT
// guard.h - an allocator that distrusts whoever uses it: canaries, a list of all that is live, and a
// quarantine.
//
// Each block stands between a header and a canary of its own. What is given back is filled with a pattern and
// waits in quarantine before it really goes, so that a late write is found; with AddressSanitizer any late
// access, and any access to a canary, is found at once. The first broken rule ends the process and says which
// block it was, what it was for and where it was made. The memory map puts one before every region in builds
// with CHIMED_MEMORY_GUARDS or CHIMED_MEMORY_TRACKING, and none in others.
#ifndef ALLOC_GUARD_H
#define ALLOC_GUARD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"

/// Blocks that wait before they go.
#define GUARD_QUARANTINE 64

struct guard_block;

/// Owned by the thread that owns `inner`.
struct guard {
    struct allocator *inner;
    const char *name, *tag; // literals
    uint64_t *serial;       // counts allocations, of all guards that share it
    struct guard_block *live, *live_last;
    struct guard_block *dead, *dead_last; // the quarantine, oldest first
    uint32_t n_live, n_dead;
    size_t live_bytes;
    struct allocator allocator; // made of it
};

/// One live allocation, as it is reported.
struct guard_live {
    const void *memory;
    size_t bytes;
    const char *owner, *tag, *where; // literals; `tag` and `where` may be NULL
    uint64_t serial;
};

/// Borrows `inner`, and `serial` for numbering.
void guard_init(struct guard *g, struct allocator *inner, const char *name, uint64_t *serial);
/// Looks at everything once more, empties the quarantine, and returns how many blocks are still live.
uint32_t guard_fini(struct guard *g);

struct allocator *guard_allocator(struct guard *g);

/// False when a canary or the pattern of a freed block is broken; `*fault` says which.
bool guard_is_whole(const struct guard *g, struct guard_live *fault);

/// Calls `report` for each block made after `since` (a value that `*serial` had), the oldest first. Returns
/// how many there were.
uint32_t guard_each_live(const struct guard *g, uint64_t since,
                         void (*report)(void *ctx, const struct guard_live *live), void *ctx);

#endif
