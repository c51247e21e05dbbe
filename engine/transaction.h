// SPDX-License-Identifier: MIT
// transaction.h - all messages of a packet, or none: commands, changes of the books and answers wait until
// every message has been accepted. Control thread.
//
// A handler stages its commands, says how each of its changes to the books is undone, and ends with one
// call_done or one refusal. After the last message the commands are handed to rt together and the answers are
// sent; or, when one was refused, the commands are forgotten, the changes undone in reverse, and every
// message is answered with an error. Methods that cannot be undone are called when all others have been
// accepted.
#ifndef ENGINE_TRANSACTION_H
#define ENGINE_TRANSACTION_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/call.h"

/// Messages of a packet, each counted once for every method that its pattern of paths stands for; the longest
/// packet holds 8190 of the shortest kind.
#define MAX_CALLS 8192

/// Changes that can be undone, and loads that one packet may begin.
#define MAX_UNDOS     32768
#define MAX_NEW_LOADS 256

/// How a change of the books is taken back.
typedef void undo(struct control *c, uint32_t index, uint64_t old);

struct undo_step {
    undo *undo;
    uint32_t index;
    uint64_t old;
};

// ---- for the handlers ----

/// Adds a command of a request, with the request's time. False when the queue or the schedule is full: then
/// the call has been refused.
NODISCARD bool control_stage(struct control *c, const struct call *call, struct command *command);
/// The change has been made; it is taken back when this or a later message of the packet is refused.
void control_undo_later(struct control *c, undo *undo, uint32_t index, uint64_t old);
/// The call needs a sound that is being loaded: when all loads of the packet have ended it is tried again
/// from its beginning, or refused with the load's error. The handler returns without an answer.
void control_wait_for_load(struct control *c, const struct call *call, uint32_t sound);
/// The call (/sound/load) has begun a load, and the end of that answers it. When the packet is refused,
/// drop_load() is called; when it is tried again, this call is left out.
void control_answered_by_load(struct control *c, const struct call *call, uint32_t sound);

#endif
