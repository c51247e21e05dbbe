// SPDX-License-Identifier: MIT
// clock.h - which frame a time falls on: the audio clock against the system's.
//
// Live, the cycles' start times are smoothed by a delay-locked loop (F. Adriaensen, "Using a DLL to filter
// time", LAC 2005), so that the jitter of wake-ups does not reach the frames. NTP time is followed through
// its offset to CLOCK_MONOTONIC, which stands still while the machine sleeps: that is no jump of NTP time,
// and what was due meanwhile is late. Offline, frames are exact.
//
// Live, all that a time is asked for lies one period behind it: what comes in while one cycle is made can be
// heard in the next at the earliest, and what falls on the first frame of a cycle shall wait as long as what
// falls on its last. A period is the longest cycle of late. Offline nothing is added.
#ifndef ENGINE_RT_CLOCK_H
#define ENGINE_RT_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

/// The system's clocks at one moment.
struct moment {
    uint64_t monotonic_ns; // CLOCK_MONOTONIC
    uint64_t ntp;          // CLOCK_REALTIME as 32.32 seconds since 1900; 0: could not be read together
    uint64_t asleep_ns;    // that the machine has slept since it was started: CLOCK_BOOTTIME minus monotonic
};

/// A jump of the offset between both clocks that is no slewing.
#define CLOCK_STEP_NS 5000000

/// Owned by rt.
struct clock {
    uint32_t rate;
    bool is_exact;        // offline: frame 0 is at NTP time `ntp_zero`
    uint64_t ntp_zero;    //
    uint64_t cycle_frame; // engine frame that this cycle begins with
    uint32_t n_frames;    // of this cycle
    uint32_t n_previous;  // of the one before; 0: not known
    uint32_t period;      // the longest cycle of the last seconds
    uint32_t longest;     // cycle of the present second
    uint32_t n_seen;      // frames of the present second

    // the loop; times are counted from `base_ns`
    bool is_running; // has seen a cycle
    uint64_t base_ns;
    double previous_ns, start_ns,
        next_ns;           // filtered: first frame of the cycle before, of this one, of the next one
    double frame_ns;       // filtered: length of a frame
    double deviation_ns;   // the usual error
    double age_ns;         // of the loop
    int8_t out_side;       // of errors that are no jitter: -1 early, 1 late; 0: the last was none
    uint64_t out_since_ns; // the first of them

    bool has_offset;
    uint64_t offset;    // NTP minus monotonic, 32.32 seconds
    uint64_t asleep_ns; // that the offset knows of
    /// Frames by which the same time may lie earlier than it did in the cycle before.
    uint32_t slack_frames;
};

/// What control sees of it, for /time.
struct clock_state {
    uint64_t frame;        // the first one of the newest cycle
    uint64_t ntp;          // when that cycle began, smoothed; 0: not known yet
    uint64_t monotonic_ns; // likewise
    double rate_hz;        // measured
    uint32_t period;       // frames between a time and what it is asked for; 0 offline
    uint32_t n_scheduled;
};

// ---- any thread ----

/// Nanoseconds as 32.32 seconds, rounded down.
RT_SAFE static inline uint64_t clock_ntp_of_ns(uint64_t ns)
{
    return (ns / 1000000000 << 32) + ((ns % 1000000000) << 32) / 1000000000;
}

/// 32.32 seconds as nanoseconds, rounded; both signed.
RT_SAFE static inline int64_t clock_ns_of_ntp(int64_t ntp)
{
    uint64_t fraction = (uint64_t)ntp & UINT32_MAX;
    return (ntp >> 32) * 1000000000 + (int64_t)((fraction * 1000000000 + (UINT64_C(1) << 31)) >> 32);
}

/// The frame nearest to a time of 32.32 seconds (signed), exactly. A stamp has lost less than a 10,000th of a
/// frame to its own rounding: what fell between two frames still goes to the later one.
RT_SAFE static inline int64_t clock_exact_frame(int64_t ntp, uint32_t rate)
{
    uint64_t fraction = (uint64_t)ntp & UINT32_MAX;
    return (ntp >> 32) * rate +
           (int64_t)((fraction * rate + (UINT64_C(1) << 31) + (UINT64_C(1) << 20)) >> 32);
}

/// The time of a frame of an exact clock, rounded down.
RT_SAFE static inline uint64_t clock_exact_ntp(const struct clock *c, uint64_t frame)
{
    return c->ntp_zero + (frame / c->rate << 32) + (frame % c->rate << 32) / c->rate;
}

// ---- set-up, or rt between two backends ----

void clock_init(struct clock *c, uint32_t rate);
/// Offline: frame 0 is at `ntp`.
void clock_init_exact(struct clock *c, uint32_t rate, uint64_t ntp);

/// Another sample rate: the loop begins anew, and NTP time stays known.
void clock_set_rate(struct clock *c, uint32_t rate);

// ---- rt ----

/// A cycle of `n_frames` (1 or more) from engine frame `frame` begins at `now`; NULL when the clock is exact.
/// Returns by how much (32.32 seconds, signed) NTP time has jumped since the last cycle; 0 when it has not. A
/// gap (another backend, a stop, frames that the device lost, a sleep of the machine) starts the loop anew.
RT_SAFE int64_t clock_begin_cycle(struct clock *c, const struct moment *now, uint64_t frame,
                                  uint32_t n_frames);
/// The frame that lies one period behind a time: may lie before or behind this cycle. Offline, and before the
/// first cycle: this one's first.
RT_SAFE int64_t clock_frame_of_ns(const struct clock *c, uint64_t monotonic_ns);
/// Likewise. INT64_MAX before NTP time is known.
RT_SAFE int64_t clock_frame_of_ntp(const struct clock *c, uint64_t ntp);
/// All but `n_scheduled`.
RT_SAFE void clock_read(const struct clock *c, struct clock_state *state);

#endif
