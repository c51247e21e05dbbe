// SPDX-License-Identifier: MIT
// backend.h - what drives the engine: a sound server, a sound device or a timer.
#ifndef ENGINE_BACKENDS_BACKEND_H
#define ENGINE_BACKENDS_BACKEND_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/backend_list.h"
#include "engine/backends/cycle.h"
#include "engine/config.h"
#include "engine/heap.h"

/// Longest reason that an open() gives, with its closing 0.
#define BACKEND_REASON_BYTES 256

/// Who may go on to the engine: see handover.c. Only the audio thread ends a fade; control does all else.
enum gate { GATE_SHUT, GATE_FADING_IN, GATE_OPEN, GATE_FADING_OUT };

/// An open backend. Each kind has its own struct, with this one first.
struct backend {
    const struct backend_ops *ops;
    struct allocator memory;     // for its buffers
    const struct config *config; // borrowed until close()
    _Atomic uint32_t rate;       // frames a second
    /// Another rate that it has taken while it runs (PipeWire does); control lets the engine follow. 0: none.
    _Atomic uint32_t next_rate;
    _Atomic uint32_t period_frames; // the usual length of a callback; JACK may change it while it runs
    /// From the rendering of a frame to the device's output: what waits in front of it. JACK may change it.
    _Atomic uint32_t latency_frames;
    uint32_t n_channels; // what was got, at most what was asked for
    struct cycle *cycle; // set by start(); borrowed
    _Atomic uint64_t n_xruns;
    _Atomic uint64_t n_calls; // of backend_cycle(): goes on while the backend lives, with the gate shut too
    _Atomic bool lost;        // the server or device has gone; control closes the backend and opens another
    _Atomic bool has_changed; // look() would find something new

    _Atomic enum gate gate;
    _Atomic bool in_cycle; // the audio thread may be in the engine
    /// Set when it is opened: since when the frames that the engine makes next are due (CLOCK_MONOTONIC).
    /// From then on the audio thread's own, which begins with that frame.
    _Atomic uint64_t resume_ns;

    // owned by the audio thread
    enum gate last_gate;
    uint32_t fade_at; // frames
    uint64_t due_ns;  // when the next cycle is due (CLOCK_MONOTONIC), if the backend knows exactly; else 0
    uint64_t next_call_ns; // when backend_cycle() will be called next, by the times of so many calls
    int32_t n_calls_averaged;
};

/// Called by one thread at a time, which may wait. Audio runs between start() and stop(), on a thread of the
/// backend's.
struct backend_ops {
    const char *name;

    /// Connects to the server or device and learns rate, period and channels from it; no audio yet. On
    /// failure writes a sentence for people into `reason` (BACKEND_REASON_BYTES) and leaves nothing open.
    /// `target`: which server or device; empty: that of the configuration. Both are borrowed until close().
    NODISCARD
    enum status (*open)(const struct config *config, const char *target, struct backend **backend,
                        char *reason);

    /// Begins to call backend_cycle() from the audio thread; the gate is shut. Fails like open(), but what is
    /// open stays so.
    NODISCARD
    enum status (*start)(struct backend *backend, struct cycle *cycle, char *reason);

    /// Returns when no more cycles will run. Safe to call twice.
    void (*stop)(struct backend *backend);

    /// Stops if needed and frees.
    void (*close)(struct backend *backend);

    /// NULL, or: learns what somebody has changed (connections), to find it again after the next open().
    void (*look)(struct backend *backend);

    /// NULL, or: takes what can change while it runs from another configuration than it was opened with.
    /// Control thread; does not wait.
    void (*configure)(struct backend *backend, const struct config *config);

    /// NULL, or: the gate has been opened. Does not wait.
    void (*wake)(struct backend *backend);

    /// One line about what is open, for logs and status: "hw:0 S32 mmap 256 x 2".
    void (*describe)(const struct backend *backend, char *text, uint32_t size);
};

extern const struct backend_ops backend_jack, backend_alsa, backend_null;

const struct backend_ops *backend_ops_of(enum backend_kind kind);

/// Opens a backend and logs what it is.
NODISCARD
enum status backend_open(const struct backend_choice *choice, const struct config *config,
                         struct backend **backend, char *reason);

/// Opens the first one of `list` that can be opened, `*index`, and logs which one that is and why not the
/// ones before. Fails with the last reason. Before the loop runs.
NODISCARD
enum status backend_pick(const struct backend_list *list, const struct config *config, uint32_t *index,
                         struct backend **backend, char *reason);

// ---- control: who renders ----

/// From its next cycle on this backend, which has its `cycle`, renders. All others are shut.
void backend_open_gate(struct backend *b, bool fades);
/// It fades out, and the gate is shut soon.
void backend_fade_out(struct backend *b);
/// While no cycle of the engine runs: the engine, and the timer that may take over, follow a backend's rate.
/// True when it is another one than before.
bool backend_follow_rate(struct backend *b, struct backend *timer);
/// Shuts the gate. False while a cycle still runs: ask again.
NODISCARD bool backend_shut_gate(struct backend *b);

// ---- audio threads ----

/// A cycle of the engine, or silence when the gate is shut. `out`: a plane for each of n_channels.
void backend_cycle(struct backend *b, float *const *out, uint32_t n_frames);
/// The device or server has missed frames just now. Any thread of the backend's.
void backend_count_xrun(struct backend *b);
/// The same, told by the audio thread just now that it is awake: whether it was woken late is seen first.
void backend_count_own_xrun(struct backend *b);
/// Wakes control up, which is to look at `lost` or `has_changed`. Any thread; safe in signal handlers.
void backend_tell(struct backend *b);

/// The memory of all backends, those included that a hanging server keeps. Any thread that may wait.
struct heap_usage backend_memory_bytes(void);

// ---- for the backends themselves ----

/// A zeroed struct of a backend, `struct backend` first, with its `memory` set; NULL when refused. It may be
/// given back on any thread that may wait.
NODISCARD
void *backend_make(size_t bytes);
/// Gives it back; its buffers are gone already. Accepts NULL.
void backend_unmake(void *backend, size_t bytes);

/// Starts an audio thread: small stack, no signals but those that report a fault. stop() joins it.
NODISCARD
enum status backend_thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

/// Gives the calling thread SCHED_FIFO at config.rt_priority, or as much of it as RLIMIT_RTPRIO allows,
/// touches its stack, and logs loudly (once) when it gets less. Called by audio threads that the backend made
/// itself, before their first cycle.
void backend_make_realtime(const struct config *config);

/// Touches the stack that cycles will use, so that none of them takes a page fault there. Any audio thread.
void backend_touch_stack(void);

#endif
