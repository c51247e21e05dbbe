// SPDX-License-Identifier: MIT
// schedule_book.h - which entries of rt's schedule are given out, to which messages, and who takes them back.
// Control thread.
//
// A message that has commands in the schedule has a ticket, until rt has told what became of each of them. An
// entry is free again when rt says so, and not before: whoever takes a command back asks rt for it.
#ifndef ENGINE_SCHEDULE_BOOK_H
#define ENGINE_SCHEDULE_BOOK_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/client.h"
#include "engine/osc/parse.h"
#include "engine/rt/event.h"
#include "engine/scheduled_texts.h"

#define BOOK_NONE UINT32_MAX

/// /clear answers that may be under way at once.
#define MAX_CLEARS 64

/// What a message is for, as it stands in /late: a voice by number or by name, a bus, or "all".
struct target {
    enum { TARGET_NUMBER, TARGET_NAME, TARGET_BUS, TARGET_ALL } kind;
    int32_t number;
    char name[VOICE_NAME_BYTES];
};

/// A message with scheduled commands.
struct ticket {
    struct client client;
    enum method method;
    struct target target;
    char tag[TAG_BYTES], id[REQUEST_ID_BYTES];
    uint32_t n_entries; // that rt has not told about yet; 0: the ticket is free
    uint32_t clear;     // the /clear that takes it back; BOOK_NONE
    bool is_taken_back; // some command of it was
    bool is_late;       // its sender has been told so
    uint32_t next_free;
};

/// An entry of the schedule.
struct booking {
    uint32_t ticket;
    uint32_t slot; // of the voice that it starts; BOOK_NONE when it starts none
    uint32_t
        next; // of the list that it is in: free ones, those of the open transaction, those to be taken back
    bool is_given_out;
    bool is_listed; // among those to be taken back
    bool is_over;   // likewise, but rt was faster
};

/// A /clear under way.
struct clearing {
    struct client client;
    char id[REQUEST_ID_BYTES];
    uint32_t n_tickets; // that it waits for; 0: this place is free
    uint32_t n_taken;   // messages that have been taken back
};

/// Owned by control.
struct schedule_book {
    struct booking *bookings;
    struct ticket *tickets; // as many as bookings: each has one at the least
    uint32_t n_entries, n_used, n_high;
    uint32_t free, free_ticket;
    uint32_t new_entries;                 // of the open transaction
    uint32_t first_to_take, last_to_take; // to be taken back
    struct clearing clears[MAX_CLEARS];
    uint32_t n_clears;
    struct scheduled_texts *texts; // of the tickets; NULL: none are kept
    uint64_t n_refused;            // commands that found no entry
    uint64_t n_late, n_dropped;    // messages
};

/// `n_entries`: 1 to 65535.
NODISCARD enum status schedule_book_init(struct schedule_book *b, struct allocator *a, uint32_t n_entries);

// ---- giving out ----

/// An entry for a command; `slot`: of the voice that it starts, or BOOK_NONE. `*ticket` BOOK_NONE: the
/// message has none yet, and gets one of arbitrary content but for its counts. BOOK_NONE when all are in use
/// (counted).
uint32_t schedule_book_take(struct schedule_book *b, uint32_t slot, uint32_t *ticket);
/// Entries given out since the last commit or rollback stay given out, or go back.
void schedule_book_commit(struct schedule_book *b);
void schedule_book_rollback(struct schedule_book *b);

// ---- when rt has told ----

/// What became of an entry, which is free now.
struct booking_end {
    uint32_t slot;  // of the voice that was to start, and did not; BOOK_NONE
    bool is_late;   // its sender is to be told that it came too late
    bool is_last;   // of its ticket, which is free now
    uint32_t clear; // that has ended with it; BOOK_NONE
};
struct booking_end schedule_book_end(struct schedule_book *b, uint32_t entry, const struct due *due);

// ---- taking back ----

/// What /clear selects.
struct selector {
    bool all;
    int32_t number;   // of a voice, when `name` is NULL
    const char *name; // of a voice, or a tag
};

/// Marks the messages that match. Returns the place of the /clear, or BOOK_NONE: with `*is_full` all places
/// are in use, else nothing matches.
uint32_t schedule_book_clear(struct schedule_book *b, const struct selector *s, bool *is_full);
/// The next entry that rt is to be asked for; BOOK_NONE when there is none.
uint32_t schedule_book_next_to_take(struct schedule_book *b);

#endif
