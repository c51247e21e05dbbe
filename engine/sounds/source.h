// SPDX-License-Identifier: MIT
// source.h - the bytes of one sound file, for libsndfile.
//
// They are read, not mapped: the file may be cut short at any time, and where its descriptor stands is the
// business of whoever handed it over.
#ifndef ENGINE_SOUNDS_SOURCE_H
#define ENGINE_SOUNDS_SOURCE_H
#include <sndfile.h>
#include <stdint.h>

struct source {
    int fd;                 // borrowed
    int64_t offset, length; // bytes: of the next read, and of the file when it was opened
    int error;              // errno of the first read that failed; 0: none did
};

/// Opens the sound in it; NULL when there is none, and sf_strerror(NULL) says why. Borrows the source until
/// sf_close().
SNDFILE *source_open_sound(struct source *s, SF_INFO *info);

/// Reads up to `n` bytes, fewer only at the end of the file or after an error, and moves on behind them.
int64_t source_read(struct source *s, void *to, int64_t n);

#endif
