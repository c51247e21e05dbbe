// SPDX-License-Identifier: MIT
// memory.c - the map: one reservation of address space, cut into regions with a name and a budget each.
#include "alloc/memory.h"

#include <stdio.h>

#include "alloc/vm.h"

/// Whether a guard stands before each region.
#define HAS_GUARDS (CHIMED_MEMORY_GUARDS || CHIMED_MEMORY_TRACKING)

static const char *const names[MEMORY_REGIONS] = {
    [MEMORY_VOICES] = "voices",   [MEMORY_MIXER] = "mixer",   [MEMORY_SOUNDS] = "sounds",
    [MEMORY_CONTROL] = "control", [MEMORY_QUEUES] = "queues", [MEMORY_STREAMS] = "streams",
    [MEMORY_SCRATCH] = "scratch", [MEMORY_DEBUG] = "debug",
};

// ---- set-up ----

/// The bytes of all regions, each with a page behind it that stays closed.
static bool sum_budgets(struct memory *m, const struct memory_config *config, size_t *sum)
{
    size_t page = vm_page_bytes();
    *sum = page; // and one before the first
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        size_t *budget = &m->parts[i].budget_bytes;
        if (!size_align(config->budget_bytes[i], page, budget) || !size_add(*sum, *budget, sum) ||
            !size_add(*sum, page + (*budget >= VM_HUGE_PAGE_BYTES ? VM_HUGE_PAGE_BYTES : 0), sum))
            return false;
    }
    return true;
}

/// As much as the system gives, from `want` down to `need`.
static enum status reserve(struct memory *m, size_t want, size_t need)
{
    enum status status = STATUS_NO_MEMORY;
    m->asked_bytes = want;
    for (size_t bytes = want; status; bytes = bytes / 2 > need ? vm_round_to_pages(bytes / 2) : need) {
        m->reserved_bytes = bytes;
        status = vm_reserve(bytes, &m->base);
        if (bytes == need) break;
    }
    if (status) *m = (struct memory){0};
    return status;
}

enum status memory_init(struct memory *m, const struct memory_config *config)
{
    *m = (struct memory){0};
    size_t need, want = config->space_bytes ? config->space_bytes : MEMORY_SPACE_BYTES;
    if (!sum_budgets(m, config, &need) || vm_round_to_pages(want) == 0) {
        *m = (struct memory){0};
        return STATUS_BAD_ARGUMENT;
    }
    want = vm_round_to_pages(want);
    enum status status = reserve(m, want > need ? want : need, need);
    if (status) return status;

    uint8_t *next = (uint8_t *)m->base + vm_page_bytes();
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        struct memory_part *part = &m->parts[i];
        if (part->budget_bytes >= VM_HUGE_PAGE_BYTES) next += -(uintptr_t)next & (VM_HUGE_PAGE_BYTES - 1);
        part->base = next;
        next += part->budget_bytes + vm_page_bytes();
        arena_init_at(&part->arena, names[i], part->base, part->budget_bytes);
        guard_init(&part->guard, arena_allocator(&part->arena), names[i], &m->serial);
    }
    return STATUS_OK;
}

void memory_fini(struct memory *m)
{
    for (int i = 0; i < MEMORY_REGIONS && m->base; i++) {
        if (HAS_GUARDS) guard_fini(&m->parts[i].guard);
        arena_fini(&m->parts[i].arena);
    }
    vm_release(m->base, m->reserved_bytes);
    *m = (struct memory){0};
}

struct allocator *memory_allocator(struct memory *m, enum memory_region region)
{
    struct memory_part *part = &m->parts[region];
    return HAS_GUARDS ? guard_allocator(&part->guard) : arena_allocator(&part->arena);
}

void memory_take_space(struct memory *m, enum memory_region region, void **base, size_t *bytes)
{
    struct memory_part *part = &m->parts[region];
    part->is_space = true;
    part->arena.sealed = true; // it must not hand the same memory out
    *base = part->base;
    *bytes = part->budget_bytes;
}

bool memory_seal(struct memory *m, bool lock)
{
    bool all_locked = true;
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        struct memory_part *part = &m->parts[i];
        if (part->is_space) continue;
        part->is_locked = arena_seal(&part->arena, lock) && lock;
        all_locked &= part->is_locked || !lock;
    }
    return all_locked;
}

