// SPDX-License-Identifier: MIT
// null.c - a timer that drives the engine where there is no sound hardware; what it plays goes nowhere.
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/backends/backend.h"
#include "engine/backends/pace.h"
#include "engine/backends/planes.h"

/// After a stall up to this many periods are caught up at once; a longer one is skipped and counted.
#define NULL_MAX_BURST_PERIODS 4
/// Longest period of a configuration: there is room for it from the start.
#define NULL_MAX_PERIOD 8192
/// What another backend has left undone is caught up if it is no more than that.
#define NULL_MAX_CATCH_UP_NS UINT64_C(1000000000)

struct null_backend {
    struct backend base;
    struct planes planes;
    pthread_t thread;
    bool started;
    int wake_fd; // eventfd: readable when the gate has been opened or the thread is to end
    _Atomic bool stopping;

    // owned by the audio thread
    struct pace pace;
    uint64_t catches_up_until_ns;
};

static struct null_backend *of(struct backend *backend)
{
    return (struct null_backend *)backend;
}

// ---- audio thread ----

static bool is_stopping(const struct null_backend *b)
{
    return atomic_load_explicit(&b->stopping, memory_order_relaxed); // relaxed: see pace_sleep()
}

/// Nothing is asked of the timer while others play: it sleeps.
static void wait_for_gate(struct null_backend *b)
{
    eventfd_t n;
    while (atomic_load(&b->base.gate) == GATE_SHUT && !is_stopping(b)) {
        struct pollfd wake = {.fd = b->wake_fd, .events = POLLIN};
        (void)poll(&wake, 1, -1);
        (void)eventfd_read(b->wake_fd, &n);
    }
}

/// relaxed: a number that stands for itself.
static uint32_t period_of(const struct null_backend *b)
{
    return atomic_load_explicit(&b->base.period_frames, memory_order_relaxed);
}

static uint64_t most_late_ns(const struct null_backend *b)
{
    return pace_length_ns(b->base.rate, (uint64_t)NULL_MAX_BURST_PERIODS * period_of(b));
}

/// The gate has been opened: begins with the frame that was due since then.
static void begin_pace(struct null_backend *b)
{
    uint64_t resume_ns = atomic_exchange(&b->base.resume_ns, 0), now_ns = cycle_now_ns();
    if (resume_ns == 0) return;
    uint64_t distance_ns = resume_ns > now_ns ? resume_ns - now_ns : now_ns - resume_ns;
    bool is_far = distance_ns > NULL_MAX_CATCH_UP_NS, is_behind = now_ns > resume_ns + most_late_ns(b);
    pace_start(&b->pace, b->base.rate, is_far ? now_ns : resume_ns);
    b->catches_up_until_ns = is_behind && !is_far ? now_ns + NULL_MAX_CATCH_UP_NS : 0;
    pace_sleep(b->pace.base_ns, &b->stopping); // what went before may have been ahead of its time
}

/// A stall is skipped, unless it is the one between two backends.
static void skip_stall(struct null_backend *b, uint64_t due_ns)
{
    uint64_t now_ns = cycle_now_ns();
    if (now_ns <= due_ns) b->catches_up_until_ns = 0;
    if (now_ns <= due_ns + most_late_ns(b) || now_ns < b->catches_up_until_ns) return;
    backend_count_own_xrun(&b->base);
    pace_start(&b->pace, b->base.rate, now_ns);
}

static void *null_run(void *argument)
{
    struct null_backend *b = argument;
    backend_make_realtime(b->base.config);
    while (!is_stopping(b)) {
        if (atomic_load(&b->base.gate) == GATE_SHUT) wait_for_gate(b);
        if (is_stopping(b)) break;
        begin_pace(b);
        b->base.due_ns = pace_due_ns(&b->pace);
        uint32_t n_frames = period_of(b);
        backend_cycle(&b->base, b->planes.plane, n_frames);
        b->pace.frames += n_frames;
        uint64_t due_ns = pace_due_ns(&b->pace);
        pace_sleep(due_ns, &b->stopping);
        skip_stall(b, due_ns);
    }
    return NULL;
}

// ---- control ----

static enum status null_open(const struct config *config, const char *target, struct backend **backend,
                             char *reason)
{
    (void)target;
    struct null_backend *b = backend_make(sizeof *b);
    enum status status = STATUS_NO_MEMORY;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b != NULL) status = planes_init(&b->planes, &b->base.memory, config->channels, NULL_MAX_PERIOD);
    if (status != STATUS_OK || fd < 0) {
        snprintf(reason, BACKEND_REASON_BYTES, "no memory or descriptor for the timer");
        if (fd >= 0) close(fd);
        if (b != NULL) planes_fini(&b->planes);
        backend_unmake(b, sizeof *b);
        return status != STATUS_OK ? status : STATUS_SYSTEM;
    }
    b->wake_fd = fd;
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
    (void)eventfd_write(b->wake_fd, 1);
    pthread_join(b->thread, NULL);
    b->started = false;
    atomic_store(&backend->gate, GATE_SHUT);
}

static void null_wake(struct backend *backend)
{
    (void)eventfd_write(of(backend)->wake_fd, 1);
}

static void null_configure(struct backend *backend, const struct config *config)
{
    atomic_store_explicit(&backend->period_frames, config->period, memory_order_relaxed);
    atomic_store_explicit(&backend->latency_frames, config->period, memory_order_relaxed);
}

static void null_close(struct backend *backend)
{
    if (backend == NULL) return;
    null_stop(backend);
    planes_fini(&of(backend)->planes);
    close(of(backend)->wake_fd);
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
                                         .configure = null_configure,
                                         .wake = null_wake,
                                         .describe = null_describe};
