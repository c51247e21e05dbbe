// SPDX-License-Identifier: MIT
// clock.h - which frame a time falls on: the audio clock against the system's.
//
// Live, the cycles' start times are smoothed by a delay-locked loop (F. Adriaensen, "Using a DLL to filter time",
// LAC 2005), so that the jitter of wake-ups does not reach the frames. NTP time is followed through its offset to
// CLOCK_MONOTONIC. Offline, frames are exact.
#ifndef ENGINE_RT_CLOCK_H
#define ENGINE_RT_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

/// Both of the system's clocks at one moment.
struct moment {
    uint64_t monotonic_ns; // CLOCK_MONOTONIC
    uint64_t ntp;          // CLOCK_REALTIME as 32.32 seconds since 1900; 0: could not be read together
};

/// A jump of the offset between both clocks that is no slewing.
#define CLOCK_STEP_NS 5000000

/// Owned by rt.
struct clock {
    uint32_t rate;
    bool is_exact;    // offline: frame 0 is at NTP time `ntp_zero`
    uint64_t ntp_zero;
    bool is_running;  // has seen a cycle since it was reset
    double start_ns;  // filtered: of this cycle's first frame; counted from `base_ns`
    double next_ns;   // filtered: of the next cycle's
    double frame_ns;  // filtered length of a frame
    uint64_t base_ns;
    uint64_t n_cycles;
    uint64_t cycle_frame; // engine frame that this cycle begins with
    uint32_t n_frames;    // of this cycle
    int64_t offset;       // NTP minus monotonic, 32.32 seconds
};

/// What control sees of it, for /time.
struct clock_state {
    uint64_t frame;        // the first one of the newest cycle
    uint64_t ntp;          // when that cycle began, smoothed
    uint64_t monotonic_ns; // likewise
    double rate_hz;        // measured
    uint32_t period;       // frames of the cycle
    uint32_t n_scheduled;
};

// ---- set-up, or rt between two backends ----

void clock_init(struct clock *c, uint32_t rate);
/// Offline: frame 0 is at `ntp`.
void clock_init_exact(struct clock *c, uint32_t rate, uint64_t ntp);

// ---- rt ----

/// A cycle of `n_frames` from engine frame `frame` begins at `now`. Returns by how many ns (signed) the system's
/// clock has jumped since the last cycle; 0 when it has not. A gap of many cycles (another backend, a stop) starts
/// the loop anew.
RT_SAFE int64_t clock_begin_cycle(struct clock *c, const struct moment *now, uint64_t frame, uint32_t n_frames);
/// The frame that lies one period behind a time: may lie before or behind this cycle.
RT_SAFE int64_t clock_frame_of_ns(const struct clock *c, uint64_t monotonic_ns);
RT_SAFE int64_t clock_frame_of_ntp(const struct clock *c, uint64_t ntp);
RT_SAFE void clock_read(const struct clock *c, struct clock_state *state);

#endif
