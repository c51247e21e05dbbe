// SPDX-License-Identifier: MIT
// mapped_file.h - the bytes of a file as memory, for reading only.
#ifndef ALLOC_MAPPED_FILE_H
#define ALLOC_MAPPED_FILE_H
#include <stddef.h>

#include "alloc/attr.h"
#include "alloc/slice.h"
#include "alloc/status.h"

/// A zeroed one holds nothing. Pages come in when they are touched, so rt may not read it, and a file that
/// somebody else cuts short meanwhile ends the process that reads behind its new end (SIGBUS): map only what
/// nobody else may write, or take the file to pieces with read().
struct mapped_file {
    struct slice bytes;
};

/// Declares one that closes itself at the end of its scope.
#define MAPPED_FILE_SCOPED __attribute__((cleanup(mapped_file_close))) struct mapped_file

/// Maps a regular file. Errors are those of open() and fstat(); STATUS_UNSUPPORTED: not a regular file.
NODISCARD enum status mapped_file_open(struct mapped_file *f, const char *path);
/// The same for a descriptor, which the caller keeps.
NODISCARD enum status mapped_file_open_fd(struct mapped_file *f, int fd);
/// Accepts a zeroed one.
void mapped_file_close(struct mapped_file *f);

#endif
