// SPDX-License-Identifier: MIT
// doctor_disk.c - chime doctor: how fast the disk gives what a folder of sounds holds.
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clients/doctor.h"

/// What is read at the most, and for how long.
#define READ_BYTES   (64l << 20)
#define READ_SECONDS 0.5
#define MAX_FILES    4096
#define PIECE_BYTES  (256 << 10)
/// CD quality in stereo, which is what most files that are played need of a disk.
#define STREAM_MB_S (48000 * 4 * 1e-6)
/// A disk below this plays no more than a few dozen files at once.
#define SLOW_MB_S 5.0
/// A single read that takes longer than this holds up whoever waits for its sound.
#define SLOW_READ_S 0.3

struct disk {
    char *files[MAX_FILES];
    size_t n_files;
    void *piece; // PIECE_BYTES, aligned for reads past the page cache
    double bytes, cached_bytes, seconds, longest_s;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// ---- files ----

static struct disk *visited; // nftw() hands nothing on

static int visit(const char *path, const struct stat *s, int kind, struct FTW *where)
{
    (void)where;
    if (kind != FTW_F || !S_ISREG(s->st_mode) || s->st_size < 4096) return 0;
    char *copy = strdup(path);
    if (!copy) return 1;
    visited->files[visited->n_files++] = copy;
    return visited->n_files == MAX_FILES;
}

/// The first folder of those that daemons take sounds from in which there are some.
static const char *find_sounds(struct doctor *d, struct disk *disk)
{
    static char own[PATH_MAX];
    const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME");
    if (data && data[0])
        snprintf(own, sizeof own, "%.3000s/chimed/sounds", data);
    else
        snprintf(own, sizeof own, "%.3000s/.local/share/chimed/sounds", home ? home : "");
    const char *const folders[] = {d->sounds ? d->sounds : "/var/lib/chimed/sounds", own,
                                   "/usr/share/sounds"};
    char full[PATH_MAX];
    visited = disk;
    for (size_t i = 0; i < (d->sounds ? 1 : sizeof folders / sizeof *folders); i++) {
        nftw(d->sounds ? d->sounds : doctor_path(d, folders[i], full), visit, 16, FTW_PHYS);
        if (disk->n_files > 0) return folders[i];
    }
    return d->sounds ? d->sounds : "/usr/share/sounds";
}

// ---- reading ----

/// How much of a piece of a file is in memory already, so that reading it tells nothing of the disk.
static double cached_share(int fd, off_t at, size_t bytes)
{
    unsigned char present[PIECE_BYTES / 4096];
    size_t n = (bytes + 4095) / 4096, n_present = 0;
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, at);
    if (map == MAP_FAILED) return 0;
    if (mincore(map, bytes, present) != 0) n = 0;
    for (size_t i = 0; i < n; i++)
        n_present += present[i] & 1;
    munmap(map, bytes);
    return n ? (double)n_present / (double)n : 0;
}

static bool read_piece(struct disk *disk, int fd, off_t at, bool is_direct, size_t *got)
{
    double cached = is_direct ? 0 : cached_share(fd, at, PIECE_BYTES);
    double start = now();
    ssize_t n = pread(fd, disk->piece, PIECE_BYTES, at);
    double took = now() - start;
    if (n <= 0) return false;
    *got = (size_t)n;
    disk->bytes += (double)n;
    disk->cached_bytes += cached * (double)n;
    disk->seconds += took;
    if (took > disk->longest_s) disk->longest_s = took;
    return true;
}

/// Past the page cache where the file system can, else after asking the system to forget the file.
static void read_file(struct disk *disk, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT | O_NOFOLLOW);
    bool is_direct = fd >= 0;
    if (!is_direct) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return;
    if (!is_direct) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    size_t n = PIECE_BYTES;
    for (off_t at = 0; n == PIECE_BYTES && disk->bytes < READ_BYTES && disk->seconds < READ_SECONDS;
         at += PIECE_BYTES)
        if (!read_piece(disk, fd, at, is_direct, &n)) break;
    close(fd);
}

// ---- the finding ----

static void tell(struct doctor *d, const struct disk *disk, const char *folder)
{
    double speed = disk->bytes / disk->seconds * 1e-6;
    double cached = disk->cached_bytes / disk->bytes;
    bool is_slow = speed < SLOW_MB_S || disk->longest_s > SLOW_READ_S;
    if (cached > 0.1 && !is_slow)
        doctor_find(d, SEVERITY_FINE, TOPIC_disk, NULL,
                    "%.100s: %.0f MB/s, but %.0f %% came from memory, not from the disk", folder, speed,
                    cached * 100);
    else
        doctor_find(d, is_slow ? SEVERITY_WARNING : SEVERITY_FINE, TOPIC_disk,
                    is_slow ? "$ chime load FOLDER" : NULL,
                    "%.100s: %.0f MB/s, enough for %.0f files at once; longest read %.1f ms%s", folder, speed,
                    speed / STREAM_MB_S / 2, disk->longest_s * 1e3,
                    is_slow ? ": load sounds before they are wanted" : "");
}

void doctor_look_at_disk(struct doctor *d)
{
    struct disk *disk = calloc(1, sizeof *disk);
    if (!disk || posix_memalign(&disk->piece, 4096, PIECE_BYTES) != 0) {
        free(disk);
        return;
    }
    const char *folder = find_sounds(d, disk);
    for (size_t i = 0; i < disk->n_files; i++) {
        if (disk->bytes < READ_BYTES && disk->seconds < READ_SECONDS) read_file(disk, disk->files[i]);
        free(disk->files[i]);
    }
    if (disk->bytes > 0 && disk->seconds > 0)
        tell(d, disk, folder);
    else
        doctor_find(d, d->sounds ? SEVERITY_WARNING : SEVERITY_NOTE, TOPIC_disk,
                    d->sounds ? NULL : "# apt install sound-theme-freedesktop",
                    "no sound to read in %.120s: its speed is not known", folder);
    free(disk->piece);
    free(disk);
}
