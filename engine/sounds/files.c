// SPDX-License-Identifier: MIT
// files.c - opens sound files, and only those that may be opened.
#include "engine/sounds/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/sounds/beneath.h"

/// Longer than the longest sound in any format, uncompressed, with room for pictures and texts.
#define MAX_FILE_BYTES (INT64_C(1) << 36)

static const struct slice slash = {"/", 1};

void folders_copy(struct folders *f, const struct config *config)
{
    memcpy(f->own, config->sound_folder, sizeof f->own);
    memcpy(f->allowed, config->allow, sizeof f->allowed);
    f->n_allowed = config->n_allow;
}

static void add_root(struct roots *r, const char *path)
{
    struct root root = {open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), slice_of(path)};
    if (root.fd < 0) {
        log_debug("sound folder %s: %s", path, strerror(errno));
        return;
    }
    while (slice_ends_with(root.path, slash))
        root.path.length--;
    if (!VEC_PUSH(&r->folders, root)) close(root.fd); // there is room for all
}

enum status roots_init(struct roots *r, struct allocator *a)
{
    *r = (struct roots){.walks = !beneath_has_openat2(), .folders.v.a = a};
    // All at once: an arena keeps what a vector grows out of, and gives nothing more later.
    return VEC_RESERVE(&r->folders, CONFIG_MAX_ALLOW + 1) ? STATUS_OK : STATUS_NO_MEMORY;
}

static void close_all(struct roots *r)
{
    while (r->folders.v.n > 0)
        close(VEC_POP(&r->folders).fd);
}

void roots_set(struct roots *r, const struct folders *f)
{
    close_all(r);
    if (f->own[0]) add_root(r, f->own);
    for (uint32_t i = 0; i < f->n_allowed; i++)
        add_root(r, f->allowed[i]);
}

void roots_close(struct roots *r)
{
    close_all(r);
    VEC_FINI(&r->folders);
}

/// The part of an absolute path behind a folder, or NULL when it lies elsewhere.
static const char *path_below(struct slice folder, const char *path)
{
    struct slice all = slice_of(path), rest = slice_sub(all, folder.length, all.length);
    if (!slice_starts_with(all, folder) || !slice_starts_with(rest, slash)) return NULL;
    return rest.data + strspn(rest.data, "/"); // the end of a text ends in 0 as well
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
    for (size_t i = 0; i < r->folders.v.n; i++) {
        const struct root *root = &r->folders.items[i];
        const char *below = is_absolute ? path_below(root->path, path) : path;
        if (!below || !below[0]) continue;
        in_a_root = true;
        *fd = r->walks ? beneath_walk(root->fd, below) : beneath_open(root->fd, below);
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
    if (s.st_size <= 0 || s.st_size > MAX_FILE_BYTES) {
        snprintf(reason, LOAD_REASON_BYTES, "%.300s: the file is %s", path,
                 s.st_size > 0 ? "larger than any sound that can be played" : "empty");
        return API_BAD_SOUND;
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
