// SPDX-License-Identifier: MIT
// source.h - the bytes of one sound file, for libsndfile: out of a mapping where that is safe, else read.
// Worker thread.
//
// Touching a mapping behind the end of its file raises SIGBUS, which ends the daemon, and the end moves when
// somebody cuts the file short. So only what nobody but root can shorten is mapped: a file of root's on a
// local file system that neither group nor others may write, or one sealed against it. Files of the daemon's
// own user are read: rewriting a sound in place while it loads is an everyday thing. Before bytes of a
// mapping are touched, the kernel is asked for their pages; if it cannot give them (a failing disk, a file
// cut short after all), they are read, and the error is that of the read.
#ifndef ENGINE_SOUNDS_SOURCE_H
#define ENGINE_SOUNDS_SOURCE_H
#include <sndfile.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/mapped_file.h"
#include "alloc/status.h"

/// A zeroed one is closed.
struct source {
    int fd;                        // borrowed until source_close()
    struct mapped_file map;        // empty: all is read through `fd`
    int64_t present_from, present; // which bytes of the mapping are in memory: the first, and how many
    int64_t offset, length;        // bytes: of the next read, and of the file when it was opened
    int error;                     // errno of the first read that failed; 0: none did
};

/// Borrows a regular file that is open for reading; where it stands does not matter, and stays. Errors are
/// those of fstat().
NODISCARD enum status source_open(struct source *s, int fd);
void source_close(struct source *s);

/// Opens the sound in it; NULL when there is none, and sf_strerror(NULL) says why. Borrows the source until
/// sf_close().
SNDFILE *source_open_sound(struct source *s, SF_INFO *info);

/// Reads up to `n` bytes, fewer only at the end of the file or after an error, and moves on behind them.
int64_t source_read(struct source *s, void *to, int64_t n);

#endif