// ---- figures ----

// relaxed throughout: figures for people; nothing depends on their order.

void memory_publish_pages(struct memory *m, enum memory_region region, const struct pages *pages)
{
    struct memory_part *part = &m->parts[region];
    struct pages_gaps gaps = pages_gaps(pages);
    size_t page = pages->page_bytes;
    atomic_store_explicit(&part->used_bytes, pages->n_used * page, memory_order_relaxed);
    size_t space_bytes = (size_t)pages->n_pages * page;
    atomic_store_explicit(&part->committed_bytes, space_bytes - gaps.empty_bytes, memory_order_relaxed);
    atomic_store_explicit(&part->high_bytes, pages->n_used_high * page, memory_order_relaxed);
    atomic_store_explicit(&part->locked_bytes, pages_locked_bytes(pages), memory_order_relaxed);
    atomic_store_explicit(&part->free_bytes, gaps.free_bytes, memory_order_relaxed);
    atomic_store_explicit(&part->largest_free_bytes, gaps.largest_bytes, memory_order_relaxed);
    atomic_store_explicit(&part->n_refused, pages->n_refused, memory_order_relaxed);
}

const char *memory_region_name(enum memory_region region)
{
    return names[region];
}

static void space_usage(const struct memory_part *part, struct memory_usage *usage)
{
    usage->used_bytes = atomic_load_explicit(&part->used_bytes, memory_order_relaxed);
    usage->high_bytes = atomic_load_explicit(&part->high_bytes, memory_order_relaxed);
    usage->locked_bytes = atomic_load_explicit(&part->locked_bytes, memory_order_relaxed);
    usage->free_bytes = atomic_load_explicit(&part->free_bytes, memory_order_relaxed);
    usage->largest_free_bytes = atomic_load_explicit(&part->largest_free_bytes, memory_order_relaxed);
    usage->n_refused = atomic_load_explicit(&part->n_refused, memory_order_relaxed);
    usage->committed_bytes = atomic_load_explicit(&part->committed_bytes, memory_order_relaxed);
}

void memory_usage(const struct memory *m, enum memory_region region, struct memory_usage *usage)
{
    const struct memory_part *part = &m->parts[region];
    *usage = (struct memory_usage){.name = names[region], .budget_bytes = part->budget_bytes};
    if (part->is_space) {
        space_usage(part, usage);
        return;
    }
    const struct arena *a = &part->arena;
    usage->used_bytes = a->used_bytes;
    usage->high_bytes = arena_high_bytes(a);
    usage->committed_bytes = a->committed_bytes;
    usage->locked_bytes = part->is_locked ? a->committed_bytes : 0;
    usage->n_refused = a->n_refused;
    usage->free_bytes = usage->largest_free_bytes = part->budget_bytes - a->used_bytes;
}

void memory_explain(const struct memory *m, enum memory_region region, char *text, size_t size)
{
    arena_explain(&m->parts[region].arena, text, size);
}

// ---- checks ----

bool memory_is_whole(const struct memory *m, char *text, size_t size)
{
    text[0] = 0;
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        const struct memory_part *part = &m->parts[i];
        struct guard_live fault = {0};
        if (!arena_is_whole(&part->arena)) {
            snprintf(text, size, "%s: the books are wrong", names[i]);
            return false;
        }
        if (HAS_GUARDS && !guard_is_whole(&part->guard, &fault)) {
            snprintf(text, size, "%s: the guard of %zu bytes for %s is broken, made at %s", names[i],
                     fault.bytes, fault.tag ? fault.tag : "no tag",
                     fault.where ? fault.where : "a place that was not tracked");
            return false;
        }
    }
    return true;
}

uint64_t memory_now(const struct memory *m)
{
    return m->serial;
}

uint32_t memory_each_live(const struct memory *m, uint64_t since,
                          void (*report)(void *ctx, const struct guard_live *live), void *ctx)
{
    uint32_t n = 0;
    for (int i = 0; i < MEMORY_REGIONS; i++)
        n += guard_each_live(&m->parts[i].guard, since, report, ctx);
    return n;
}
