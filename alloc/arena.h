// SPDX-License-Identifier: MIT
// arena.h - linear memory: handed out front to back, given back as a whole or down to a mark.
#ifndef ALLOC_ARENA_H
#define ALLOC_ARENA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// Changes of tag that an arena can tell apart; what comes later counts for the last one.
#define ARENA_MAX_TAGS 24

/// What the memory from `start_bytes` to the next tag is for.
struct arena_tag {
    const char *name; // a literal
    size_t start_bytes;
};

/// The first request that was refused.
struct arena_refusal {
    size_t bytes, used_bytes; // what was asked for, and what was in use then; 0: none was refused
    const char *tag, *where;  // may be NULL
};

/// Owned by one thread. A zeroed arena is valid and has room for nothing.
struct arena {
    uint8_t *base;
    size_t used_bytes;
    size_t limit_bytes; // below it a push has nothing to look at: committed, and not sealed
    size_t high_bytes;  // the highest `used_bytes` that was given back: memory below it may not be zero
    size_t committed_bytes;
    size_t size_bytes;
    const char *name; // a literal
    bool owns_space;  // the address space is the arena's own
    bool sealed;      // set-up is over: every later push is refused
    uint32_t depth;   // scopes that are open
    uint32_t n_tags;
    struct arena_tag tags[ARENA_MAX_TAGS];
    uint64_t n_refused;
    struct arena_refusal refusal;
    struct allocator allocator; // made of it
};

/// A place to go back to.
struct arena_mark {
    size_t used_bytes;
    uint32_t depth, n_tags;
};

// ---- set-up ----

/// Reserves `size_bytes` of address space, rounded up to whole pages; memory is committed as it is pushed.
NODISCARD enum status arena_init(struct arena *a, size_t size_bytes);
/// Takes `size_bytes` of address space that somebody else has reserved, from a page boundary on.
void arena_init_at(struct arena *a, const char *name, void *base, size_t size_bytes);
void arena_fini(struct arena *a);

/// No pushes after this: one that comes is refused, or ends the process where guards are built in. Makes
/// every page that is in use resident, so that none of them faults later; with `lock` it also stays so. False
/// when it could not be locked.
bool arena_seal(struct arena *a, bool lock);

// ---- pushes ----

/// Zeroed memory for `n` items of `item_bytes`, on a boundary of `align` (a power of two, at most 4096), or
/// NULL when the arena is full or sealed. It lives until the scope around it ends, or the arena.
#define arena_push(a, n, item_bytes, align) arena_push_at((a), (n), (item_bytes), (align), ALLOC_HERE)

/// `n` items of `type`, on a cache line of their own.
#define ARENA_PUSH(arena, type, n) ((type *)arena_push((arena), (n), sizeof(type), CACHE_LINE))

/// As much as an allocator: what inits take. Its memory is given back by the arena only.
struct allocator *arena_allocator(struct arena *a);

/// Says what the following pushes are for.
void arena_tag(struct arena *a, const char *name);
/// The bytes behind the i-th change of tag.
size_t arena_tag_bytes(const struct arena *a, uint32_t i);

// ---- scopes ----

/// Everything pushed from here to arena_end() with this mark is given back there. Scopes nest: the one
/// that was begun last ends first.
struct arena_mark arena_begin(struct arena *a);
void arena_end(struct arena *a, struct arena_mark mark);

/// Gives everything back at once; scopes and tags are gone. Takes the same time at any fill.
void arena_reset(struct arena *a);

// ---- looking at it ----

/// The highest `used_bytes` ever.
size_t arena_high_bytes(const struct arena *a);

/// Says in `text` which request was refused first, and why: arena, tag, used, asked and size. "" when none.
void arena_explain(const struct arena *a, char *text, size_t size);

/// False when the books contradict themselves.
bool arena_is_whole(const struct arena *a);

// ---- how a push works ----

/// All cases but the plain one: growth, memory that is used again, refusal, guards.
void *arena_push_slow(struct arena *a, size_t bytes, size_t align, const char *where);

static inline void *arena_push_at(struct arena *a, size_t n, size_t item_bytes, size_t align,
                                  const char *where)
{
    size_t bytes, start = (a->used_bytes + align - 1) & ~(align - 1);
    if (!size_multiply(n, item_bytes, &bytes) || start < a->high_bytes || start > a->limit_bytes ||
        bytes > a->limit_bytes - start)
        return arena_push_slow(a, bytes, align, where);
    a->used_bytes = start + bytes;
    return a->base + start;
}

#endif
