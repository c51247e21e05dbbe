// SPDX-License-Identifier: MIT
// latest.c - set-up and reader's side of the newest-value hand-over.
#include "alloc/latest.h"

enum status latest_init(struct latest *l, struct allocator *a, uint32_t record_bytes)
{
    *l = (struct latest){.writer = 0, .reader = 1, .middle = 2};
    for (int i = 0; i < 3; i++) {
        l->buffers[i] = make_bytes(1, record_bytes, a);
        if (!l->buffers[i]) return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

const void *latest_read(struct latest *l)
{
    // relaxed: only a hint; the exchange below orders the data.
    if (atomic_load_explicit(&l->middle, memory_order_relaxed) & LATEST_FRESH) {
        // acquire: the writer's record is complete; release: our reads of the old one are done.
        uint32_t taken = atomic_exchange_explicit(&l->middle, l->reader, memory_order_acq_rel);
        l->reader = taken & ~LATEST_FRESH;
    }
    return l->buffers[l->reader];
}
