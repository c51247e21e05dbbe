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
#include "engine/backends/cycle.h"
#include "engine/config.h"
#include "engine/heap.h"

/// Longest reason that an open() gives, with its closing 0.
#define BACKEND_REASON_BYTES 256

/// An open backend. Each kind has its own struct, with this one first.
struct backend {
    const struct backend_ops *ops;
    struct allocator memory;        // for its buffers
    const struct config *config;    // borrowed until close()
    uint32_t rate;                  // frames a second
    _Atomic uint32_t period_frames; // the usual length of a callback; JACK may change it while it runs
    /// From the rendering of a frame to the device's output: what waits in front of it. JACK may change it.
    _Atomic uint32_t latency_frames;
    uint32_t n_channels; // what was got, at most what was asked for
    struct cycle *cycle; // set by start(); borrowed
    _Atomic uint64_t n_xruns;
    _Atomic bool lost; // the server or device has gone; control closes the backend and opens another
};

/// Called by control alone. Audio runs between start() and stop(), on a thread of the backend's.
struct backend_ops {
    const char *name;

    /// Connects to the server or device and learns rate, period and channels from it; no audio yet. On
    /// failure writes a sentence for people into `reason` (BACKEND_REASON_BYTES) and leaves nothing open.
    /// `config` is borrowed until close().
    NODISCARD
    enum status (*open)(const struct config *config, struct backend **backend, char *reason);

    /// Begins to call cycle_run() from the audio thread. Fails like open(), but what is open stays so.
    NODISCARD
    enum status (*start)(struct backend *backend, struct cycle *cycle, char *reason);

    /// Returns when no more cycles will run. Safe to call twice.
    void (*stop)(struct backend *backend);

    /// Stops if needed and frees.
    void (*close)(struct backend *backend);

    /// One line about what is open, for logs and status: "hw:0 S32 mmap 256 x 2".
    void (*describe)(const struct backend *backend, char *text, uint32_t size);
};

extern const struct backend_ops backend_jack, backend_alsa, backend_null;

/// Opens the backend that the configuration names; `auto` tries JACK, ALSA and null in this order and logs
/// which one it took and why not the ones before. Fails with the last reason. Control thread.
NODISCARD
enum status backend_pick(const struct config *config, struct backend **backend, char *reason);

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
