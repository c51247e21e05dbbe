// SPDX-License-Identifier: MIT
// files.h - opens sound files, and only those that may be opened. Worker thread.
#ifndef ENGINE_SOUNDS_FILES_H
#define ENGINE_SOUNDS_FILES_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "alloc/attr.h"
#include "engine/config.h"
#include "engine/osc/methods.h"

/// Longest sentence of a failed load, with its closing 0.
#define LOAD_REASON_BYTES 512

/// The folders that files may lie in. Read-only after roots_open().
struct roots {
    bool anywhere; // no limit but the process's own rights
    uint32_t n;
    int fds[CONFIG_MAX_ALLOW + 1];
    char paths[CONFIG_MAX_ALLOW + 1][CONFIG_PATH_BYTES];
};

/// Tells whether a file is still what it was.
struct file_id {
    dev_t device;
    ino_t inode;
    off_t bytes;
    int64_t changed_ns; // time of the last change of its content
};

/// Opens the allowed folders and the daemon's own one; those that do not exist are left out.
void roots_open(struct roots *r, const struct config *config);
void roots_close(struct roots *r);

/// Opens a regular file for reading. A relative path is looked for in each folder. Symbolic links and `..`
/// may not lead out of a folder. On failure `reason` says which path and why.
NODISCARD enum api_error file_open(const struct roots *r, const char *path, int *fd, char *reason);

/// Checks a descriptor that a client handed over, or one of file_open(): a regular file, open for reading.
NODISCARD enum api_error file_check(int fd, const char *path, struct file_id *id, char *reason);

bool file_id_is(const struct file_id *a, const struct file_id *b);

#endif
