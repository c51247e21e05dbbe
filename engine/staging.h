// SPDX-License-Identifier: MIT
// staging.h - what a handler does before its packet has been accepted: so that it can be taken back. Control
// thread.
#ifndef ENGINE_STAGING_H
#define ENGINE_STAGING_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/control.h"

// ---- for the handlers ----

/// Adds a command of a request, with the request's time. False when the queue or the schedule is full: then
/// the call has been refused.
NODISCARD bool control_stage(struct control *c, const struct call *call, struct command *command);
/// The change has been made; it is taken back when this or a later message of the packet is refused.
void control_undo_later(struct control *c, undo *take_back, uint32_t index, uint64_t old);
/// For the check of a method that is called when all others have been accepted: keeps room in the queue for
/// the commands that it will push. False when there is not so much: then the call has been refused.
NODISCARD bool control_reserve(struct control *c, const struct call *call, uint32_t n_commands);
/// The call needs a sound that is being loaded: when all loads of the packet have ended it is tried again
/// from its beginning, or refused with the load's error. The handler returns without an answer.
void control_wait_for_load(struct control *c, const struct call *call, uint32_t sound);
/// The call (/sound/load) has begun a load, and the end of that answers it. When the packet is refused,
/// drop_load() is called; when it is tried again, this call is left out.
void control_answered_by_load(struct control *c, const struct call *call, uint32_t sound);

/// A load that has been begun comes to nothing: nobody is told, and what it brings goes
/// (handle_sound.c).
void drop_load(struct control *c, uint32_t sound);

// ---- for dispatch.c ----

void staging_begin(struct control *c, bool is_bundle);
/// The next call is to be checked. False when there are too many: then the packet has been refused.
bool staging_add(struct control *c, const struct call *call);
/// Hands all commands to rt; from here on answers are sent.
void staging_commit(struct control *c);
/// Takes everything back, but for loads when `keeps_loads`.
void staging_rollback(struct control *c, bool keeps_loads);
void staging_end(struct control *c);

#endif
