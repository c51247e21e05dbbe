// SPDX-License-Identifier: MIT
// chain_entry.c - one backend of a chain: what may wait for its server or driver, on a thread of its own, and
// its signs of life.
#include "engine/backends/chain_entry.h"

#include <stdio.h>
#include <sys/eventfd.h>

/// Of a backend that makes no progress.
#define QUIET_PERIODS 8

// ---- what helpers do ----

/// The engine follows any rate that sounds may have; its buses keep their channels.
static enum status check(const struct config *c, const struct backend *b, char *reason)
{
    if (b->rate < CHAIN_MIN_RATE || b->rate > CHAIN_MAX_RATE)
        snprintf(reason, BACKEND_REASON_BYTES, "it runs at %u Hz; %u to %u Hz can be played", b->rate,
                 CHAIN_MIN_RATE, CHAIN_MAX_RATE);
    else if (b->n_channels != c->channels)
        snprintf(reason, BACKEND_REASON_BYTES,
                 "it runs with %u channels, and the engine with %u: set it to that, or restart chimed",
                 b->n_channels, c->channels);
    else
        return STATUS_OK;
    return STATUS_UNSUPPORTED;
}

static void open_backend(struct chain_entry *e)
{
    struct backend *b = NULL;
    e->job_reason[0] = 0;
    enum status status =
        backend_ops_of(e->choice.kind)->open(&e->config, e->choice.target, &b, e->job_reason);
    e->job_status = status;
    if (status) return;
    status = check(&e->config, b, e->job_reason);
    if (!status) status = b->ops->start(b, e->cycle, e->job_reason);
    if (status)
        b->ops->close(b);
    else
        e->backend = b;
    e->job_status = status;
}

static void close_backend(struct chain_entry *e)
{
    e->backend->ops->close(e->backend);
    e->backend = NULL;
}

static void *run(void *argument)
{
    struct chain_entry *e = argument;
    int wake_fd = e->wake_fd;
    pthread_setname_np(pthread_self(), "chimed-device");
    switch (e->job) {
    case ENTRY_OPENING: open_backend(e); break;
    case ENTRY_LOOKING: e->backend->ops->look(e->backend); break;
    case ENTRY_CLOSING: close_backend(e); break;
    case ENTRY_CLOSED:
    case ENTRY_RUNNING: break;
    }
    atomic_store_explicit(&e->is_done, true, memory_order_release); // hands the entry back
    (void)eventfd_write(wake_fd, 1);
    return NULL;
}

bool entry_start_job(struct chain_entry *e, enum entry_state what, int64_t now_ns)
{
    pthread_t thread;
    e->job = what;
    atomic_store_explicit(&e->is_done, false, memory_order_relaxed); // no thread runs yet
    if (backend_thread_start(&thread, run, e)) return false;
    pthread_detach(thread);
    e->state = what;
    e->since_ns = now_ns;
    return true;
}

bool entry_end_job(struct chain_entry *e)
{
    // Acquire: what the helper wrote is seen.
    return entry_has_job(e) && atomic_exchange_explicit(&e->is_done, false, memory_order_acquire);
}

bool entry_has_job(const struct chain_entry *e)
{
    return e->state == ENTRY_OPENING || e->state == ENTRY_LOOKING || e->state == ENTRY_CLOSING;
}

// ---- signs of life ----

bool entry_is_running(const struct chain_entry *e)
{
    return e->state == ENTRY_RUNNING || e->state == ENTRY_LOOKING;
}

bool entry_is_lost(const struct chain_entry *e)
{
    return atomic_load_explicit(&e->backend->lost, memory_order_acquire);
}

static int64_t quiet_limit_ns(const struct chain_entry *e)
{
    // relaxed: a number that stands for itself, here and below.
    uint64_t period = atomic_load_explicit(&e->backend->period_frames, memory_order_relaxed);
    int64_t ns = (int64_t)(QUIET_PERIODS * period * 1000000000 / e->backend->rate);
    return ns > ENTRY_MIN_QUIET_NS ? ns : ENTRY_MIN_QUIET_NS;
}

bool entry_is_quiet(const struct chain_entry *e)
{
    return e->quiet_ns > quiet_limit_ns(e);
}

void entry_watch(struct chain_entry *e, int64_t passed_ns)
{
    uint64_t n_calls = atomic_load_explicit(&e->backend->n_calls, memory_order_relaxed);
    e->quiet_ns = n_calls == e->n_calls_seen ? e->quiet_ns + passed_ns : 0;
    e->n_calls_seen = n_calls;
}
