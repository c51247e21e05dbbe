// SPDX-License-Identifier: MIT
// arena.h - linear memory for everything that lives as long as the engine.
#ifndef ALLOC_ARENA_H
#define ALLOC_ARENA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/status.h"

/// Tags that an arena can tell apart.
#define ARENA_MAX_TAGS 24

/// What a part of the memory is for.
struct arena_tag {
    const char *name; // a literal
    size_t bytes;
};

/// A stretch of memory that is handed out front to back and given back as a whole. Owned by one thread.
/// A zeroed arena is valid and has room for nothing.
struct arena {
    uint8_t *base;
    size_t size_bytes;
    size_t committed_bytes;
    size_t used_bytes;
    size_t refused_bytes; // what the first refused request asked for; 0 when none was refused
    bool sealed;          // set-up is over: every later push is refused
    struct arena_tag tags[ARENA_MAX_TAGS];
    uint32_t n_tags;
    size_t tagged_bytes; // `used_bytes` when the last tag was set
};

/// Reserves `size_bytes` of address space, rounded up to whole pages; memory is committed as it is pushed.
NODISCARD enum status arena_init(struct arena *a, size_t size_bytes);
void arena_fini(struct arena *a);

/// Zeroed memory for `n` items of `item_bytes`, on a boundary of `align` (a power of two), or NULL when the
/// arena is full or sealed. The memory lives until arena_fini().
void *arena_push(struct arena *a, size_t n, size_t item_bytes, size_t align);

/// `n` items of `type`, on a cache line of their own.
#define ARENA_PUSH(arena, type, n) ((type *)arena_push((arena), (n), sizeof(type), CACHE_LINE))

/// Says what everything that was pushed since the last tag is for.
void arena_tag(struct arena *a, const char *name);

/// No pushes after this. Makes every page that is in use resident, so that none of them faults later; with
/// `lock` it also stays so. False when it could not be locked.
bool arena_seal(struct arena *a, bool lock);

#endif
