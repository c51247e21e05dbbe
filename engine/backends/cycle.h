// SPDX-License-Identifier: MIT
// cycle.h - one call of the engine by a backend: runs it, times it, and marks the real-time section.
#ifndef ENGINE_BACKENDS_CYCLE_H
#define ENGINE_BACKENDS_CYCLE_H
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/backends/histogram.h"
#include "engine/rt/engine_rt.h"

/// Device channels at the most.
#define MAX_OUTPUT_CHANNELS 64

/// Written by the audio thread, read by control; each field stands for itself.
struct cycle {
    struct engine_rt *engine;
    _Atomic uint32_t rate;
    double load_average; // the audio thread's own, exact; load_average_ppm is made from it
    int wake_fd;         // eventfd that control waits on, or -1
    uint64_t due_ns; // the audio thread's own: when the newest cycle was due, if the backend knows; else 0
    int64_t
        shift_ns; // likewise: from now to the time that the newest cycle stands for, if that is known; else 0
    alignas(CACHE_LINE) _Atomic uint64_t n_cycles; // that have ended
    _Atomic uint64_t n_begun;
    _Atomic uint64_t frames;           // engine frames since the start
    _Atomic uint64_t last_start_ns;    // CLOCK_MONOTONIC at the start of the last cycle
    _Atomic uint32_t last_frames;      // length of the last cycle
    _Atomic uint64_t next_due_ns;      // end of the last cycle, if its backend knew when it was due; else 0
    _Atomic uint32_t load_average_ppm; // time spent / time available, smoothed over about a second
    _Atomic uint32_t
        load_worst_ppm; // the highest of a single cycle since control last cleared it; see load_window.h
    _Atomic int32_t thread_id;      // kernel id of the audio thread, 0 before its first cycle
    _Atomic uint64_t last_sound_ns; // when anything but silence was rendered last
    _Atomic uint64_t last_long_ns;  // when a cycle took longer than its frames last
    _Atomic uint64_t last_late_ns;  // when a cycle began later than its buffer lasts
    _Atomic uint64_t asleep_ns;     // that the machine had slept since it was started, at the last cycle

    /// Xruns since the start, of all backends: a block took longer than its period; the thread was woken
    /// late; neither, so that the device or server did it, or the machine slept. Any thread.
    _Atomic uint64_t n_xruns_ours, n_xruns_late, n_xruns_device;

    struct histogram block;   // ns that cycles took
    struct histogram load;    // likewise, as shares of what they had (HISTOGRAM_ONE)
    struct histogram wake_up; // ns by which cycles began after they were due
};

// ---- control, while no audio runs ----

void cycle_init(struct cycle *c, struct engine_rt *engine, uint32_t rate);

/// The engine goes on at another sample rate.
void cycle_set_rate(struct cycle *c, uint32_t rate);
/// Another audio thread is about to run the cycle.
void cycle_attach(struct cycle *c);
/// When the first frame of the next cycle is due (CLOCK_MONOTONIC), as the backend knows, or by the smoothed
/// clock of the engine: devices take frames in bursts. 0: there was no cycle yet.
uint64_t cycle_due_ns(const struct cycle *c);

// ---- audio thread ----

/// Renders `n_frames` (1 or more) into `out`, one plane for each of `n_channels` device channels.
void cycle_run(struct cycle *c, float *const *out, uint32_t n_channels, uint32_t n_frames);

/// The audio thread is awake, without a cycle to run yet: notes whether that is late.
void cycle_note_wake(struct cycle *c);

/// The device or server has missed frames just now: finds the cause and counts. Any thread but control.
void cycle_count_xrun(struct cycle *c);

/// CLOCK_MONOTONIC, without a system call.
uint64_t cycle_now_ns(void);
/// All clocks, without a system call.
struct moment cycle_moment(void);

/// Called at both ends of every real-time section when something defines them (the guard of the tests does).
__attribute__((weak)) void chimed_rt_enter(void);
__attribute__((weak)) void chimed_rt_leave(void);

/// How often a real-time section asked for memory, where something counts it.
__attribute__((weak)) uint64_t chimed_rt_allocations(void);

#endif
