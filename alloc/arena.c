// SPDX-License-Identifier: MIT
// arena.c - linear memory for everything that lives as long as the engine.
#include "alloc/arena.h"

#include <assert.h>

#include "alloc/vm.h"

enum status arena_init(struct arena *a, size_t size_bytes)
{
    *a = (struct arena){0};
    size_t bytes = vm_round_to_pages(size_bytes);
    if (bytes == 0) return STATUS_BAD_ARGUMENT;

    void *base;
    enum status status = vm_reserve(bytes, &base);
    if (status) return status;
    a->base = base;
    a->size_bytes = bytes;
    return STATUS_OK;
}

void arena_fini(struct arena *a)
{
    vm_release(a->base, a->size_bytes);
    *a = (struct arena){0};
}

static void *refuse(struct arena *a, size_t bytes)
{
    if (a->refused_bytes == 0) a->refused_bytes = bytes;
    return NULL;
}

/// Commits pages until `end` is covered.
static bool grow(struct arena *a, size_t end)
{
    if (end <= a->committed_bytes) return true;
    size_t committed = vm_round_to_pages(end);
    if (vm_commit(a->base + a->committed_bytes, committed - a->committed_bytes)) return false;
    a->committed_bytes = committed;
    return true;
}

void *arena_push(struct arena *a, size_t n, size_t item_bytes, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0);
    size_t bytes, start, end;
    if (__builtin_mul_overflow(n, item_bytes, &bytes)) return refuse(a, SIZE_MAX);
    if (__builtin_add_overflow(a->used_bytes, align - 1, &start)) return refuse(a, bytes);
    start &= ~(align - 1);
    if (a->sealed || __builtin_add_overflow(start, bytes, &end) || end > a->size_bytes || !grow(a, end))
        return refuse(a, bytes);
    a->used_bytes = end;
    return a->base + start;
}

void arena_tag(struct arena *a, const char *name)
{
    assert(a->n_tags < ARENA_MAX_TAGS);
    a->tags[a->n_tags++] = (struct arena_tag){name, a->used_bytes - a->tagged_bytes};
    a->tagged_bytes = a->used_bytes;
}

bool arena_seal(struct arena *a, bool lock)
{
    a->sealed = true;
    size_t page = vm_page_bytes();
    for (size_t i = 0; i < a->committed_bytes; i += page) {
        volatile uint8_t *p = a->base + i;
        *p = *p; // a write makes the page our own; what it holds stays
    }
    return !lock || vm_lock(a->base, a->committed_bytes);
}
