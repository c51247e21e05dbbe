// SPDX-License-Identifier: MIT
// journal_disk.c - the thread that reads and writes the journal: whatever the disk does, nobody else waits.
#include "engine/journal_disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/now.h"

static const char journal_name[] = "journal", new_name[] = "journal.new", marker_name[] = "journal.resuming";

// ---- files, on the thread; each returns an errno ----

static int open_folder(const char *path, int *folder)
{
    *folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0 && errno == ENOENT && mkdir(path, 0700) == 0)
        *folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *folder < 0 ? errno : 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno != EINTR) return errno;
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

/// A file that is whole, and on the disk, or not there at all. It may still be lost with its name until the
/// folder is synced.
static int write_file(int folder, const char *name, const uint8_t *bytes, size_t n)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return errno;
    int error = write_all(fd, bytes, n);
    if (!error && fsync(fd) < 0) error = errno;
    if (close(fd) < 0 && !error) error = errno;
    if (error) unlinkat(folder, name, 0);
    return error;
}

static int sync_folder(int folder)
{
    return fsync(folder) < 0 ? errno : 0;
}

static int replace_journal(int folder, struct journal_file *f)
{
    journal_seal(f);
    int error = write_file(folder, new_name, f->bytes, f->n_bytes);
    if (!error && renameat(folder, new_name, folder, journal_name) < 0) error = errno;
    return error ? error : sync_folder(folder);
}

static int remove_file(int folder, const char *name)
{
    return unlinkat(folder, name, 0) < 0 && errno != ENOENT ? errno : 0;
}

static int remove_journal(int folder)
{
    int error = remove_file(folder, journal_name);
    int marker = remove_file(folder, marker_name);
    int synced = sync_folder(folder);
    return error ? error : marker ? marker : synced;
}

static int settle(int folder)
{
    int error = remove_file(folder, marker_name);
    return error ? error : sync_folder(folder);
}

/// ENOENT when there is none; EFBIG when it is longer than there is room for.
static int read_file(int folder, const char *name, struct journal_file *f)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return errno;
    int error = 0;
    f->n_bytes = 0;
    for (ssize_t n = 1; n != 0 && !error;) {
        if (f->n_bytes == f->capacity) {
            uint8_t more;
            error = read(fd, &more, 1) > 0 ? EFBIG : 0;
            break;
        }
        n = read(fd, f->bytes + f->n_bytes, f->capacity - f->n_bytes);
        if (n > 0) f->n_bytes += (size_t)n;
        if (n < 0 && errno != EINTR) error = errno;
    }
    close(fd);
    return error;
}

// ---- the first job ----

/// True when a resume was begun since this boot, and it is not known to have gone well. After a power cut
/// nobody knows who is to blame: then it is tried again.
static bool has_crashed(int folder)
{
    struct boot_time begun, now;
    uint8_t bytes[sizeof begun + 1];
    struct journal_file marker = {.bytes = bytes, .capacity = sizeof bytes};
    if (read_file(folder, marker_name, &marker) || marker.n_bytes != sizeof begun) return false;
    memcpy(&begun, bytes, sizeof begun);
    boot_time_now(&now);
    return boot_time_is_same_boot(&begun, &now);
}

static void set_aside(int folder, enum journal_found why, struct journal_result *r)
{
    const char *to = why == JOURNAL_DAMAGED ? "journal.damaged" : "journal.crashed";
    r->found = why;
    if (renameat(folder, journal_name, folder, to) < 0) r->error = errno;
    (void)remove_file(folder, marker_name);
    (void)sync_folder(folder);
}

/// The marker stands on the disk before anything is resumed. Where it cannot (a full disk), a crash is more
/// likely to be somebody else's fault: it is resumed all the same.
static void begin_resume(int folder, struct journal_result *r)
{
    struct boot_time now;
    boot_time_now(&now);
    int error = write_file(folder, marker_name, (const uint8_t *)&now, sizeof now);
    if (!error) error = sync_folder(folder);
    r->found = JOURNAL_WHOLE;
    r->error = error;
}

