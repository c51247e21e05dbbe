// SPDX-License-Identifier: MIT
// pages.c - the sample store: runs of pages inside one reservation, each given back on its own.
#include "alloc/pages.h"

#include <assert.h>
#include <string.h>

#include "alloc/vm.h"

/// Stores from this size on use huge pages: what one of them may waste is little there.
#define HUGE_STORE_BYTES (16 * VM_HUGE_PAGE_BYTES)

enum status pages_init(struct pages *p, struct arena *a, size_t budget_bytes, uint32_t max_runs, bool lock)
{
    *p = (struct pages){.page_bytes = vm_page_bytes(), .lock = lock};
    size_t bytes = vm_round_to_pages(budget_bytes);
    if (bytes == 0 || bytes / p->page_bytes > UINT32_MAX || max_runs == 0 || max_runs == UINT32_MAX)
        return STATUS_BAD_ARGUMENT;

    // n live runs leave at most n + 1 gaps.
    p->max_free_runs = max_runs + 1;
    p->free_runs = ARENA_PUSH(a, struct page_run, p->max_free_runs);
    if (!p->free_runs) return STATUS_NO_MEMORY;

    void *base;
    enum status status = vm_reserve(bytes, &base);
    if (status) return status;
    p->base = base;
    p->n_pages = (uint32_t)(bytes / p->page_bytes);
    p->free_runs[0] = (struct page_run){0, p->n_pages};
    p->n_free_runs = 1;
    return STATUS_OK;
}

void pages_fini(struct pages *p)
{
    vm_release(p->base, (size_t)p->n_pages * p->page_bytes);
    *p = (struct pages){0};
}

static void remove_free_run(struct pages *p, uint32_t i)
{
    p->n_free_runs--;
    memmove(&p->free_runs[i], &p->free_runs[i + 1], (p->n_free_runs - i) * sizeof p->free_runs[0]);
}

static void insert_free_run(struct pages *p, uint32_t i, struct page_run run)
{
    assert(p->n_free_runs < p->max_free_runs);
    memmove(&p->free_runs[i + 1], &p->free_runs[i], (p->n_free_runs - i) * sizeof p->free_runs[0]);
    p->free_runs[i] = run;
    p->n_free_runs++;
}

/// Commits a run. In a large store the rest of the huge pages that it touches comes with it: voices jump from
/// sound to sound, and with small pages they would miss the address cache at each.
static enum status commit(struct pages *p, uint8_t *run, size_t bytes)
{
    size_t store_bytes = (size_t)p->n_pages * p->page_bytes;
    size_t start = (size_t)(run - p->base), end = start + bytes;
    if (store_bytes >= HUGE_STORE_BYTES) {
        start &= ~(VM_HUGE_PAGE_BYTES - 1);
        end = (end + VM_HUGE_PAGE_BYTES - 1) & ~(VM_HUGE_PAGE_BYTES - 1);
        if (end > store_bytes) end = store_bytes;
    }
    enum status status = vm_commit(p->base + start, end - start);
    if (status) return status;
    if (store_bytes >= HUGE_STORE_BYTES) vm_prefer_huge_pages(p->base + start, end - start);
    if (p->lock && !vm_lock(p->base + start, end - start)) p->lock_failed = true;
    return STATUS_OK;
}

enum status pages_alloc(struct pages *p, size_t bytes, void **memory)
{
    size_t rounded = vm_round_to_pages(bytes);
    uint32_t i = 0;
    size_t length = rounded / p->page_bytes;
    while (i < p->n_free_runs && p->free_runs[i].length < length)
        i++;
    if (rounded == 0 || i == p->n_free_runs) {
        p->n_refused++;
        return STATUS_FULL;
    }

    uint8_t *base = p->base + (size_t)p->free_runs[i].start * p->page_bytes;
    enum status status = commit(p, base, rounded);
    if (status) {
        p->n_refused++;
        return status;
    }

    p->free_runs[i].start += (uint32_t)length;
    p->free_runs[i].length -= (uint32_t)length;
    if (p->free_runs[i].length == 0) remove_free_run(p, i);
    p->n_used += (uint32_t)length;
    if (p->n_used > p->n_used_high) p->n_used_high = p->n_used;
    *memory = base;
    return STATUS_OK;
}

void pages_free(struct pages *p, void *memory, size_t bytes)
{
    uint8_t *base = memory;
    size_t rounded = vm_round_to_pages(bytes);
    assert(base >= p->base && (size_t)(base - p->base) % p->page_bytes == 0);
    struct page_run run = {(uint32_t)((size_t)(base - p->base) / p->page_bytes),
                           (uint32_t)(rounded / p->page_bytes)};
    assert(run.length > 0 && run.start + run.length <= p->n_pages);
    vm_decommit(base, rounded);
    p->n_used -= run.length;

    uint32_t i = 0; // the first gap behind the run
    while (i < p->n_free_runs && p->free_runs[i].start < run.start)
        i++;
    assert(i == p->n_free_runs || run.start + run.length <= p->free_runs[i].start);
    assert(i == 0 || p->free_runs[i - 1].start + p->free_runs[i - 1].length <= run.start);

    bool joins_before = i > 0 && p->free_runs[i - 1].start + p->free_runs[i - 1].length == run.start;
    bool joins_behind = i < p->n_free_runs && run.start + run.length == p->free_runs[i].start;
    if (joins_before) {
        p->free_runs[i - 1].length += run.length;
        if (joins_behind) {
            p->free_runs[i - 1].length += p->free_runs[i].length;
            remove_free_run(p, i);
        }
    } else if (joins_behind) {
        p->free_runs[i].start = run.start;
        p->free_runs[i].length += run.length;
    } else {
        insert_free_run(p, i, run);
    }
}
