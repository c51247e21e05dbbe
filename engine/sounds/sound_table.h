// SPDX-License-Identifier: MIT
// sound_table.h - the sounds that control knows: by name, loading or ready, and who uses them. Control
// thread.
#ifndef ENGINE_SOUNDS_SOUND_TABLE_H
#define ENGINE_SOUNDS_SOUND_TABLE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/refcount.h"
#include "alloc/status.h"
#include "alloc/strbuf.h"
#include "engine/names.h"
#include "engine/osc/client.h"
#include "engine/osc/parse.h"
#include "engine/sounds/worker.h"

#define SOUND_NAME_BYTES 256
/// A longer path is not kept (with its closing 0).
#define SOUND_PATH_BYTES 256
#define SOUND_NONE       UINT32_MAX

enum sound_state { SOUND_FREE, SOUND_LOADING, SOUND_READY };

struct sound_entry {
    enum sound_state state;
    bool is_listed;  // found by its name; false: it goes when its last voice has ended
    bool is_cached;  // loaded by /play of a path: may go whenever nothing plays it
    bool is_dropped; // LOADING: goes when the load has ended
    bool is_handed;  // the file came as a descriptor; `path` is what the client says of it
    bool is_leaving; // a message of the packet that is being checked unloads it
    char name[SOUND_NAME_BYTES];
    char path[SOUND_PATH_BYTES]; // to load it from again; "": none that leads there, or too long
    struct decoded decoded;      // READY
    struct sound lent[2]; // READY: what rt borrows of it; two, for the way from one sample rate to another
    uint8_t newest;       // of these
    bool is_resampled;    // its samples are held for that, and it stays
    uint32_t stays_at;    // engine's rate for which it cannot be resampled; 0: none
    struct file_id id;    // READY; else zeroed, which no file has
    struct refcount refs; // READY: the list's one, and one of each voice
    struct sound_table *table;
    uint64_t last_used; // a count of uses, to find the one that was used longest ago

    // LOADING
    uint64_t sequence;    // of its load
    struct client client; // who gets /done /sound/load or /error; kind CLIENT_NONE for a /play
    char request_id[REQUEST_ID_BYTES];
    uint32_t first_pending, last_pending; // voices that wait for it; SOUND_NONE
};

struct sound_table {
    struct sound_entry *entries;
    uint32_t max_sounds;
    uint32_t *free_entries;
    uint32_t n_free, n_high;
    uint64_t n_refused;
    struct names names;
    struct load *oldest_load, *newest_load; // that are under way
    uint32_t n_under_way, n_under_way_high; // loads
    uint64_t n_loads;                       // begun since the start
    uint64_t n_uses;
    uint32_t n_published;
    struct worker *worker;
};

NODISCARD enum status sound_table_init(struct sound_table *t, struct allocator *a, uint32_t max_sounds,
                                       struct worker *worker);

/// The listed sound of this name; one that is ready before one that is loading. SOUND_NONE when there is
/// none.
uint32_t sound_find(const struct sound_table *t, const char *name);

/// The listed sound of this name that is ready and was made of this very file. SOUND_NONE when there is none.
uint32_t sound_find_file(const struct sound_table *t, const char *name, const struct file_id *id);

/// Begins to load a file into a new entry. `fd` -1: the worker opens `path`; else it is taken over, also on
/// failure; only the worker looks at it. `known`: an entry for the same path, ready or loading, that is still
/// good if the file is the same, or SOUND_NONE. Fails with API_REFUSED (`why`: what is used up) or
/// API_BAD_ARGUMENTS (too long a name or path).
NODISCARD enum api_error sound_load(struct sound_table *t, const char *name, const char *path, int fd,
                                    uint32_t known, uint32_t *sound, struct strbuf *why);

/// Makes room for a load that the store refused and tries it again. False when all that could go would not
/// do: then nothing goes.
NODISCARD bool sound_retry_load(struct sound_table *t, uint32_t sound, struct load *load);

/// Lets the cached sound go that was used longest ago and plays on no voice. False when there is none.
bool sound_evict_one(struct sound_table *t);

/// How many loads had been begun before the oldest one that is still under way; n_loads when none is.
uint64_t sound_oldest_load(const struct sound_table *t);

/// Ends the hand-over of a load that came back from the worker.
void sound_release_load(struct sound_table *t, struct load *load);

/// A loading sound is ready. It takes the place of a listed one of the same name.
void sound_publish(struct sound_table *t, uint32_t sound, const struct load *load);

/// Takes a sound out of the list; it goes at once or with its last voice.
void sound_unlist(struct sound_table *t, uint32_t sound);

/// Gives back a loading entry that came to nothing.
void sound_forget(struct sound_table *t, uint32_t sound);

/// Nobody wants a loading sound any more: it is found no longer, and to be forgotten when its load has ended.
void sound_drop(struct sound_table *t, uint32_t sound);

/// What commands borrow of a ready sound.
const struct sound *sound_lent(const struct sound_entry *e);
/// Begins to make a ready sound again at the engine's rate; it is held until sound_end_resample(). False when
/// that cannot be done now.
NODISCARD bool sound_begin_resample(struct sound_table *t, uint32_t sound);
/// The sound is `made` from now on. What voices borrow is handed to the caller in `old`.
void sound_exchange(struct sound_table *t, uint32_t sound, const struct decoded *made, struct decoded *old);
/// Lets it go. `left` (which may be zeroed): samples that nobody borrows any more.
void sound_end_resample(struct sound_table *t, uint32_t sound, const struct decoded *left);

/// Voices that borrow a sound.
uint32_t sound_n_voices(const struct sound_entry *e);

/// A voice begins, or ends, to use a ready sound.
void sound_acquire(struct sound_table *t, uint32_t sound);
void sound_release(struct sound_table *t, uint32_t sound);

#endif
