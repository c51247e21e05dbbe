// SPDX-License-Identifier: MIT
// histogram.c - reads what an audio thread has counted: see histogram.h.
#include "engine/backends/histogram.h"

#include <math.h>

/// The end of bucket 0, and of four buckets for each doubling behind it.
static uint64_t bound(uint32_t i)
{
    return (UINT64_C(4) + i % 4) << (HISTOGRAM_FIRST_LOG2 - 2 + i / 4);
}

uint64_t histogram_from(uint32_t bucket)
{
    return bucket > 0 ? bound(bucket - 1) : 0;
}

uint64_t histogram_to(uint32_t bucket)
{
    return bucket < HISTOGRAM_BUCKETS - 1 ? bound(bucket) : UINT64_MAX;
}

void histogram_read(const struct histogram *h, struct histogram_reading *r)
{
    *r = (struct histogram_reading){.sum = atomic_load_explicit(&h->sum, memory_order_relaxed),
                                    .max = atomic_load_explicit(&h->max, memory_order_relaxed)};
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        r->counts[i] = atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        r->n += r->counts[i];
    }
}

void histogram_subtract(struct histogram_reading *r, const struct histogram_reading *before)
{
    uint64_t highest = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        r->counts[i] -= before->counts[i];
        if (r->counts[i] > 0) highest = histogram_to(i);
    }
    r->n -= before->n;
    r->sum -= before->sum;
    if (highest < r->max) r->max = highest;
}

uint64_t histogram_quantile(const struct histogram_reading *r, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)r->n), n = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && r->n > 0; i++) {
        n += r->counts[i];
        if (n >= rank && n > 0) return histogram_to(i) < r->max ? histogram_to(i) : r->max;
    }
    return 0;
}
