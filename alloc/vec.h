// SPDX-License-Identifier: MIT
// vec.h - a growable array of one type on any allocator, for threads that may wait.
#ifndef ALLOC_VEC_H
#define ALLOC_VEC_H
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"

/// What all vectors have in common. `a` is borrowed for the vector's life.
struct vec {
    struct allocator *a;
    size_t n, capacity; // items
};

/// The type of a vector of `type`; a zeroed one with its `v.a` set is empty:
///     VEC(int) numbers = VEC_ON(a);
///     if (!VEC_PUSH(&numbers, 7)) return STATUS_NO_MEMORY;
///     for (size_t i = 0; i < numbers.v.n; i++) use(numbers.items[i]);
///     VEC_FINI(&numbers);
#define VEC(type)                                                                                            \
    struct {                                                                                                 \
        type *items;                                                                                         \
        struct vec v;                                                                                        \
    }
#define VEC_ON(allocator)                                                                                    \
    {                                                                                                        \
        NULL,                                                                                                \
        {                                                                                                    \
            (allocator), 0, 0                                                                                \
        }                                                                                                    \
    }

/// Room for `n_items` in all. False when the allocator refuses: nothing has changed.
#define VEC_RESERVE(vec, n_items)                                                                            \
    vec_reserve(&(vec)->v, (void **)&(vec)->items, (n_items), sizeof *(vec)->items, ALLOC_HERE)

/// Adds a copy of `item` at the end. False when the allocator refuses.
#define VEC_PUSH(vec, item) (VEC_RESERVE(vec, (vec)->v.n + 1) && ((vec)->items[(vec)->v.n++] = (item), true))

/// Takes the last one off; there must be one.
#define VEC_POP(vec) ((vec)->items[--(vec)->v.n])

/// Takes the i-th out; those behind it move up.
#define VEC_REMOVE(vec, i)                                                                                   \
    (memmove(&(vec)->items[i], &(vec)->items[(i) + 1], ((vec)->v.n - (i)-1) * sizeof *(vec)->items),         \
     (void)(vec)->v.n--)

/// Takes the i-th out; the last one takes its place.
#define VEC_REMOVE_SWAP(vec, i) ((vec)->items[i] = (vec)->items[(vec)->v.n - 1], (void)(vec)->v.n--)

/// Gives the memory back; the vector is empty and may be used again.
#define VEC_FINI(vec) vec_fini(&(vec)->v, (void **)&(vec)->items, sizeof *(vec)->items)

NODISCARD bool vec_reserve(struct vec *v, void **items, size_t n, size_t item_bytes, const char *where);
void vec_fini(struct vec *v, void **items, size_t item_bytes);

#endif
