// SPDX-License-Identifier: MIT
// pages.c - the sample store: runs of pages inside one reservation, each given back on its own.
#include "alloc/pages.h"

#include <assert.h>
#include <string.h>

#include "alloc/vm.h"

/// Free runs that are looked at in one step of the search; a loop of fixed length becomes vector code.
#define RUNS_PER_STEP 16

// ---- set-up ----

enum status pages_init_at(struct pages *p, struct allocator *a, void *base, size_t bytes, uint32_t max_runs,
                          bool lock)
{
    *p = (struct pages){.page_bytes = vm_page_bytes(), .lock = lock};
    if (bytes == 0 || bytes / p->page_bytes > INT32_MAX || max_runs == 0 || max_runs > INT32_MAX)
        return STATUS_BAD_ARGUMENT;

    // n live runs leave at most n + 1 gaps; behind them stand zeroes that fit nobody, up to a whole step.
    p->max_live = max_runs;
    p->max_free_runs = max_runs + 1;
    uint64_t n_before = a->n_refused;
    p->free_start = make(uint32_t, p->max_free_runs, a);
    p->free_length = make(int32_t, (size_t)p->max_free_runs + RUNS_PER_STEP, a);
    if (allocator_refused(a, n_before)) return STATUS_NO_MEMORY;

    p->base = base;
    p->n_pages = (uint32_t)(bytes / p->page_bytes);
    p->free_start[0] = 0;
    p->free_length[0] = (int32_t)p->n_pages;
    p->n_free_runs = 1;
    return STATUS_OK;
}

enum status pages_init(struct pages *p, struct allocator *a, size_t budget_bytes, uint32_t max_runs,
                       bool lock)
{
    size_t bytes = vm_round_to_pages(budget_bytes);
    enum status status = pages_init_at(p, a, NULL, bytes, max_runs, lock);
    if (status) return status;
    void *base;
    status = vm_reserve(bytes, &base);
    if (status) return status;
    p->base = base;
    p->owns_space = true;
    return STATUS_OK;
}

void pages_fini(struct pages *p)
{
    size_t bytes = (size_t)p->n_pages * p->page_bytes;
    if (p->owns_space)
        vm_release(p->base, bytes);
    else if (p->base)
        vm_decommit(p->base, bytes);
    *p = (struct pages){0};
}

// ---- the books ----

static void remove_free_run(struct pages *p, uint32_t i)
{
    p->n_free_runs--;
    size_t n_behind = p->n_free_runs - i;
    memmove(&p->free_start[i], &p->free_start[i + 1], n_behind * sizeof p->free_start[0]);
    memmove(&p->free_length[i], &p->free_length[i + 1], n_behind * sizeof p->free_length[0]);
    p->free_length[p->n_free_runs] = 0;
}

static void insert_free_run(struct pages *p, uint32_t i, uint32_t start, uint32_t length)
{
    assert(p->n_free_runs < p->max_free_runs);
    size_t n_behind = p->n_free_runs - i;
    memmove(&p->free_start[i + 1], &p->free_start[i], n_behind * sizeof p->free_start[0]);
    memmove(&p->free_length[i + 1], &p->free_length[i], n_behind * sizeof p->free_length[0]);
    p->free_start[i] = start;
    p->free_length[i] = (int32_t)length;
    p->n_free_runs++;
}

/// The first gap of at least `length` pages; n_free_runs when there is none.
static uint32_t find_gap(const struct pages *p, int32_t length)
{
    for (uint32_t i = 0; i < p->n_free_runs; i += RUNS_PER_STEP) {
        const int32_t *lengths = &p->free_length[i];
        int32_t any = 0;
        for (uint32_t k = 0; k < RUNS_PER_STEP; k++)
            any |= -(lengths[k] >= length);
        if (!any) continue;
        while (p->free_length[i] < length)
            i++;
        return i;
    }
    return p->n_free_runs;
}

/// The first gap that starts behind `start`.
static uint32_t find_behind(const struct pages *p, uint32_t start)
{
    uint32_t low = 0, n = p->n_free_runs;
    while (n > 0) {
        uint32_t half = n / 2;
        bool go_up = p->free_start[low + half] < start;
        low = go_up ? low + half + 1 : low;
        n = go_up ? n - half - 1 : half;
    }
    return low;
}

bool pages_place(struct pages *p, uint32_t length, uint32_t *start)
{
    if (length == 0 || length > p->n_pages || p->n_live == p->max_live) return false;
    uint32_t i = find_gap(p, (int32_t)length);
    if (i == p->n_free_runs) return false;
    *start = p->free_start[i];
    p->free_start[i] += length;
    p->free_length[i] -= (int32_t)length;
    if (p->free_length[i] == 0) remove_free_run(p, i);
    p->n_live++;
    p->n_used += length;
    if (p->n_used > p->n_used_high) p->n_used_high = p->n_used;
    return true;
}

bool pages_unplace(struct pages *p, uint32_t start, uint32_t length)
{
    uint32_t i = find_behind(p, start);
    uint32_t end_before = i > 0 ? p->free_start[i - 1] + (uint32_t)p->free_length[i - 1] : 0;
    uint32_t start_behind = i < p->n_free_runs ? p->free_start[i] : p->n_pages;
    if (length == 0 || start < end_before || start > start_behind || length > start_behind - start)
        return false;
    p->n_live--;
    p->n_used -= length;

    bool joins_before = i > 0 && end_before == start;
    bool joins_behind = i < p->n_free_runs && start + length == start_behind;
    if (joins_before) {
        p->free_length[i - 1] += (int32_t)length;
        if (joins_behind) {
            p->free_length[i - 1] += p->free_length[i];
            remove_free_run(p, i);
        }
    } else if (joins_behind) {
        p->free_start[i] = start;
        p->free_length[i] += (int32_t)length;
    } else {
        insert_free_run(p, i, start, length);
    }
    return true;
}

