// SPDX-License-Identifier: MIT
// memory.h - the map: one reservation of address space, cut into regions with a name and a budget each.
//
// Between two regions lies a page that nobody may touch. Most regions are arenas, which set-up fills through
// memory_allocator() and memory_seal() closes; one that somebody else manages (the sample store) is handed
// over as bare address space, and its owner publishes its figures. At a budget's end the answer is no, and it
// is counted: nothing ever grows beyond it.
#ifndef ALLOC_MEMORY_H
#define ALLOC_MEMORY_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/arena.h"
#include "alloc/attr.h"
#include "alloc/guard.h"
#include "alloc/pages.h"
#include "alloc/status.h"

/// What the memory is for.
enum memory_region {
    MEMORY_VOICES,  // the columns, and the books of them
    MEMORY_MIXER,   // buses, graphs, meters
    MEMORY_SOUNDS,  // samples: bare address space
    MEMORY_CONTROL, // tables, names, sessions, replies
    MEMORY_QUEUES,  // what crosses between threads
    MEMORY_STREAMS, // buffers of files that are read while they play
    MEMORY_SCRATCH, // what rt needs while it makes a block
    MEMORY_DEBUG,   // records and traces
    MEMORY_REGIONS
};

/// Address space that is reserved where the system allows it; it costs nothing.
#define MEMORY_SPACE_BYTES ((size_t)64 << 30)

struct memory_config {
    size_t space_bytes;                  // 0: MEMORY_SPACE_BYTES
    size_t budget_bytes[MEMORY_REGIONS]; // rounded up to whole pages; 0: no memory of that kind
};

/// The figures of one region.
struct memory_usage {
    const char *name;
    size_t budget_bytes, used_bytes, high_bytes, committed_bytes, locked_bytes;
    uint64_t n_refused;
    size_t free_bytes, largest_free_bytes; // what is left, and the largest piece of it
};

/// Private to memory.c.
struct memory_part {
    uint8_t *base;
    size_t budget_bytes;
    struct arena arena;
    struct guard guard; // before it, where it is built in
    bool is_space, is_locked;
    // published by the owner of bare space
    _Atomic size_t used_bytes, committed_bytes, high_bytes, locked_bytes, free_bytes, largest_free_bytes;
    _Atomic uint64_t n_refused;
};

/// Owned by the thread that sets up; afterwards its figures are open to every thread. A zeroed one is valid
/// and has room for nothing.
struct memory {
    void *base;
    size_t asked_bytes, reserved_bytes; // the second is less where the system gave less
    uint64_t serial;                    // counts allocations, where guards are built in
    struct memory_part parts[MEMORY_REGIONS];
};

// ---- set-up ----

/// Reserves the space and cuts it up. STATUS_NO_MEMORY when not even the budgets themselves fit into what the
/// system gives; STATUS_BAD_ARGUMENT when their sum overflows.
NODISCARD enum status memory_init(struct memory *m, const struct memory_config *config);
/// Gives everything back at once. Accepts a zeroed one.
void memory_fini(struct memory *m);

/// What inits take. It stays where it is.
struct allocator *memory_allocator(struct memory *m, enum memory_region region);

/// Hands a whole region over as address space that is not committed.
void memory_take_space(struct memory *m, enum memory_region region, void **base, size_t *bytes);

/// Set-up is over: no more memory is taken. Makes all of it resident and, with `lock`, keeps it so. False
/// when a region could not be locked.
bool memory_seal(struct memory *m, bool lock);

// ---- the owner of a region that was taken as space ----

void memory_publish_pages(struct memory *m, enum memory_region region, const struct pages *pages);

// ---- any thread, once set-up is over ----

const char *memory_region_name(enum memory_region region);
void memory_usage(const struct memory *m, enum memory_region region, struct memory_usage *usage);

/// Says in `text` which request the region refused first; "" when none.
void memory_explain(const struct memory *m, enum memory_region region, char *text, size_t size);

// ---- the thread that owns what is looked at ----

/// False when the books of a region contradict themselves or, where guards are built in, a canary is broken.
/// `text` says which.
bool memory_is_whole(const struct memory *m, char *text, size_t size);

/// A point in time, for memory_each_live().
uint64_t memory_now(const struct memory *m);

/// Calls `report` for each allocation since `since` (0: all) that is still live, and returns how many there
/// are; none are known where guards are not built in. Since the end of set-up, these are the leaks.
uint32_t memory_each_live(const struct memory *m, uint64_t since,
                          void (*report)(void *ctx, const struct guard_live *live), void *ctx);

#endif
