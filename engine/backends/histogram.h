// SPDX-License-Identifier: MIT
// histogram.h - counts how often a value was how large, in buckets that grow with it: written by one audio
// thread.
//
// Each doubling is four buckets, so that a bucket is no wider than a quarter of the values in it. Bounds are
// 1, 1.25, 1.5 and 1.75 times powers of two. Every atomic is relaxed: each is a number that stands for
// itself, one thread writes, and who reads while it does misses no more than the newest value.
#ifndef ENGINE_BACKENDS_HISTOGRAM_H
#define ENGINE_BACKENDS_HISTOGRAM_H
#include <stdatomic.h>
#include <stdint.h>

#include "alloc/attr.h"

/// The first bucket ends at 2^10, the last one begins at 2^31: of nanoseconds, 1 us and 2.1 s.
#define HISTOGRAM_FIRST_LOG2 10
#define HISTOGRAM_LAST_LOG2  31
#define HISTOGRAM_BUCKETS    ((HISTOGRAM_LAST_LOG2 - HISTOGRAM_FIRST_LOG2) * 4 + 2)

/// Of a histogram of shares: 1 as a value, which is a bound as well.
#define HISTOGRAM_ONE (UINT64_C(1) << 20)

struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum, max;
};

/// What control has read of it.
struct histogram_reading {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t n, sum, max;
};

// ---- any thread ----

/// The bucket of a value: beyond histogram_from(), up to histogram_to().
RT_SAFE static inline uint32_t histogram_bucket(uint64_t value)
{
    uint64_t below = value > 0 ? value - 1 : 0; // a bound belongs to the bucket that it ends
    if (below >> HISTOGRAM_FIRST_LOG2 == 0) return 0;
    uint32_t log2 = 63 - (uint32_t)__builtin_clzll(below), quarter = below >> (log2 - 2) & 3;
    if (log2 >= HISTOGRAM_LAST_LOG2) return HISTOGRAM_BUCKETS - 1;
    return 1 + (log2 - HISTOGRAM_FIRST_LOG2) * 4 + quarter;
}

uint64_t histogram_from(uint32_t bucket);
/// UINT64_MAX: the last one has no end.
uint64_t histogram_to(uint32_t bucket);

// ---- audio thread ----

RT_SAFE static inline void histogram_add(struct histogram *h, uint64_t value)
{
    _Atomic uint64_t *count = &h->counts[histogram_bucket(value)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_store_explicit(&h->sum, atomic_load_explicit(&h->sum, memory_order_relaxed) + value,
                          memory_order_relaxed);
    if (value > atomic_load_explicit(&h->max, memory_order_relaxed))
        atomic_store_explicit(&h->max, value, memory_order_relaxed);
}

// ---- control ----

void histogram_read(const struct histogram *h, struct histogram_reading *r);
/// What was counted since `before`; the maximum stays the one of all time, or the end of the last bucket that
/// has any.
void histogram_subtract(struct histogram_reading *r, const struct histogram_reading *before);
/// No more than the share `q` (0 to 1) of all values lies beyond: the end of a bucket, or the maximum. 0 when
/// there are none.
uint64_t histogram_quantile(const struct histogram_reading *r, double q);

#endif
