// SPDX-License-Identifier: MIT
// worker.h - the thread that may block: opens files, has them decoded, and owns the sample store.
#ifndef ENGINE_SOUNDS_WORKER_H
#define ENGINE_SOUNDS_WORKER_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/memory.h"
#include "alloc/pages.h"
#include "alloc/queue.h"
#include "alloc/shared_pool.h"
#include "alloc/status.h"
#include "engine/sounds/collect.h"
#include "engine/sounds/decoder.h"
#include "engine/sounds/files.h"

/// A file to be loaded, and what came of it. Control fills in the first part and hands it over with a job;
/// the worker fills in the second and hands it back with a result.
struct load {
    char path[CONFIG_PATH_BYTES];
    int fd;               // handed over by the client; -1: open `path`
    struct file_id known; // when it is still this file, nothing is loaded
    bool has_known;
    uint64_t twin;              // the same when it is the file of that load; LOAD_NONE: of none
    uint64_t handle;            // of worker.loads
    uint64_t sequence;          // loads that were begun before this one
    struct load *older, *newer; // control's list of those that are under way
    uint32_t engine_rate;       // Hz that its samples are to have
    struct sound source;        // RESAMPLE: what control has of it, which stays as it is meanwhile

    enum api_error error;
    char reason[LOAD_REASON_BYTES];
    bool unchanged; // `fd` is open
    struct file_id id;
    struct decoded decoded;
};

#define LOAD_NONE UINT64_MAX

/// Files that can be waiting to be loaded at once.
#define MAX_LOADS 256

/// Direction: control > worker.
enum job_type { JOB_LOAD, JOB_RESAMPLE, JOB_FREE, JOB_CLOSE, JOB_FOLDERS, JOB_QUIT };

struct job {
    uint32_t type;
    uint32_t token;    // LOAD, RESAMPLE: comes back in the result
    struct load *load; // LOAD; RESAMPLE: `known` is the file that the samples came from, if there is one
    void *memory;      // FREE: of the store
    size_t bytes;
    int fd; // CLOSE
};

/// Which file a load had found, for its twins.
struct loaded_file {
    uint64_t sequence;
    struct file_id id;
    bool is_loaded; // by this load or before
};

/// Direction: worker > control. A load has ended, well or not.
struct job_result {
    uint32_t token;
    bool is_resampled; // of JOB_RESAMPLE
    struct load *load;
};

struct worker {
    struct queue jobs, results;
    struct shared_pool loads; // control takes them; who ends one gives it back
    struct pages store;       // owned by the worker thread while it runs
    struct roots roots;
    struct folders folders;      // of `roots`
    struct folders next_folders; // control's, or the worker's while it takes them
    _Atomic bool takes_folders;
    struct decoder decoder;
    struct loaded_file loaded[MAX_LOADS]; // by sequence: at least those that a load under way may name
    size_t results_bytes, results_high;   // of samples that are not in the store yet
    uint32_t engine_rate;                 // control's: of the loads that begin
    pthread_t thread;
    bool is_running;
    _Atomic bool is_ending; // loads that wait are dropped
    int wake_fd;            // eventfd: there are jobs
    int result_fd;          // eventfd: there are results; control polls it
    int cancel_fd;          // eventfd: the load that is being done is not wanted any more
    struct memory *map;     // where the figures of the store are published
};

// ---- control ----

/// Takes the region MEMORY_SOUNDS of `map` for the store, all else from `a`. `max_jobs`: jobs that can be
/// under way at once. Room for as many results.
NODISCARD enum status worker_init(struct worker *w, struct allocator *a, struct memory *map,
                                  const struct config *config, uint32_t engine_rate, uint32_t max_jobs);
/// Fails, with a sentence of up to `n` bytes, when there is no thread or no decoder to be had.
NODISCARD enum status worker_start(struct worker *w, char *reason, size_t n);
/// Cancels the load that is being done, drops those that wait, and ends the thread. False when that hangs in
/// a disk that does not answer: then nothing of the worker's may be freed. Accepts a worker that was not
/// started.
NODISCARD bool worker_stop(struct worker *w);
/// The same, and frees everything, unless it hangs.
void worker_fini(struct worker *w);

/// A load that nobody holds; NULL when MAX_LOADS are under way.
struct load *worker_take_load(struct worker *w);
/// Ends one that came back: closes its file and gives it back.
void worker_end_load(struct worker *w, struct load *load);

/// False when `max_jobs` are under way.
NODISCARD bool worker_push(struct worker *w, const struct job *job);
/// Closes a descriptor that a client handed over, on the worker's thread: the file system may take its time.
void worker_close(struct worker *w, int fd);
/// For loads that are pushed from here on: other folders. False when earlier ones are still being taken, or
/// there is no room for the job: try again.
NODISCARD bool worker_set_folders(struct worker *w, const struct config *config);
/// False when there is none.
NODISCARD bool worker_pop(struct worker *w, struct job_result *result);

#endif
