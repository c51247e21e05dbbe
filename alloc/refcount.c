// SPDX-License-Identifier: MIT
// refcount.c - shared ownership: the last one to let go destroys the object.
#include "alloc/refcount.h"

#include "alloc/debug.h"

void refcount_init(struct refcount *r, void (*destroy)(void *object), void *object)
{
    atomic_init(&r->n, 1);
    r->destroy = destroy;
    r->object = object;
}

void refcount_acquire(struct refcount *r)
{
    // relaxed: the caller has a reference, so the object is there and stays.
    uint32_t n = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
    if (n == 0 || n == UINT32_MAX) debug_fail("reference to an object that is gone, or one too many");
}

bool refcount_release(struct refcount *r)
{
    // release: our use of the object comes before its end; acquire: so does that of all others.
    uint32_t n = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);
    if (n == 0) debug_fail("release of an object that is gone");
    if (n > 1) return false;
    if (r->destroy) r->destroy(r->object);
    return true;
}

uint32_t refcount_get(const struct refcount *r)
{
    return atomic_load_explicit(&r->n, memory_order_relaxed); // relaxed: a figure
}
