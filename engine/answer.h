// SPDX-License-Identifier: MIT
// answer.h - how handlers answer: at once, when all of their packet has been accepted, or later. Control
// thread.
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/control.h"

// ---- answers ----
// A handler ends with one of these, or with one refusal, or with a promise to answer later. A request's "#n"
// is added to all of them.

/// `/done path ...`, sent when all of the packet has been accepted. `value` is a text of the packet, or one
/// that stays.
void call_done(struct control *c, const struct call *call);
void call_done_int(struct control *c, const struct call *call, int32_t value);
void call_done_text(struct control *c, const struct call *call, const char *value);
void call_done_voice(struct control *c, const struct call *call, uint32_t slot);
/// `/done path` for a method that is done when all others of its packet have been accepted (dispatch.c says
/// which those are): add values, then call_send().
struct osc_writer *call_answer(struct control *c, const struct call *call);
void call_send(struct control *c, const struct call *call);
/// `/error path code text`; nothing of the packet is done.
PRINTF_LIKE(4, 5)
void control_refuse(struct control *c, const struct call *call, enum api_error error, const char *format,
                    ...);
/// The same, with API_FULL, for the command queue.
void control_refuse_full(struct control *c, const struct call *call);

// ---- answers that come later ----
// Client and request id ("#17", or "") have been copied from the call: see REQUEST_ID_BYTES.

/// `/done path`: add values, then answer_send().
struct osc_writer *answer_begin(struct control *c, enum method method);
void answer_send(struct control *c, const struct client *client, const char *id);
void answer_error(struct control *c, const struct client *client, const char *id, enum method method,
                  enum api_error error, const char *text);

// ---- for dispatch.c ----

/// Sends what a call is answered, or `/error path code text`; in a bundle the errors have the message's index
/// behind the text.
void call_send_answer(struct control *c, const struct client *client, const struct answer *a);
void call_send_error(struct control *c, const struct call *call, enum api_error error, const char *text);

#endif
