// SPDX-License-Identifier: MIT
// latest.h - hands the newest value of a record from one thread to one other thread; older ones are skipped.
//
// Protocol: three buffers. The writer owns one, the reader owns one, and `middle` names the third, with
// FRESH set when the reader has not taken it yet. Publishing and taking are one atomic exchange each, so
// neither side ever waits and the reader never sees a half-written record.
#ifndef ALLOC_LATEST_H
#define ALLOC_LATEST_H
#include <stdatomic.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

struct latest {
    uint8_t *buffers[3];
    uint32_t writer, reader; // which buffer each side owns
    _Atomic uint32_t middle; // the third buffer's index, and LATEST_FRESH
};

#define LATEST_FRESH 4u

// ---- set-up: before any thread runs ----

/// Borrows three zeroed records of `record_bytes` from `a`.
NODISCARD enum status latest_init(struct latest *l, struct allocator *a, uint32_t record_bytes);

// ---- writer thread ----

/// The record to fill in; its old content is arbitrary.
RT_SAFE void *latest_begin(struct latest *l);
/// Makes it the newest.
RT_SAFE void latest_publish(struct latest *l);

// ---- reader thread ----

/// The newest record; stays valid and unchanged until the next call.
const void *latest_read(struct latest *l);

#endif
