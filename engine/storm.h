// SPDX-License-Identifier: MIT
// storm.h - tells a storm of xruns from single ones, and when it is time to lower the load. Control thread.
//
// A storm: XRUN_STORM xruns within XRUN_STORM_NS. It is over after XRUN_CALM_NS without one. While it lasts,
// and more than half of it is our own fault (blocks took longer than their period), the load is to be lowered
// once in XRUN_SHED_NS, as long as xruns go on. What others have caused sheds nothing.
#ifndef ENGINE_STORM_H
#define ENGINE_STORM_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

#define XRUN_STORM    10u
#define XRUN_STORM_NS INT64_C(2000000000)
#define XRUN_CALM_NS  INT64_C(5000000000)
#define XRUN_SHED_NS  INT64_C(1000000000)

/// A zeroed one is calm.
struct storm {
    int64_t times_ns[XRUN_STORM]; // of the newest, a ring
    uint64_t n_seen, n_ours;      // of all so far
    uint64_t n_before, ours_before;
    int64_t shed_ns; // when voices were stopped last
    bool is_on;
    uint64_t n_storms;
};

/// Takes the counts of all xruns, and of those that are ours. True when a storm has begun or ended just now.
NODISCARD bool storm_step(struct storm *s, uint64_t n_xruns, uint64_t n_ours, int64_t now_ns);
/// True when the load is to be lowered now.
NODISCARD bool storm_sheds(struct storm *s, int64_t now_ns);

#endif
