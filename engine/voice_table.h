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
#include "engine/osc/transport.h"
#include "mixer/kernel.h"

#define VOICE_NONE UINT32_MAX

/// Ids that the engine chooses begin here, so that clients have the small ones for themselves.
#define FIRST_ENGINE_ID 1000000

/// A slot between control and rt: FREE > PENDING (its sound is loading) > LIVE (rt has it) > FREE again when
/// rt has said that the voice ended.
enum voice_slot_state { SLOT_FREE, SLOT_PENDING, SLOT_LIVE };

/// What /play asked for. Times in seconds of the sound; negative: not given.
struct play {
    float gain_db, pan;
    double rate;
    double start, end, loop_start, loop_end;
    double fade, fade_out;
    uint32_t loop_count;
    uint16_t bus;
    enum interpolation quality;
    bool loop, paused;
};

struct voice_entry {
    enum voice_slot_state state;
    int32_t id;
    uint32_t sound; // of the sound table
    struct play play;
    bool is_stopping;
    bool notify;
    struct client client;  // who asked
    uint32_t next_pending; // voices that wait for the same sound, in order
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

/// The voice with this id; VOICE_NONE when there is none.
uint32_t voice_find(const struct voice_table *t, int32_t id);

/// A slot for a new voice, in state PENDING; `id` -1: the engine chooses. VOICE_NONE when all are in use
/// (counted).
uint32_t voice_acquire(struct voice_table *t, int32_t id);
void voice_release(struct voice_table *t, uint32_t slot);

/// `client` asked for the voice; with `notify` it wants to hear of its start and end.
void voice_set_client(struct voice_table *t, uint32_t slot, const struct client *client, bool notify);

#endif
