// SPDX-License-Identifier: MIT
// chain_entry.c - what may wait for a server or a driver, on a thread of its own.
#include "engine/backends/chain_entry.h"

#include <stdio.h>
#include <sys/eventfd.h>

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
