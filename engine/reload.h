// SPDX-License-Identifier: MIT
// reload.h - reads the configuration again and applies what has changed, while all plays on. Control thread.
//
// Either all of it is applied that can be, or nothing: what cannot be taken (a line that is wrong, a user
// that there is not) is found before anything is touched. What takes effect on a reload: the keys that
// config.def lists as live, the lists [paths] allow and [access] allow_from, and the buses. New ones are
// made; of the others only what has changed in the file is set, as somebody may have set all else by hand;
// what vanished from the file stays.
#ifndef ENGINE_RELOAD_H
#define ENGINE_RELOAD_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/config_load.h"
#include "engine/control.h"

/// Changes that are told; of any more the number is.
#define RELOAD_MAX_CHANGES 256
#define RELOAD_VALUE_BYTES 160

struct reload_change {
    char key[CONFIG_NAME_BYTES + 32]; // "[section] name"
    char before[RELOAD_VALUE_BYTES], after[RELOAD_VALUE_BYTES];
    bool needs_restart;
};

/// A bus that goes to other channels as soon as it is silent.
struct bus_move {
    uint32_t bus, out, width;
    bool mute; // as it is to be afterwards
};

/// Owned by control.
struct reload {
    const struct config_source *source; // borrowed
    struct config *engine;              // what the engine goes by
    struct config in_force, next;       // as it was read: what holds, and what has come last
    struct access access;               // that comes with `next`
    struct reload_change changes[RELOAD_MAX_CHANGES];
    uint32_t n_changes, n_now, n_restart; // of the last one
    bool has_folders;                     // `next` has others, and the worker does not have them yet
    struct bus_move moves[CONFIG_MAX_BUSES];
    uint32_t n_moves;
    uint64_t moves_frame; // when they are silent
    uint64_t n_done, n_failed;
};

/// `config`: as it was read; copied. `engine`: what the engine goes by. Borrows the source and this one.
void reload_init(struct reload *r, const struct config_source *source, const struct config *config,
                 struct config *engine);

/// All of it; the service manager and the log are told. On failure `error` (ERROR_TEXT_BYTES) says what is
/// wrong and where.
NODISCARD enum status reload_run(struct control *c, char *error);

/// Once a turn: hands over what could not be handed over yet.
void reload_step(struct control *c);

// ---- between the files of this module ----

/// Keeps one change, to be told.
PRINTF_LIKE(5, 6)
void reload_note(struct reload *r, bool needs_restart, const char *before, const char *after, const char *key,
                 ...);

/// Fails when the buses of `next` cannot be made.
NODISCARD enum status reload_check_buses(const struct control *c, char *error);
void reload_buses(struct control *c);
/// Ends the moves of buses that have become silent.
void reload_step_buses(struct control *c);

#endif
