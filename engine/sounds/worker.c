// SPDX-License-Identifier: MIT
// worker.c - the thread that may block: opens files, has them decoded, and owns the sample store.
#include "engine/sounds/worker.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/now.h"
#include "engine/sounds/wave.h"

/// How long the end waits for what the worker is doing; part of the two seconds in which the daemon has to
/// leave.
#define STOP_PATIENCE_NS 1000000000ll

enum status worker_init(struct worker *w, struct allocator *a, struct memory *map,
                        const struct config *config, uint32_t engine_rate, uint32_t max_jobs)
{
    *w = (struct worker){
        .engine_rate = engine_rate, .map = map, .wake_fd = -1, .result_fd = -1, .cancel_fd = -1};
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
    status = roots_init(&w->roots, a);
    if (status) return status;
    folders_copy(&w->folders, config);
    roots_set(&w->roots, &w->folders);
    w->wake_fd = eventfd(0, EFD_CLOEXEC);
    w->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    decoder_init(&w->decoder, (uint64_t)w->store.n_pages * w->store.page_bytes, w->cancel_fd);
    return w->wake_fd >= 0 && w->result_fd >= 0 && w->cancel_fd >= 0 ? STATUS_OK : STATUS_SYSTEM;
}

// ---- loads ----

struct load *worker_take_load(struct worker *w)
{
    uint64_t handle;
    struct load *load = shared_pool_alloc(&w->loads, &handle);
    if (load) *load = (struct load){.fd = -1, .twin = LOAD_NONE, .handle = handle};
    return load;
}

void worker_end_load(struct worker *w, struct load *load)
{
    worker_close(w, load->fd);
    shared_pool_free(&w->loads, load->handle);
}

// ---- worker thread ----

static enum api_error too_big(const struct worker *w, struct load *load, uint64_t bytes)
{
    const struct pages *store = &w->store;
    uint64_t total = (uint64_t)store->n_pages * store->page_bytes;
    uint64_t used = (uint64_t)store->n_used * store->page_bytes;
    load->decoded = (struct decoded){.bytes = bytes};
    snprintf(load->reason, LOAD_REASON_BYTES,
             "refused sample memory: %.300s needs %.1f MiB, %.1f of %.1f MiB are free (sound_memory)",
             load->path, (double)bytes / 1048576, (double)(total - used) / 1048576, (double)total / 1048576);
    return API_REFUSED;
}

static void hold_result(struct worker *w, size_t bytes)
{
    w->results_bytes += bytes;
    if (w->results_bytes > w->results_high) w->results_high = w->results_bytes;
}

/// From the file to the store.
static enum api_error decode_file(struct worker *w, struct load *load, int fd, uint64_t file_bytes)
{
    struct decode_request request = {.file_bytes = file_bytes,
                                     .room_bytes = pages_gaps(&w->store).largest_bytes,
                                     .engine_rate = load->engine_rate};
    // Tried before: what it needs is known.
    if (load->decoded.bytes > request.room_bytes) return too_big(w, load, load->decoded.bytes);

    struct decode_answer answer;
    int result;
    enum api_error error = decoder_run(&w->decoder, fd, &request, &answer, &result);
    if (!error) {
        size_t bytes = (size_t)decoder_result_bytes(result);
        hold_result(w, bytes);
        error = collect_sound(&answer, result, &w->store, &load->decoded);
        load->decoded.sound.rate = load->engine_rate;
        answer.needed_bytes = load->decoded.bytes;
        if (error == API_BAD_SOUND) w->decoder.n_failed++;
        close(result);
        w->results_bytes -= bytes;
    }
    if (error == API_REFUSED) return too_big(w, load, answer.needed_bytes);
    if (error) snprintf(load->reason, LOAD_REASON_BYTES, "%.300s%s", load->path, answer.why);
    return error;
}

/// It is the file that control knows, or that of a load that was under way when this one began.
static bool is_unchanged(const struct worker *w, const struct load *load)
{
    if (load->has_known && file_id_is(&load->id, &load->known)) return true;
    const struct loaded_file *twin = &w->loaded[load->twin % MAX_LOADS];
    return load->twin != LOAD_NONE && twin->sequence == load->twin && twin->is_loaded &&
           file_id_is(&load->id, &twin->id);
}

static void do_load(struct worker *w, struct load *load)
{
    load->error = API_OK;
    load->unchanged = false;
    if (load->fd < 0) load->error = file_open(&w->roots, load->path, &load->fd, load->reason);
    if (!load->error) load->error = file_check(load->fd, load->path, &load->id, load->reason);
    if (!load->error) load->unchanged = is_unchanged(w, load);
    if (!load->error && !load->unchanged)
        load->error = decode_file(w, load, load->fd, (uint64_t)load->id.bytes);

    w->loaded[load->sequence % MAX_LOADS] = (struct loaded_file){load->sequence, load->id, !load->error};
    // A refused load may be tried again when control has made room, and one of a known file when that has
    // gone meanwhile: the file stays open for that.
    if (load->fd >= 0 && load->error != API_REFUSED && !load->unchanged) {
        close(load->fd);
        load->fd = -1;
    }
}

