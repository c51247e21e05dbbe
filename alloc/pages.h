// SPDX-License-Identifier: MIT
// pages.h - the sample store: runs of pages inside one reservation, each given back on its own.
#ifndef ALLOC_PAGES_H
#define ALLOC_PAGES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// Hands out runs of pages, first fit, and joins neighbours that are given back. Memory is committed while
/// it is in use and returned to the system afterwards; a store of 32 MiB and more does so in huge pages.
/// Owned by one thread.
struct pages {
    uint8_t *base;
    size_t page_bytes;
    // the free runs, in pages: sorted by start, never touching one another
    uint32_t *free_start;
    int32_t *free_length; // signed: that is what the baseline's vector units compare
    uint32_t n_free_runs, max_free_runs;
    uint32_t n_pages, n_used, n_used_high;
    uint32_t n_live, max_live; // runs
    uint64_t n_refused;
    uint64_t n_foreign;   // runs that came back and were not in use
    bool owns_space;      // the address space is its own
    bool lock;            // lock what is committed
    bool lock_failed;     // at least one run could not be locked
    bool has_small_pages; // the system gave no huge ones
};

/// How the free space lies. Fragmentation is 0 while it is one run: 1 - largest / free.
struct pages_gaps {
    size_t free_bytes, largest_bytes;
    size_t empty_bytes; // of the free ones: not committed; the rest shares huge pages with live runs
    uint32_t n_runs;
    float fragmentation;
};

/// Reserves `budget_bytes` of address space (up to 2^31 - 1 pages) for at most `max_runs` live runs. The free
/// list comes from `a`.
NODISCARD enum status pages_init(struct pages *p, struct allocator *a, size_t budget_bytes, uint32_t max_runs,
                                 bool lock);
/// The same in address space that somebody else has reserved: whole pages.
NODISCARD enum status pages_init_at(struct pages *p, struct allocator *a, void *base, size_t bytes,
                                    uint32_t max_runs, bool lock);
void pages_fini(struct pages *p);

/// A zeroed run of at least `bytes`, on a page boundary. STATUS_FULL when no gap is large enough.
NODISCARD enum status pages_alloc(struct pages *p, size_t bytes, void **memory);

/// Gives back a run of pages_alloc(), with the same `bytes`. What is not in use is counted and left alone, or
/// ends the process where guards are built in.
void pages_free(struct pages *p, void *memory, size_t bytes);

// ---- looking at it ----

/// Bytes that are locked; 0 once a run could not be: which ones those were is not kept.
size_t pages_locked_bytes(const struct pages *p);

struct pages_gaps pages_gaps(const struct pages *p);

/// False when the books contradict themselves.
bool pages_is_whole(const struct pages *p);

// ---- the books alone, without the memory: what pages_alloc() and pages_free() do first ----

/// Finds the first gap of `length` pages and takes its front. False when there is none, or too many runs are
/// live.
NODISCARD bool pages_place(struct pages *p, uint32_t length, uint32_t *start);
/// Gives `length` pages from `start` back. False when they are not in use.
bool pages_unplace(struct pages *p, uint32_t start, uint32_t length);

#endif
