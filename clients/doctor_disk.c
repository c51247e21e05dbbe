// SPDX-License-Identifier: MIT
// doctor_disk.c - chime doctor: how fast the sound folder can be read.
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clients/doctor.h"

/// What is read at the most, and for how long.
#define READ_BYTES   (64l << 20)
#define READ_SECONDS 0.5
/// A disk below this plays no more than a few dozen files at once: CD quality stereo is 0.18 MB/s.
#define SLOW_MB_S 5.0

static char largest[PATH_MAX];
static off_t largest_bytes;

static int visit(const char *path, const struct stat *s, int kind, struct FTW *where)
{
    (void)where;
    if (kind != FTW_F || s->st_size <= largest_bytes) return 0;
    largest_bytes = s->st_size;
    snprintf(largest, sizeof largest, "%s", path);
    return 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/// MB/s of a file that the system has been asked to forget; negative when it cannot be read.
static double read_speed(const char *path)
{
    static char buffer[1 << 18];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    double start = now(), seconds;
    long bytes = 0;
    ssize_t n;
    do {
        n = read(fd, buffer, sizeof buffer);
        bytes += n > 0 ? n : 0;
        seconds = now() - start;
    } while (n > 0 && bytes < READ_BYTES && seconds < READ_SECONDS);
    close(fd);
    return bytes > 0 && seconds > 0 ? (double)bytes / seconds * 1e-6 : -1;
}

void doctor_look_at_disk(struct doctor *d)
{
    char full[PATH_MAX];
    largest_bytes = 0;
    nftw(doctor_path(d, d->sound_folder, full), visit, 16, FTW_PHYS);
    double speed = largest_bytes > 0 ? read_speed(largest) : -1;
    if (speed < 0)
        doctor_find(d, SEVERITY_NOTE, "disk",
                    "apt install sound-theme-freedesktop, or chime load a folder of yours",
                    "no sound to read in %s", d->sound_folder);
    else
        doctor_find(d, speed < SLOW_MB_S ? SEVERITY_WARNING : SEVERITY_FINE, "disk",
                    speed < SLOW_MB_S ? "load sounds before the show: chime load FOLDER" : NULL,
                    "%s is read at %.0f MB/s", d->sound_folder, speed);
}
