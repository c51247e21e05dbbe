// SPDX-License-Identifier: MIT
// journal_disk.h - the thread that reads and writes the journal: whatever the disk does, nobody else waits.
//
// One job at a time; who wants more to be written waits until it is over. In the state folder:
//     journal           the state; only ever replaced by a whole one
//     journal.new       the next one, while it is being written
//     journal.resuming  a resume is being tried; the next start does not resume when it finds this
//     journal.damaged, journal.crashed   what was set aside
#ifndef ENGINE_JOURNAL_DISK_H
#define ENGINE_JOURNAL_DISK_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/queue.h"
#include "alloc/status.h"
#include "engine/journal_format.h"

/// Longest sentence of a result, with its closing 0.
#define JOURNAL_REASON_BYTES 256

enum journal_job_type {
    JOURNAL_JOB_READ,   // the file, and begins to resume
    JOURNAL_JOB_WRITE,  // the file
    JOURNAL_JOB_SETTLE, // the resume has gone well
    JOURNAL_JOB_REMOVE, // nothing is to be resumed
    JOURNAL_JOB_QUIT,
};

/// What READ has found.
enum journal_found {
    JOURNAL_NOTHING,
    JOURNAL_WHOLE,   // in the file's bytes
    JOURNAL_DAMAGED, // set aside; the reason says what is wrong
    JOURNAL_CRASHED, // set aside: the last resume was not survived
};

/// Direction: control > disk. The file's bytes are the thread's until the result is there.
struct journal_job {
    uint32_t type;
    struct journal_file *file;
};

/// Direction: disk > control.
struct journal_result {
    uint32_t type;
    int error; // errno; 0: it went well
    enum journal_found found;
    struct journal_head head;
    char reason[JOURNAL_REASON_BYTES]; // with an error, and of what was set aside
};

struct journal_disk {
    const char *folder;
    struct queue jobs, results;
    pthread_t thread;
    bool is_running;
    bool is_busy; // a job is under way
    int64_t busy_since_ns;
    int wake_fd; // eventfd: there is a job
};

// ---- set-up ----

/// `folder` must stay.
NODISCARD enum status journal_disk_init(struct journal_disk *d, struct allocator *a, const char *folder);
NODISCARD enum status journal_disk_start(struct journal_disk *d);

// ---- control ----

/// False while another job is under way.
bool journal_disk_begin(struct journal_disk *d, enum journal_job_type type, struct journal_file *file);
/// False when there is none yet.
bool journal_disk_end(struct journal_disk *d, struct journal_result *result);
/// Waits for the job that is under way, but not longer; then the thread ends. False when it hangs: all that
/// it may touch must stay. Accepts one that was not started.
bool journal_disk_stop(struct journal_disk *d, int64_t patience_ns);

#endif
