// SPDX-License-Identifier: MIT
// files.h - opens sound files, and only those that may be opened. Worker thread.
#ifndef ENGINE_SOUNDS_FILES_H
#define ENGINE_SOUNDS_FILES_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/slice.h"
#include "alloc/status.h"
#include "alloc/vec.h"
#include "engine/config.h"
#include "engine/osc/methods.h"

/// Longest sentence of a failed load, with its closing 0.
#define LOAD_REASON_BYTES 512

/// A folder that files may lie in.
struct root {
    int fd;
    struct slice path; // of the configuration, without slashes at its end: "" is the root of all
};

/// Which folders those are.
struct folders {
    char own[CONFIG_PATH_BYTES]; // the daemon's; "": none
    char allowed[CONFIG_MAX_ALLOW][CONFIG_PATH_BYTES];
    uint32_t n_allowed;
};

/// All of them. A zeroed one has none.
struct roots {
    bool anywhere; // no limit but the process's own rights
    bool walks;    // openat2() is not to be had
    VEC(struct root) folders;
};

/// Tells whether a file is still what it was.
struct file_id {
    dev_t device;
    ino_t inode;
    off_t bytes;
    int64_t changed_ns; // time of the last change of its content
};

void folders_copy(struct folders *f, const struct config *config);

/// Room for as many as there can be. Borrows `a` until roots_close(). Fails with STATUS_NO_MEMORY, and has
/// none then.
NODISCARD enum status roots_init(struct roots *r, struct allocator *a);
/// Opens the allowed folders and the daemon's own one; those that do not exist are left out. Borrows `f`
/// until roots_close(), or until others take their place.
void roots_set(struct roots *r, const struct folders *f);
void roots_close(struct roots *r);

/// Opens a regular file for reading. A relative path is looked for in each folder. Symbolic links and `..`
/// may not lead out of a folder. On failure `reason` says which path and why.
NODISCARD enum api_error file_open(const struct roots *r, const char *path, int *fd, char *reason);

/// Checks a descriptor that a client handed over, or one of file_open(): a regular file of a sensible length,
/// open for reading. Whoever keeps the file (FUSE, the network) may take its time to answer.
NODISCARD enum api_error file_check(int fd, const char *path, struct file_id *id, char *reason);

bool file_id_is(const struct file_id *a, const struct file_id *b);

#endif
