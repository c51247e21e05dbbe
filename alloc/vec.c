// SPDX-License-Identifier: MIT
// vec.c - a growable array of one type on any allocator, for threads that may wait.
#include "alloc/vec.h"

/// Items of the first piece.
#define FIRST_CAPACITY 8

bool vec_reserve(struct vec *v, void **items, size_t n, size_t item_bytes, const char *where)
{
    if (n <= v->capacity) return true;
    // Doubling: n pushes copy at most 2 n items.
    size_t capacity = v->capacity < FIRST_CAPACITY / 2 ? FIRST_CAPACITY : v->capacity;
    if (capacity > SIZE_MAX / 2 || n > 2 * capacity)
        capacity = n;
    else if (v->capacity > 0)
        capacity *= 2;
    void *more = allocator_make(v->a, capacity, item_bytes, CACHE_LINE, where);
    if (!more) return false;
    if (v->n > 0) memcpy(more, *items, v->n * item_bytes);
    allocator_unmake(v->a, *items, v->capacity, item_bytes);
    *items = more;
    v->capacity = capacity;
    return true;
}

void vec_fini(struct vec *v, void **items, size_t item_bytes)
{
    allocator_unmake(v->a, *items, v->capacity, item_bytes);
    *items = NULL;
    v->n = v->capacity = 0;
}
