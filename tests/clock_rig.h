// SPDX-License-Identifier: MIT
// clock_rig.h - a clock, and a device made in code that it follows.
#ifndef TESTS_CLOCK_RIG_H
#define TESTS_CLOCK_RIG_H
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rt/clock.h"
#include "tests/check.h"
#include "tests/random.h"

#define RATE      48000
#define BOOT      1e9                          // CLOCK_MONOTONIC when the device starts, ns
#define BOOT_NTP  (UINT64_C(3900000000) << 32) // CLOCK_REALTIME when CLOCK_MONOTONIC was 0
#define JITTER_NS 200e3

/// A device and the clock that follows it.
struct device {
    struct clock clock;
    double rate;   // its own
    double now_ns; // true time of the next cycle's first frame
    double jitter_ns;
    uint64_t seed, frame;
    uint64_t ntp_zero;
    uint64_t asleep_ns; // that the machine has slept
};

static inline void open_device(struct device *d, double ppm, double jitter_ns)
{
    *d = (struct device){.rate = RATE * (1 + ppm * 1e-6),
                         .now_ns = BOOT,
                         .jitter_ns = jitter_ns,
                         .seed = 99,
                         .ntp_zero = BOOT_NTP};
    clock_init(&d->clock, RATE);
}

static inline uint64_t ntp_at(const struct device *d, double ns)
{
    return d->ntp_zero + clock_ntp_of_ns((uint64_t)llround(ns));
}

/// A cycle that wakes up at `ns`. Returns the jump that was seen.
static inline int64_t wake(struct device *d, double ns, uint32_t n_frames)
{
    struct moment now = {
        .monotonic_ns = (uint64_t)llround(ns), .ntp = ntp_at(d, ns), .asleep_ns = d->asleep_ns};
    int64_t jump = clock_begin_cycle(&d->clock, &now, d->frame, n_frames);
    d->frame += n_frames;
    d->now_ns += n_frames / d->rate * 1e9;
    return jump;
}

static inline void cycle(struct device *d, uint32_t n_frames)
{
    assert_int_equal(wake(d, d->now_ns + random_between(&d->seed, 0, d->jitter_ns), n_frames), 0);
}

static inline void run(struct device *d, double seconds, uint32_t n_frames)
{
    for (double end = d->now_ns + seconds * 1e9; d->now_ns < end;)
        cycle(d, n_frames);
}

/// Filtered start of the newest cycle, against the truth, in frames.
static inline double error_of_start(const struct device *d)
{
    double start = (double)d->clock.base_ns + d->clock.start_ns;
    double truth = d->now_ns - d->clock.n_frames / d->rate * 1e9;
    return (start - truth) * 1e-9 * d->rate;
}

#endif