/// The file that the samples came from, when it is still the same.
static bool open_source(const struct worker *w, struct load *load)
{
    char reason[LOAD_REASON_BYTES];
    if (!load->has_known || load->path[0] == 0) return false;
    if (file_open(&w->roots, load->path, &load->fd, reason)) return false;
    return !file_check(load->fd, load->path, &load->id, reason) && file_id_is(&load->id, &load->known);
}

/// From the file, for nothing is lost that way; where it is gone or has changed, from the samples themselves.
static void do_resample(struct worker *w, struct load *load)
{
    load->decoded = (struct decoded){0};
    if (open_source(w, load)) {
        load->error = decode_file(w, load, load->fd, (uint64_t)load->id.bytes);
    } else {
        uint64_t bytes;
        int fd = wave_of_sound(&load->source, &bytes);
        load->error = fd < 0 ? API_INTERNAL : decode_file(w, load, fd, bytes);
        if (fd < 0)
            snprintf(load->reason, LOAD_REASON_BYTES, "no memory to resample it in, or it is too long");
        else
            close(fd);
    }
    if (load->fd >= 0) close(load->fd);
    load->fd = -1;
}

static void report(struct worker *w, const struct job *job)
{
    struct job_result result = {
        .token = job->token, .is_resampled = job->type == JOB_RESAMPLE, .load = job->load};
    bool pushed = queue_push(&w->results, &result);
    assert(pushed); // there is room for as many results as jobs
    (void)pushed;
    eventfd_write(w->result_fd, 1);
}

static void take_folders(struct worker *w)
{
    static const struct folders none;
    roots_set(&w->roots, &none); // so that nobody borrows what is written now
    w->folders = w->next_folders;
    roots_set(&w->roots, &w->folders);
    atomic_store_explicit(&w->takes_folders, false, memory_order_release); // control may write again
}

/// False after JOB_QUIT.
static bool do_job(struct worker *w, const struct job *job)
{
    switch ((enum job_type)job->type) {
    case JOB_LOAD:
    case JOB_RESAMPLE:
        if (atomic_load(&w->is_ending)) {
            if (job->load->fd >= 0) close(job->load->fd);
            shared_pool_free(&w->loads, job->load->handle);
            break;
        }
        if (job->type == JOB_LOAD)
            do_load(w, job->load);
        else
            do_resample(w, job->load);
        memory_publish_pages(w->map, MEMORY_SOUNDS, &w->store);
        report(w, job);
        decoder_renew(&w->decoder);
        break;
    case JOB_FREE:
        pages_free(&w->store, job->memory, job->bytes);
        memory_publish_pages(w->map, MEMORY_SOUNDS, &w->store);
        break;
    case JOB_CLOSE: close(job->fd); break;
    case JOB_FOLDERS: take_folders(w); break;
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

enum status worker_start(struct worker *w, char *reason, size_t n)
{
    if (!decoder_start(&w->decoder, reason, n)) return STATUS_NOT_FOUND;
    // Signals are for the control thread.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    w->is_running = error == 0;
    if (error) snprintf(reason, n, "cannot start the worker thread: %s", strerror(error));
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

void worker_close(struct worker *w, int fd)
{
    struct job job = {.type = JOB_CLOSE, .fd = fd};
    if (fd >= 0 && (!w->is_running || !worker_push(w, &job))) close(fd);
}

bool worker_set_folders(struct worker *w, const struct config *config)
{
    struct job job = {.type = JOB_FOLDERS};
    if (atomic_load_explicit(&w->takes_folders, memory_order_acquire)) return false;
    folders_copy(&w->next_folders, config);
    atomic_store_explicit(&w->takes_folders, true, memory_order_relaxed); // the queue orders the rest
    if (worker_push(w, &job)) return true;
    atomic_store_explicit(&w->takes_folders, false, memory_order_relaxed);
    return false;
}

bool worker_pop(struct worker *w, struct job_result *result)
{
    return queue_pop(&w->results, result);
}

bool worker_stop(struct worker *w)
{
    if (!w->is_running) return true;
    atomic_store(&w->is_ending, true);
    eventfd_write(w->cancel_fd, 1);
    struct job job = {.type = JOB_QUIT};
    if (!worker_push(w, &job)) return false;
    // A call into the file system cannot be taken back, nor a process be ended that is in one. Sanitizers see
    // this way to join, and not pthread_clockjoin_np().
    int64_t deadline = monotonic_ns() + STOP_PATIENCE_NS;
    bool has_ended = pthread_tryjoin_np(w->thread, NULL) == 0;
    for (; !has_ended && monotonic_ns() < deadline; has_ended = pthread_tryjoin_np(w->thread, NULL) == 0)
        poll(NULL, 0, 1);
    w->is_running = !has_ended;
    return has_ended;
}

void worker_fini(struct worker *w)
{
    if (!w->jobs.records || !worker_stop(w)) return;
    decoder_stop(&w->decoder);
    if (w->wake_fd >= 0) close(w->wake_fd);
    if (w->result_fd >= 0) close(w->result_fd);
    if (w->cancel_fd >= 0) close(w->cancel_fd);
    roots_close(&w->roots);
    pages_fini(&w->store);
    *w = (struct worker){.wake_fd = -1, .result_fd = -1, .cancel_fd = -1};
}
