// SPDX-License-Identifier: MIT
// bench_spread.c - counts times in buckets that grow with them: four for each doubling, from 1 us on.
#include <math.h>
#include <string.h>

#include "clients/bench.h"

/// The daemon's buckets, so that both read alike: the first one ends at 1024 ns.
#define FIRST_LOG2 10

static struct bucket bucket_of(double us)
{
    uint64_t ns = (uint64_t)llround(fmax(us, 0) * 1e3);
    uint64_t below = ns > 0 ? ns - 1 : 0; // a bound belongs to the bucket that it ends
    if (below >> FIRST_LOG2 == 0) return (struct bucket){0, (1 << FIRST_LOG2) * 1e-3, 1};
    unsigned log = 63 - (unsigned)__builtin_clzll(below);
    uint64_t quarter = UINT64_C(1) << (log - 2), n = below >> (log - 2);
    return (struct bucket){(double)(n * quarter) * 1e-3, (double)((n + 1) * quarter) * 1e-3, 1};
}

void spread_add(struct spread *s, double us)
{
    struct bucket b = bucket_of(us);
    size_t i = 0;
    if (s->n == 0 || us < s->min_us) s->min_us = us;
    if (us > s->max_us) s->max_us = us;
    s->n++;
    s->sum_us += us;
    while (i < s->n_buckets && s->buckets[i].to_us < b.to_us * 0.999)
        i++;
    bool is_there = i < s->n_buckets && s->buckets[i].to_us <= b.to_us * 1.001;
    if (is_there) {
        s->buckets[i].n++;
    } else if (s->n_buckets < MAX_BUCKETS) {
        memmove(&s->buckets[i + 1], &s->buckets[i], (s->n_buckets - i) * sizeof s->buckets[0]);
        s->buckets[i] = b;
        s->n_buckets++;
    }
}

double spread_quantile(const struct spread *s, double q)
{
    int64_t wanted = (int64_t)ceil(q * (double)s->n), n = 0;
    for (size_t i = 0; i < s->n_buckets; i++) {
        n += s->buckets[i].n;
        if (n >= wanted) return fmin(s->buckets[i].to_us, s->max_us);
    }
    return s->max_us;
}

/// Bounds that are only in `s` had none before. The maximum of all time may be older: then the last bucket
/// that has any tells.
void spread_subtract(struct spread *s, const struct spread *before)
{
    size_t n = 0, k = 0;
    s->n -= before->n;
    s->sum_us -= before->sum_us;
    for (size_t i = 0; i < s->n_buckets; i++) {
        struct bucket b = s->buckets[i];
        while (k < before->n_buckets && before->buckets[k].from_us < b.from_us - 1e-6)
            k++;
        if (k < before->n_buckets && before->buckets[k].from_us <= b.from_us + 1e-6)
            b.n -= before->buckets[k].n;
        if (b.n > 0) s->buckets[n++] = b;
    }
    s->n_buckets = n;
    s->min_us = n ? s->buckets[0].from_us : 0;
    s->max_us = n ? fmin(s->max_us, s->buckets[n - 1].to_us) : 0;
}
