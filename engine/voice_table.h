// SPDX-License-Identifier: MIT
// voice_table.h - the voices as control knows them: ids, what was asked for, and who wants to hear of it.
#ifndef ENGINE_VOICE_TABLE_H
#define ENGINE_VOICE_TABLE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/names.h"
#include "engine/osc/client.h"
#include "engine/osc/parse.h"
#include "engine/osc/write.h"
#include "mixer/kernel.h"

#define VOICE_NONE UINT32_MAX

/// Ids that the engine chooses begin here, so that clients have the small ones for themselves.
#define FIRST_ENGINE_ID 1000000

/// What a voice is called: a text, or a number when `text` is NULL. Two spaces: 42 is not "42".
struct voice_id {
    const char *text; // 1 to VOICE_NAME_BYTES - 1 bytes
    int32_t number;   // 0 or more; -1: the engine chooses one
};

/// A slot between control and rt: FREE > PENDING (its sound is loading) or SCHEDULED (rt is to start it at
/// its time) > LIVE (rt has it) > FREE again when rt has said that the voice ended.
enum voice_slot_state { SLOT_FREE, SLOT_PENDING, SLOT_SCHEDULED, SLOT_LIVE };

/// What /play asked for; while a voice is PENDING, changed by what comes before it starts. What holds from
/// then on is rt's to know (COMMAND_VOICE_REPORT). Times in seconds of the sound; negative: not given.
struct play {
    double rate;
    double start, end, loop_start, loop_end;
    double fade, fade_out;
    float gain_db, pan;
    uint32_t loop_count;
    uint16_t bus;
    uint8_t quality; // enum interpolation
    bool loop, paused;
};

struct voice_entry {
    uint8_t state;       // enum voice_slot_state
    bool notify;         // the client wants to hear of its start and end
    bool is_cancelled;   // PENDING: it was stopped
    bool is_shed;        // stopped because the load was too high
    uint32_t generation; // of the slot's voices: one more for each
    int32_t number;
    char name[VOICE_NAME_BYTES]; // "": the number is its id
    uint32_t sound;              // of the sound table
    struct play play;
    struct client client;              // who asked
    char request_id[REQUEST_ID_BYTES]; // PENDING: of the /play that waits for its answer
    uint32_t next_pending;             // voices that wait for the same sound, in order
};

/// Owned by control.
struct voice_table {
    struct voice_entry *entries;
    uint32_t n_slots, n_used, n_high;
    uint32_t *free_slots;
    struct names ids;
    int32_t next_id;
    uint32_t n_notify; // voices whose end somebody waits for
    uint64_t n_refused, n_started;
};

NODISCARD enum status voice_table_init(struct voice_table *t, struct allocator *a, uint32_t n_slots);

/// The id that stands in a request as a VOICE or VOICES (not "all"); -1 when it is not set.
struct voice_id voice_id_requested(const struct request *r, enum param p);
/// An id for messages to people, in `text` (VOICE_NAME_BYTES). Returns it.
const char *voice_id_text(struct voice_id id, char *text);
/// Of a voice, as it was given: borrowed while the slot is in use.
struct voice_id voice_id_of(const struct voice_entry *v);
/// Adds the id of a voice to an answer, in the type in which it was given.
void voice_add_id(struct osc_writer *w, const struct voice_entry *v);

/// The voice with this id; VOICE_NONE when there is none.
uint32_t voice_find(const struct voice_table *t, struct voice_id id);

/// A slot for a new voice, in state PENDING, with a generation of its own. The id must be new; it is copied.
/// VOICE_NONE when all are in use (counted).
uint32_t voice_acquire(struct voice_table *t, struct voice_id id);
void voice_release(struct voice_table *t, uint32_t slot);

/// `client` asked for the voice; with `notify` it wants to hear of its start and end.
void voice_set_client(struct voice_table *t, uint32_t slot, const struct client *client, bool notify);

#endif
