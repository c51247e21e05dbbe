// SPDX-License-Identifier: MIT
// beneath.c - opens a file below a folder, along a path that may not leave it.
#include "engine/sounds/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/// O_NONBLOCK: a FIFO that somebody put there must not hold the worker.
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

#define MAX_DEPTH 64
#define MAX_LINKS 40 // the kernel's own limit

int beneath_open(int folder, const char *path)
{
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

bool beneath_has_openat2(void)
{
    int fd = beneath_open(AT_FDCWD, ".");
    if (fd < 0) return errno != ENOSYS;
    close(fd);
    return true;
}

// ---- the walk ----

/// Each folder on the way stays open, so that ".." leads back to it and nowhere else, whoever moves folders
/// meanwhile.
struct walk {
    int folders[MAX_DEPTH]; // the caller's, then those that were entered; the last one is where we are
    uint32_t n_folders, n_links;
    char rest[PATH_MAX]; // what is still to be walked
    int found;           // what the path led to; -1: not there yet
};

static int here(const struct walk *w)
{
    return w->folders[w->n_folders - 1];
}

/// Takes the first name off the path; "" at its end. An errno or 0.
static int take_name(struct walk *w, char name[NAME_MAX + 1])
{
    const char *begin = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(begin, "/");
    if (n > NAME_MAX) return ENAMETOOLONG;
    memcpy(name, begin, n);
    name[n] = 0;
    memmove(w->rest, begin + n, strlen(begin + n) + 1);
    return 0;
}

static int leave_folder(struct walk *w)
{
    if (w->n_folders == 1) return EXDEV;
    close(w->folders[--w->n_folders]);
    return 0;
}

static int enter_folder(struct walk *w, int folder)
{
    if (w->n_folders == MAX_DEPTH) return ENAMETOOLONG;
    w->folders[w->n_folders++] = folder;
    return 0;
}

/// What the link says is walked before the rest.
static int follow_link(struct walk *w, int link)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(link, "", target, sizeof target);
    if (n < 0) return errno;
    size_t length = (size_t)n, n_rest = strlen(w->rest);
    if (n == 0 || target[0] == '/') return EXDEV;
    if (++w->n_links > MAX_LINKS) return ELOOP;
    if (length + n_rest >= sizeof w->rest) return ENAMETOOLONG;
    memmove(w->rest + length, w->rest, n_rest + 1);
    memcpy(w->rest, target, length);
    return 0;
}

/// Whoever puts a link in the file's place after it was looked at gets ELOOP.
static int open_here(struct walk *w, const char *name)
{
    w->found = openat(here(w), name, OPEN_FLAGS | O_NOFOLLOW);
    return w->found < 0 ? errno : 0;
}

/// A name that is neither "." nor ".."; an errno or 0.
static int step_to(struct walk *w, const char *name)
{
    struct stat s;
    int fd = openat(here(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC), error;
    if (fd < 0) return errno;
    if (fstat(fd, &s) != 0) {
        error = errno;
    } else if (S_ISDIR(s.st_mode)) {
        error = enter_folder(w, fd);
        if (!error) return 0; // it stays open
    } else if (S_ISLNK(s.st_mode)) {
        error = follow_link(w, fd);
    } else {
        error = w->rest[0] ? ENOTDIR : open_here(w, name);
    }
    close(fd);
    return error;
}

static int step(struct walk *w)
{
    char name[NAME_MAX + 1];
    int error = take_name(w, name);
    if (error) return error;
    if (!name[0]) return open_here(w, "."); // the path ends with a folder
    if (strcmp(name, ".") == 0) return 0;
    return strcmp(name, "..") == 0 ? leave_folder(w) : step_to(w, name);
}

int beneath_walk(int folder, const char *path)
{
    struct walk w = {.folders = {folder}, .n_folders = 1, .found = -1};
    int error = path[0] == '/' ? EXDEV : strlen(path) >= sizeof w.rest ? ENAMETOOLONG : !path[0] ? ENOENT : 0;
    if (!error) memcpy(w.rest, path, strlen(path) + 1);
    while (!error && w.found < 0) // bounded: each step takes a name off, and only so many links add some
        error = step(&w);
    while (w.n_folders > 1)
        close(w.folders[--w.n_folders]);
    errno = error;
    return w.found;
}
