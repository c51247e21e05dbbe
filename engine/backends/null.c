// SPDX-License-Identifier: MIT
// null.c - a timer that drives the engine where there is no sound hardware; what it plays goes nowhere.
#include <stdio.h>

#include "engine/backends/backend.h"
#include "engine/backends/pace.h"
#include "engine/backends/planes.h"

/// After a stall up to this many periods are caught up at once; a longer one is skipped and counted.
#define NULL_MAX_BURST_PERIODS 4

struct null_backend {
    struct backend base;
    struct planes planes;
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
};

static struct null_backend *of(struct backend *backend)
{
    return (struct null_backend *)backend;
}

// ---- audio thread ----

static void *null_run(void *argument)
{
    struct null_backend *b = argument;
    uint32_t rate = b->base.rate, period = b->planes.n_frames;
    uint64_t most_late_ns = pace_length_ns(rate, (uint64_t)NULL_MAX_BURST_PERIODS * period);
    backend_make_realtime(b->base.config);

    struct pace pace;
    pace_start(&pace, rate, cycle_now_ns());
    while (!atomic_load_explicit(&b->stopping, memory_order_relaxed)) { // relaxed: see pace_sleep()
        cycle_run(b->base.cycle, b->planes.plane, b->base.n_channels, period);
        pace.frames += period;
        uint64_t due_ns = pace_due_ns(&pace);
        pace_sleep(due_ns, &b->stopping);
        uint64_t now_ns = cycle_now_ns();
        if (now_ns > due_ns && now_ns - due_ns > most_late_ns) {
            atomic_fetch_add_explicit(&b->base.n_xruns, 1,
                                      memory_order_relaxed); // relaxed: a number for people
            pace_start(&pace, rate, now_ns);
        }
    }
    return NULL;
}

// ---- control ----

static enum status null_open(const struct config *config, struct backend **backend, char *reason)
{
    struct null_backend *b = backend_make(sizeof *b);
    enum status status = STATUS_NO_MEMORY;
    if (b != NULL) status = planes_init(&b->planes, &b->base.memory, config->channels, config->period);
    if (status != STATUS_OK) {
        snprintf(reason, BACKEND_REASON_BYTES, "no memory for the buffers");
        backend_unmake(b, sizeof *b);
        return status;
    }
    b->base.ops = &backend_null;
    b->base.config = config;
    b->base.rate = config->rate;
    b->base.n_channels = config->channels;
    atomic_init(&b->base.period_frames, config->period);
    atomic_init(&b->base.latency_frames,
                config->period); // as if it had a device that plays one while we make one
    *backend = &b->base;
    return STATUS_OK;
}

static enum status null_start(struct backend *backend, struct cycle *cycle, char *reason)
{
    struct null_backend *b = of(backend);
    if (b->started) return STATUS_OK;
    backend->cycle = cycle;
    cycle_attach(cycle);
    atomic_store_explicit(&b->stopping, false, memory_order_relaxed); // relaxed: no thread runs yet
    enum status status = backend_thread_start(&b->thread, null_run, b);
    if (status != STATUS_OK) {
        snprintf(reason, BACKEND_REASON_BYTES, "cannot start the audio thread: %s", status_text(status));
        return status;
    }
    b->started = true;
    return STATUS_OK;
}

static void null_stop(struct backend *backend)
{
    struct null_backend *b = of(backend);
    if (!b->started) return;
    atomic_store_explicit(&b->stopping, true, memory_order_relaxed); // relaxed: the join orders the rest
    pthread_join(b->thread, NULL);
    b->started = false;
}

static void null_close(struct backend *backend)
{
    if (backend == NULL) return;
    null_stop(backend);
    planes_fini(&of(backend)->planes);
    backend_unmake(backend, sizeof *of(backend));
}

static void null_describe(const struct backend *backend, char *text, uint32_t size)
{
    snprintf(text, size, "timer, %u frames",
             atomic_load_explicit(&backend->period_frames, memory_order_relaxed));
}

const struct backend_ops backend_null = {.name = "null",
                                         .open = null_open,
                                         .start = null_start,
                                         .stop = null_stop,
                                         .close = null_close,
                                         .describe = null_describe};
