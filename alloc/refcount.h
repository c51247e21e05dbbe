// SPDX-License-Identifier: MIT
// refcount.h - shared ownership: the last one to let go destroys the object.
#ifndef ALLOC_REFCOUNT_H
#define ALLOC_REFCOUNT_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

/// Stands inside the object that it counts.
struct refcount {
    _Atomic uint32_t n;
    void (*destroy)(void *object); // runs on the thread that lets go last; never rt
    void *object;
};

/// The caller holds the first reference.
void refcount_init(struct refcount *r, void (*destroy)(void *object), void *object);

/// One more owner. The caller must hold a reference. Any thread.
void refcount_acquire(struct refcount *r);

/// Lets go. True when it was the last one: the object is destroyed by then. Any thread that may run
/// `destroy`.
bool refcount_release(struct refcount *r);

/// How many owners there are; may be old when it is read. Any thread.
uint32_t refcount_get(const struct refcount *r);

#endif
