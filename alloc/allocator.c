// SPDX-License-Identifier: MIT
// allocator.c - where memory comes from, as a value: every init takes one, so that tests can refuse any
// request.
#include "alloc/allocator.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *allocator_make(struct allocator *a, size_t n, size_t item_bytes, size_t align, const char *where)
{
    assert(align != 0 && (align & (align - 1)) == 0 && align <= 4096);
    size_t bytes;
    // A size that overflows goes on as one that nobody has, so that whoever refuses it also counts it.
    if (!size_multiply(n, item_bytes, &bytes)) bytes = SIZE_MAX;
    void *p = a->alloc(a->ctx, bytes, align, where);
    if (!p) a->n_refused++;
    return p;
}

void allocator_unmake(struct allocator *a, void *p, size_t n, size_t item_bytes)
{
    if (p && a->free) a->free(a->ctx, p, n * item_bytes);
}

void allocator_tag(struct allocator *a, const char *name)
{
    if (a->set_tag) a->set_tag(a->ctx, name);
}

// ---- libc ----

static void *libc_alloc(void *ctx, size_t bytes, size_t align, const char *where)
{
    (void)ctx;
    (void)where;
    size_t rounded; // aligned_alloc() wants a multiple, and NULL must mean refused
    if (!size_align(bytes ? bytes : 1, align, &rounded)) return NULL;
    void *p = aligned_alloc(align, rounded);
    return p ? memset(p, 0, rounded) : NULL;
}

static void libc_free(void *ctx, void *p, size_t bytes)
{
    (void)ctx;
    (void)bytes;
    free(p);
}

struct allocator libc_allocator(void)
{
    return (struct allocator){.alloc = libc_alloc, .free = libc_free};
}
