// SPDX-License-Identifier: MIT
// worker.c - the thread that may block: opens and decodes files, and owns the sample store.
#include "engine/sounds/worker.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/sounds/headroom.h"

enum status worker_init(struct worker *w, struct allocator *a, struct memory *map,
                        const struct config *config, uint32_t engine_rate, uint32_t max_jobs)
{
    *w = (struct worker){.engine_rate = engine_rate, .map = map, .wake_fd = -1, .result_fd = -1};
    allocator_tag(a, "jobs and their results");
    uint32_t n_slots = queue_slots_for(max_jobs + 1); // and JOB_QUIT
    enum status status = queue_init(&w->jobs, a, n_slots, sizeof(struct job));
    if (status) return status;
    status = queue_init(&w->results, a, n_slots, sizeof(struct job_result));
    if (status) return status;
    allocator_tag(a, "loads");
    status = shared_pool_init(&w->loads, a, MAX_LOADS, sizeof(struct load));
    if (status) return status;
    void *base;
    size_t bytes;
    memory_take_space(map, MEMORY_SOUNDS, &base, &bytes);
    allocator_tag(a, "gaps of the sample store");
    status =
        pages_init_at(&w->store, a, base, bytes, config->sounds + 1, strcmp(config->lock_memory, "no") != 0);
    if (status) return status;
    memory_publish_pages(map, MEMORY_SOUNDS, &w->store);
    allocator_tag(a, "sound folders");
    status = roots_open(&w->roots, a, config);
    if (status) return status;
    heap_init(&w->temporary);
    w->wake_fd = eventfd(0, EFD_CLOEXEC);
    w->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->wake_fd >= 0 && w->result_fd >= 0 ? STATUS_OK : STATUS_SYSTEM;
}

// ---- loads ----

struct load *worker_take_load(struct worker *w)
{
    uint64_t handle;
    struct load *load = shared_pool_alloc(&w->loads, &handle);
    if (load) *load = (struct load){.fd = -1, .handle = handle};
    return load;
}

void worker_end_load(struct worker *w, struct load *load)
{
    if (load->fd >= 0) close(load->fd);
    shared_pool_free(&w->loads, load->handle);
}

// ---- worker thread ----

static void do_load(struct worker *w, struct load *load)
{
    struct allocator temporary = heap_allocator(&w->temporary);
    struct decode_setup setup = {w->engine_rate, &w->store, &temporary, &w->is_ending};
    load->error = API_OK;
    load->unchanged = false;
    if (load->fd < 0) load->error = file_open(&w->roots, load->path, &load->fd, load->reason);
    if (!load->error) load->error = file_check(load->fd, load->path, &load->id, load->reason);
    if (!load->error && load->has_known && file_id_is(&load->id, &load->known))
        load->unchanged = true;
    else if (!load->error)
        load->error = decode_file(&setup, load->fd, load->path, &load->decoded, load->reason);

    // A refused load may be tried again when control has made room: the file stays open for that.
    if (load->fd >= 0 && load->error != API_REFUSED) {
        close(load->fd);
        load->fd = -1;
    }
}

static void report(struct worker *w, const struct job *job)
{
    struct job_result result = {.token = job->token, .load = job->load};
    bool pushed = queue_push(&w->results, &result);
    assert(pushed); // there is room for as many results as jobs
    (void)pushed;
    eventfd_write(w->result_fd, 1);
}

/// False after JOB_QUIT.
static bool do_job(struct worker *w, const struct job *job)
{
    switch ((enum job_type)job->type) {
    case JOB_LOAD:
        if (atomic_load(&w->is_ending)) {
            worker_end_load(w, job->load);
            break;
        }
        do_load(w, job->load);
        memory_publish_pages(w->map, MEMORY_SOUNDS, &w->store);
        report(w, job);
        break;
    case JOB_FREE:
        pages_free(&w->store, job->memory, job->bytes);
        memory_publish_pages(w->map, MEMORY_SOUNDS, &w->store);
        break;
    case JOB_QUIT: return false;
    }
    return true;
}

static void *run(void *context)
{
    struct worker *w = context;
    prctl(PR_SET_NAME, "chimed-worker");
    for (;;) {
        eventfd_t n;
        struct job job;
        eventfd_read(w->wake_fd, &n);
        while (queue_pop(&w->jobs, &job))
            if (!do_job(w, &job)) return NULL;
    }
}

// ---- control ----

enum status worker_start(struct worker *w)
{
    // Signals are for the control thread.
    sigset_t all, old;
    headroom_init();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    w->is_running = error == 0;
    return w->is_running ? STATUS_OK : status_from_errno(error);
}

bool worker_push(struct worker *w, const struct job *job)
{
    // The last slot is JOB_QUIT's.
    if (queue_room(&w->jobs) < 2 && job->type != JOB_QUIT) return false;
    if (!queue_push(&w->jobs, job)) return false;
    eventfd_write(w->wake_fd, 1);
    return true;
}

struct heap_usage worker_temporary_bytes(struct worker *w)
{
    return heap_usage(&w->temporary);
}

bool worker_pop(struct worker *w, struct job_result *result)
{
    return queue_pop(&w->results, result);
}

void worker_stop(struct worker *w)
{
    if (!w->is_running) return;
    atomic_store(&w->is_ending, true);
    struct job job = {.type = JOB_QUIT};
    if (worker_push(w, &job)) pthread_join(w->thread, NULL);
    w->is_running = false;
}

void worker_fini(struct worker *w)
{
    if (!w->jobs.records) return;
    worker_stop(w);
    if (w->wake_fd >= 0) close(w->wake_fd);
    if (w->result_fd >= 0) close(w->result_fd);
    heap_fini(&w->temporary);
    roots_close(&w->roots);
    pages_fini(&w->store);
    *w = (struct worker){.wake_fd = -1, .result_fd = -1};
}
