// SPDX-License-Identifier: MIT
// scheduled_texts.h - the messages that wait for their time, as they can be sent again: for the journal.
// Control thread.
#ifndef ENGINE_SCHEDULED_TEXTS_H
#define ENGINE_SCHEDULED_TEXTS_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/pool.h"
#include "alloc/status.h"

/// Room for a message of the usual kind, one for each ticket; and for a long one, for one ticket in sixteen.
#define SCHEDULED_TEXT_BYTES      256
#define SCHEDULED_LONG_TEXT_BYTES 2560

/// A message. `time` is without the jumps of the system's clock.
struct scheduled_text {
    uint8_t *bytes; // NULL: none is kept
    pool_handle handle;
    uint32_t n_bytes;
    bool is_long;
    uint64_t time;         // NTP
    uint32_t older, newer; // tickets
};

struct scheduled_texts {
    struct scheduled_text *texts; // of each ticket
    struct pool usual, longs;
    uint32_t oldest, newest, next; // tickets; `next` is what scheduled_texts_next() gives
    uint64_t shift;                // of the system's clock since the start, 32.32 seconds
    uint64_t n_refused;            // messages that found no room
};

NODISCARD enum status scheduled_texts_init(struct scheduled_texts *t, struct allocator *a,
                                           uint32_t n_tickets);

/// Copies the message of a ticket that has none, the newest of all. Without room it is left out (counted).
void scheduled_texts_keep(struct scheduled_texts *t, uint32_t ticket, const uint8_t *message,
                          uint32_t n_bytes, uint64_t time);
/// The ticket is free. Nothing when it has no message.
void scheduled_texts_drop(struct scheduled_texts *t, uint32_t ticket);
/// The system's clock has jumped by so many nanoseconds, and what waits has been moved with it.
void scheduled_texts_shift(struct scheduled_texts *t, int64_t ns);

/// All messages in the order in which they came: those that are kept or dropped meanwhile are seen or not.
void scheduled_texts_begin(struct scheduled_texts *t);
/// False at the end. `time`: NTP, as the system's clock stands now.
bool scheduled_texts_next(struct scheduled_texts *t, const struct scheduled_text **text, uint64_t *time);

#endif