// ---- with the memory ----

/// Stores from this size on use huge pages: what one of them may waste is little there.
#define HUGE_STORE_BYTES (16 * VM_HUGE_PAGE_BYTES)

/// What is committed together: a large store takes whole huge pages, because voices jump from sound to sound,
/// and with small pages they would miss the processor's table of addresses at each.
static size_t step_bytes(const struct pages *p)
{
    return (size_t)p->n_pages * p->page_bytes >= HUGE_STORE_BYTES ? VM_HUGE_PAGE_BYTES : p->page_bytes;
}

static enum status commit(struct pages *p, size_t start, size_t bytes)
{
    size_t step = step_bytes(p), store_bytes = (size_t)p->n_pages * p->page_bytes;
    size_t end = (start + bytes + step - 1) & ~(step - 1);
    start &= ~(step - 1);
    if (end > store_bytes) end = store_bytes;
    enum status status = vm_commit(p->base + start, end - start);
    if (status) return status;
    if (step > p->page_bytes && vm_use_huge_pages(p->base + start, end - start)) p->has_small_pages = true;
    if (p->lock && !vm_lock(p->base + start, end - start)) p->lock_failed = true;
    return STATUS_OK;
}

/// The part of a gap whose huge pages no live run touches: it holds no memory.
static void empty_part(const struct pages *p, uint32_t gap, size_t *start, size_t *end)
{
    size_t step = step_bytes(p), store_bytes = (size_t)p->n_pages * p->page_bytes;
    *start = (size_t)p->free_start[gap] * p->page_bytes;
    *end = *start + (size_t)p->free_length[gap] * p->page_bytes;
    *start = (*start + step - 1) & ~(step - 1);
    if (*end < store_bytes) *end &= ~(step - 1);
    if (*start > *end) *start = *end;
}

/// Gives back the run at `start`, and what was committed with it and is not needed any more. What stays,
/// because live runs share its huge pages, reads as zero when it is handed out again.
static void decommit(struct pages *p, size_t start, size_t bytes)
{
    size_t step = step_bytes(p), run_end = start + bytes, from, to;
    uint32_t gap = find_behind(p, (uint32_t)(start / p->page_bytes) + 1) - 1; // the run is a part of it now
    empty_part(p, gap, &from, &to);
    size_t first = start & ~(step - 1), last = (run_end + step - 1) & ~(step - 1);
    if (from < first) from = first;
    if (to > last) to = last;
    if (from >= to) from = to = run_end; // nothing: all of the run stays
    if (from > start) memset(p->base + start, 0, from - start);
    if (to < run_end) memset(p->base + to, 0, run_end - to);
    if (from < to) vm_decommit(p->base + from, to - from);
}

enum status pages_alloc(struct pages *p, size_t bytes, void **memory)
{
    size_t rounded = vm_round_to_pages(bytes);
    size_t length = rounded / p->page_bytes;
    uint32_t start;
    if (length > UINT32_MAX || !pages_place(p, (uint32_t)length, &start)) {
        p->n_refused++;
        return STATUS_FULL;
    }
    enum status status = commit(p, (size_t)start * p->page_bytes, rounded);
    if (status) {
        (void)pages_unplace(p, start, (uint32_t)length);
        p->n_refused++;
        return status;
    }
    *memory = p->base + (size_t)start * p->page_bytes;
    return STATUS_OK;
}

void pages_free(struct pages *p, void *memory, size_t bytes)
{
    uintptr_t offset = (uintptr_t)memory - (uintptr_t)p->base; // below the base it is huge
    size_t rounded = vm_round_to_pages(bytes), length = rounded / p->page_bytes;
    bool ours = offset % p->page_bytes == 0 && offset / p->page_bytes < p->n_pages && length <= p->n_pages &&
                pages_unplace(p, (uint32_t)(offset / p->page_bytes), (uint32_t)length);
    if (ours) {
        decommit(p, offset, rounded);
        return;
    }
    if (CHIMED_MEMORY_GUARDS) debug_fail("pages: %p is given back, but is no run in use", memory);
    p->n_foreign++;
}

// ---- looking at it ----

size_t pages_locked_bytes(const struct pages *p)
{
    return p->lock && !p->lock_failed ? (size_t)p->n_pages * p->page_bytes - pages_gaps(p).empty_bytes : 0;
}

struct pages_gaps pages_gaps(const struct pages *p)
{
    struct pages_gaps gaps = {.n_runs = p->n_free_runs};
    for (uint32_t i = 0; i < p->n_free_runs; i++) {
        size_t bytes = (size_t)p->free_length[i] * p->page_bytes;
        size_t from, to;
        empty_part(p, i, &from, &to);
        gaps.empty_bytes += to - from;
        gaps.free_bytes += bytes;
        if (bytes > gaps.largest_bytes) gaps.largest_bytes = bytes;
    }
    if (gaps.free_bytes > 0)
        gaps.fragmentation = (float)(1.0 - (double)gaps.largest_bytes / (double)gaps.free_bytes);
    return gaps;
}

bool pages_is_whole(const struct pages *p)
{
    uint64_t n_free = 0, end = 0;
    for (uint32_t i = 0; i < p->n_free_runs; i++) {
        if (p->free_length[i] <= 0 || (i > 0 && p->free_start[i] <= end)) return false;
        end = (uint64_t)p->free_start[i] + (uint32_t)p->free_length[i];
        n_free += (uint32_t)p->free_length[i];
    }
    return end <= p->n_pages && n_free + p->n_used == p->n_pages && p->n_free_runs <= p->max_free_runs;
}