static void read_journal(int folder, struct journal_file *f, struct journal_result *r)
{
    (void)remove_file(folder, new_name);
    int error = read_file(folder, journal_name, f);
    if (error == ENOENT) {
        r->error = remove_file(folder, marker_name);
        return;
    }
    const char *problem = error == EFBIG ? "it is longer than [engine] and [memory] have room for"
                          : error        ? strerror(error)
                                         : journal_check(f, &r->head);
    if (problem) {
        snprintf(r->reason, sizeof r->reason, "%s", problem);
        set_aside(folder, JOURNAL_DAMAGED, r);
    } else if (has_crashed(folder)) {
        set_aside(folder, JOURNAL_CRASHED, r);
    } else {
        begin_resume(folder, r);
    }
}

// ---- the thread ----

static void do_job(const struct journal_disk *d, const struct journal_job *job, struct journal_result *r)
{
    int folder;
    r->error = open_folder(d->folder, &folder);
    if (!r->error) {
        switch ((enum journal_job_type)job->type) {
        case JOURNAL_JOB_READ: read_journal(folder, job->file, r); break;
        case JOURNAL_JOB_WRITE: r->error = replace_journal(folder, job->file); break;
        case JOURNAL_JOB_SETTLE: r->error = settle(folder); break;
        case JOURNAL_JOB_REMOVE: r->error = remove_journal(folder); break;
        case JOURNAL_JOB_QUIT: break;
        }
        close(folder);
    }
    if (r->error && !r->reason[0]) snprintf(r->reason, sizeof r->reason, "%s", strerror(r->error));
}

static void *run(void *context)
{
    struct journal_disk *d = context;
    prctl(PR_SET_NAME, "chimed-journal");
    for (;;) {
        eventfd_t n;
        struct journal_job job;
        eventfd_read(d->wake_fd, &n);
        if (!queue_pop(&d->jobs, &job)) continue;
        struct journal_result result = {.type = job.type};
        if (job.type != JOURNAL_JOB_QUIT) do_job(d, &job, &result);
        bool pushed = queue_push(&d->results, &result);
        assert(pushed); // one job at a time, and QUIT
        (void)pushed;
        if (job.type == JOURNAL_JOB_QUIT) return NULL;
    }
}

// ---- set-up ----

enum status journal_disk_init(struct journal_disk *d, struct allocator *a, const char *folder)
{
    *d = (struct journal_disk){.folder = folder, .wake_fd = -1};
    enum status status = queue_init(&d->jobs, a, 2, sizeof(struct journal_job)); // one, and QUIT
    if (!status) status = queue_init(&d->results, a, 2, sizeof(struct journal_result));
    return status;
}

enum status journal_disk_start(struct journal_disk *d)
{
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    if (d->wake_fd < 0) return status_from_errno(errno);
    sigset_t all, old; // signals are for the control thread
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&d->thread, NULL, run, d);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    d->is_running = error == 0;
    return error ? status_from_errno(error) : STATUS_OK;
}

// ---- control ----

bool journal_disk_begin(struct journal_disk *d, enum journal_job_type type, struct journal_file *file)
{
    struct journal_job job = {.type = type, .file = file};
    if (!d->is_running || d->is_busy || !queue_push(&d->jobs, &job)) return false;
    d->is_busy = true;
    d->busy_since_ns = monotonic_ns();
    eventfd_write(d->wake_fd, 1);
    return true;
}

bool journal_disk_end(struct journal_disk *d, struct journal_result *result)
{
    if (!d->is_busy || !queue_pop(&d->results, result)) return false;
    d->is_busy = false;
    return true;
}

/// The thread has said that it ends.
static bool has_quit(struct journal_disk *d)
{
    struct journal_result result;
    while (queue_pop(&d->results, &result))
        if (result.type == JOURNAL_JOB_QUIT) return true;
    return false;
}

bool journal_disk_stop(struct journal_disk *d, int64_t patience_ns)
{
    struct journal_job job = {.type = JOURNAL_JOB_QUIT};
    if (!d->is_running) return true;
    int64_t deadline = monotonic_ns() + patience_ns;
    d->is_running = false;
    if (queue_push(&d->jobs, &job)) eventfd_write(d->wake_fd, 1);
    bool has_ended = has_quit(d);
    for (; !has_ended && monotonic_ns() < deadline; has_ended = has_quit(d))
        poll(NULL, 0, 1);
    if (!has_ended) {
        pthread_detach(d->thread);
        return false;
    }
    pthread_join(d->thread, NULL);
    close(d->wake_fd);
    d->wake_fd = -1;
    return true;
}
