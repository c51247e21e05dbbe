// SPDX-License-Identifier: MIT
// allocator.h - where memory comes from, as a value: every init takes one, so that tests can refuse any
// request.
#ifndef ALLOC_ALLOCATOR_H
#define ALLOC_ALLOCATOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/debug.h"

/// A source of memory. It belongs to the thread that owns what is behind it. The functions may be called
/// through make() and its like only, which check sizes and count.
struct allocator {
    /// Zeroed memory on a boundary of `align` (a power of two, at most 4096), or NULL. `bytes` may be 0.
    void *(*alloc)(void *ctx, size_t bytes, size_t align, const char *where);
    /// Takes it back, with the same `bytes`. NULL where memory is given back as a whole.
    void (*free)(void *ctx, void *p, size_t bytes);
    /// Says what the following requests are for; `name` is a literal. NULL where nobody keeps it.
    void (*set_tag)(void *ctx, const char *name);
    void *ctx;
    uint64_t n_refused; // requests that came back with NULL
};

/// `n` zeroed items of `type`, on cache lines of their own, so that no two threads share one and vector
/// kernels load them aligned. NULL when refused: an init may ask for all it needs and look at
/// allocator_refused() once.
#define make(type, n, a) ((type *)allocator_make((a), (n), sizeof(type), CACHE_LINE, ALLOC_HERE))

/// The same for items whose size is known at run time only.
#define make_bytes(n, item_bytes, a) allocator_make((a), (n), (item_bytes), CACHE_LINE, ALLOC_HERE)

/// Gives `n` items back. `p` may be NULL.
#define unmake(p, n, a) allocator_unmake((a), (p), (n), sizeof *(p))

void *allocator_make(struct allocator *a, size_t n, size_t item_bytes, size_t align, const char *where);
void allocator_unmake(struct allocator *a, void *p, size_t n, size_t item_bytes);

/// What follows is for this, a literal.
void allocator_tag(struct allocator *a, const char *name);

/// True when a request was refused since `n_before`, an earlier `n_refused`.
static inline bool allocator_refused(const struct allocator *a, uint64_t n_before)
{
    return a->n_refused != n_before;
}

// ---- sizes ----

/// False when the result does not fit; then `*result` is SIZE_MAX, which no allocator has.
NODISCARD static inline bool size_add(size_t a, size_t b, size_t *result)
{
    if (!__builtin_add_overflow(a, b, result)) return true;
    *result = SIZE_MAX;
    return false;
}

NODISCARD static inline bool size_multiply(size_t a, size_t b, size_t *result)
{
    if (!__builtin_mul_overflow(a, b, result)) return true;
    *result = SIZE_MAX;
    return false;
}

/// `bytes` rounded up to a multiple of `align`, a power of two.
NODISCARD static inline bool size_align(size_t bytes, size_t align, size_t *result)
{
    if (!size_add(bytes, align - 1, result)) return false;
    *result &= ~(align - 1);
    return true;
}

// ---- libc ----

/// malloc(); any thread that may allocate.
struct allocator libc_allocator(void);

#endif
