// SPDX-License-Identifier: MIT
// score.h - a series of OSC packets, each behind its length, from a file or a pipe. For the renderer.
#ifndef ENGINE_SCORE_H
#define ENGINE_SCORE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/mapped_file.h"
#include "alloc/slice.h"
#include "alloc/status.h"

/// A zeroed one is closed.
struct score {
    const char *name; // for messages
    int fd;           // of a pipe
    struct mapped_file map;
    struct slice rest; // of the map: what was not read yet
    uint8_t *buffer;   // for a packet of a pipe; NULL: mapped
    struct allocator *a;
    bool failed; // a read did; that was logged
};

/// Maps a file, and reads anything else as it comes; `-` is standard input. A file that is cut short
/// meanwhile ends the process, as it may: nothing but the render is lost. Borrows `path` and `a` until
/// score_close(). Errors are those of open() and fstat(), and STATUS_NO_MEMORY; it logs why.
NODISCARD enum status score_open(struct score *s, struct allocator *a, const char *path);
void score_close(struct score *s);

/// The next packet, 1 to OSC_MAX_PACKET_BYTES long; it is there until the next call. STATUS_NOT_FOUND at the
/// end; STATUS_BAD_FORMAT or STATUS_SYSTEM, logged as well, when the score is damaged or cannot be read.
NODISCARD enum status score_next(struct score *s, struct slice *packet);

/// The frame that a packet's time tag stands for; `now` for a message, or a bundle that is to be done at
/// once.
uint64_t score_frame(struct slice packet, uint32_t rate, uint64_t now);

#endif
