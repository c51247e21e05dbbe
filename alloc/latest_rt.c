// SPDX-License-Identifier: MIT
// latest_rt.c - writer's side of the newest-value hand-over. The protocol stands in latest.h.
#include "alloc/latest.h"

RT_SAFE void *latest_begin(struct latest *l)
{
    return l->buffers[l->writer];
}

RT_SAFE void latest_publish(struct latest *l)
{
    // release: our record is complete; acquire: the reader is done with the buffer that we get back.
    uint32_t taken = atomic_exchange_explicit(&l->middle, l->writer | LATEST_FRESH, memory_order_acq_rel);
    l->writer = taken & ~LATEST_FRESH;
}
