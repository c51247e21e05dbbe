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
    status = vm_commit(base, bytes);
    if (status) {
        vm_release(base, bytes);
        return status;
    }
    a->base = base;
    a->size_bytes = bytes;
    return STATUS_OK;
}

void arena_fini(struct arena *a)
{
    vm_release(a->base, a->size_bytes);
    *a = (struct arena){0};
}

void *arena_push(struct arena *a, size_t n, size_t item_bytes, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0);
    size_t bytes, start, end;
    if (__builtin_mul_overflow(n, item_bytes, &bytes)) bytes = SIZE_MAX;
    if (a->sealed || __builtin_add_overflow(a->used_bytes, align - 1, &start) ||
        __builtin_add_overflow(start & ~(align - 1), bytes, &end) || end > a->size_bytes) {
        if (a->refused_bytes == 0) a->refused_bytes = bytes;
        return NULL;
    }
    a->used_bytes = end;
    return a->base + (start & ~(align - 1));
}

void arena_seal(struct arena *a)
{
    a->sealed = true;
}
