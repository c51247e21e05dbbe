// SPDX-License-Identifier: MIT
// pages.h - the sample store: runs of pages inside one reservation, each given back on its own.
#ifndef ALLOC_PAGES_H
#define ALLOC_PAGES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// A stretch of pages, used or free. Offsets and lengths count pages.
struct page_run {
    uint32_t start, length;
};

/// Hands out runs of pages, first fit, and joins neighbours that are given back. Memory is committed while
/// it is in use and returned to the system afterwards. Owned by one thread.
struct pages {
    uint8_t *base;
    size_t page_bytes;
    struct page_run *free_runs; // sorted by start, never touching one another
    uint32_t n_free_runs, max_free_runs;
    uint32_t n_pages, n_used, n_used_high;
    uint64_t n_refused;
    bool lock;        // lock what is committed
    bool lock_failed; // at least one run could not be locked
};

/// Reserves `budget_bytes` of address space for at most `max_runs` live runs. The free list comes from `a`.
NODISCARD enum status pages_init(struct pages *p, struct arena *a, size_t budget_bytes, uint32_t max_runs,
                                 bool lock);
void pages_fini(struct pages *p);

/// A zeroed run of at least `bytes`, on a page boundary. STATUS_FULL when no gap is large enough.
NODISCARD enum status pages_alloc(struct pages *p, size_t bytes, void **memory);

/// Gives back a run of pages_alloc(), with the same `bytes`.
void pages_free(struct pages *p, void *memory, size_t bytes);

#endif
