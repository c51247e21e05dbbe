// SPDX-License-Identifier: MIT
// files.c - opens sound files, and only those that may be opened.
#include "engine/sounds/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/log.h"

static void add_root(struct roots *r, const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        log_debug("sound folder %s: %s", path, strerror(errno));
        return;
    }
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    snprintf(r->paths[r->n], sizeof r->paths[0], "%.*s", (int)n, path);
    r->fds[r->n++] = fd;
}

void roots_open(struct roots *r, const struct config *config)
{
    *r = (struct roots){0};
    if (config->sound_folder[0]) add_root(r, config->sound_folder);
    for (uint32_t i = 0; i < config->n_allow; i++)
        add_root(r, config->allow[i]);
}

void roots_close(struct roots *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        close(r->fds[i]);
    r->n = 0;
}

/// O_NONBLOCK: a FIFO that somebody put there must not hold the worker.
static int open_beneath(int root, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/// The part of an absolute path behind a folder, or NULL when it lies elsewhere.
static const char *path_below(const char *folder, const char *path)
{
    size_t n = strlen(folder);
    if (strcmp(folder, "/") == 0) return path + 1;
    return strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static enum api_error open_failed(int error, const char *path, char *reason)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: snprintf(reason, LOAD_REASON_BYTES, "no such file: %.300s", path); return API_NOT_FOUND;
    case EXDEV:
    case ELOOP:
        snprintf(reason, LOAD_REASON_BYTES, "%.300s leads out of the allowed folders", path);
        return API_NOT_ALLOWED;
    case EACCES:
    case EPERM:
        snprintf(reason, LOAD_REASON_BYTES,
                 "the daemon may not read %.300s; chime hands over files that you may read", path);
        return API_NOT_ALLOWED;
    default:
        snprintf(reason, LOAD_REASON_BYTES, "cannot open %.300s: %s", path, strerror(error));
        return API_INTERNAL;
    }
}

static enum api_error open_anywhere(const char *path, int *fd, char *reason)
{
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return *fd >= 0 ? API_OK : open_failed(errno, path, reason);
}

enum api_error file_open(const struct roots *r, const char *path, int *fd, char *reason)
{
    if (r->anywhere) return open_anywhere(path, fd, reason);
    bool is_absolute = path[0] == '/', in_a_root = false;
    int error = ENOENT;
    for (uint32_t i = 0; i < r->n; i++) {
        const char *below = is_absolute ? path_below(r->paths[i], path) : path;
        if (!below || !below[0]) continue;
        in_a_root = true;
        *fd = open_beneath(r->fds[i], below);
        if (*fd >= 0) return API_OK;
        if (errno != ENOENT) error = errno; // the more telling one of several folders
    }
    if (is_absolute && !in_a_root) {
        snprintf(
            reason, LOAD_REASON_BYTES,
            "%.300s is outside the allowed folders; chime hands over files that you may read, or add a line "
            "`allow = FOLDER` to [paths]",
            path);
        return API_NOT_ALLOWED;
    }
    return open_failed(error, path, reason);
}

enum api_error file_check(int fd, const char *path, struct file_id *id, char *reason)
{
    struct stat s;
    int flags = fcntl(fd, F_GETFL);
    if (fstat(fd, &s) != 0 || flags < 0) {
        snprintf(reason, LOAD_REASON_BYTES, "cannot look at %.300s: %s", path, strerror(errno));
        return API_INTERNAL;
    }
    if (!S_ISREG(s.st_mode)) {
        snprintf(reason, LOAD_REASON_BYTES, "%.300s is %s, not a file", path,
                 S_ISDIR(s.st_mode) ? "a folder" : "a device, pipe or socket");
        return API_BAD_SOUND;
    }
    if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH)) {
        snprintf(reason, LOAD_REASON_BYTES, "%.300s was handed over without the right to read it", path);
        return API_NOT_ALLOWED;
    }
    *id =
        (struct file_id){s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec * 1000000000ll + s.st_mtim.tv_nsec};
    return API_OK;
}

bool file_id_is(const struct file_id *a, const struct file_id *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->changed_ns == b->changed_ns;
}
