// SPDX-License-Identifier: MIT
// adaptors.h - allocators that stand before another one: they lock, insist, refuse or count.
#ifndef ALLOC_ADAPTORS_H
#define ALLOC_ADAPTORS_H
#include <pthread.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

// Each one borrows `inner`, and itself must stay where it is as long as its allocator is in use.

// ---- one at a time ----

/// Lets several threads share an allocator. Never for rt: it waits.
struct locked {
    struct allocator *inner;
    pthread_mutex_t mutex;
};

void locked_init(struct locked *l, struct allocator *inner);
void locked_fini(struct locked *l);
/// Each thread takes one of its own: refusals are counted in it.
struct allocator locked_allocator(struct locked *l);

// ---- never NULL ----

/// Ends the process, with the reason on standard error, where the inner one refuses. For start-up.
struct insisting {
    struct allocator allocator;
    struct allocator *inner;
    const char *name; // a literal: whose memory it is
    const char *tag;
};

struct allocator *insisting_allocator(struct insisting *i, struct allocator *inner, const char *name);

// ---- refuses one request ----

/// Lets `n_before` requests through and refuses the next one, or that and all later ones.
struct failing {
    struct allocator allocator;
    struct allocator *inner;
    uint64_t n_before, n_seen;
    bool and_later;
};

struct allocator *failing_allocator(struct failing *f, struct allocator *inner, uint64_t n_before,
                                    bool and_later);

// ---- counts ----

struct counting {
    struct allocator allocator;
    struct allocator *inner;
    uint64_t n_made, n_freed, n_refused; // requests
    size_t live_bytes, high_bytes;
};

struct allocator *counting_allocator(struct counting *c, struct allocator *inner);

#endif
