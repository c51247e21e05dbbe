// SPDX-License-Identifier: MIT
// jack_calls.c - calls into libjack that may hang: each on a thread of its own, for which control waits a
// bounded time.
//
// A call that takes longer is abandoned: the thread keeps the backend, and gives libjack's part and the
// memory back if the call ever returns. Until then nothing else of libjack is called, for it holds a lock of
// its own meanwhile.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/backends/jack_parts.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_ended;
static uint32_t n_hung; // orphans; under `lock`

static void init_once(void)
{
    pthread_condattr_t attributes; // the default clock of a wait jumps when somebody sets the time
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&job_ended, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void *run_job(void *argument)
{
    struct jack_backend *b = argument;
    char reason[BACKEND_REASON_BYTES] = "";
    enum status status = b->job(b, reason);
    pthread_mutex_lock(&lock);
    b->status = status;
    memcpy(b->reason, reason, sizeof reason);
    b->busy = false;
    bool orphaned = b->orphaned;
    pthread_cond_broadcast(&job_ended);
    pthread_mutex_unlock(&lock);
    if (!orphaned) return NULL; // `b` is control's again
    if (b->client != NULL) jack_client_close(b->client);
    backend_unmake(b, sizeof *b);
    pthread_mutex_lock(&lock);
    n_hung--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/// Waits until the job has ended; false after `timeout_ms`. Called and returns with the lock held.
static bool await_job(const struct jack_backend *b, uint32_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (b->busy)
        if (pthread_cond_timedwait(&job_ended, &lock, &until) == ETIMEDOUT) break;
    return !b->busy;
}

void jack_calls_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
}

enum status jack_call(struct jack_backend *b, jack_job *job, uint32_t timeout_ms, char *reason)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&lock);
    if (!b->busy) {
        pthread_t thread;
        b->job = job;
        status = backend_thread_start(&thread, run_job, b);
        b->busy = status == STATUS_OK;
        if (b->busy)
            pthread_detach(thread);
        else
            snprintf(reason, BACKEND_REASON_BYTES, "cannot start a thread: %s", status_text(status));
    }
    if (status == STATUS_OK && await_job(b, timeout_ms)) {
        status = b->status;
        memcpy(reason, b->reason, BACKEND_REASON_BYTES);
    } else if (status == STATUS_OK) {
        status = STATUS_BUSY;
        snprintf(reason, BACKEND_REASON_BYTES, JACK_HANGS);
    }
    pthread_mutex_unlock(&lock);
    return status;
}

bool jack_orphan_if_busy(struct jack_backend *b)
{
    pthread_mutex_lock(&lock);
    b->orphaned = b->busy;
    bool orphaned = b->orphaned;
    if (orphaned) n_hung++;
    pthread_mutex_unlock(&lock);
    return orphaned;
}

bool jack_hangs(void)
{
    pthread_mutex_lock(&lock);
    bool hangs = n_hung > 0;
    pthread_mutex_unlock(&lock);
    return hangs;
}
