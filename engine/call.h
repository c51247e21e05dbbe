// SPDX-License-Identifier: MIT
// call.h - a request with its way back: what handlers are given, and how they answer. Control thread.
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/osc/client.h"
#include "engine/osc/parse.h"
#include "engine/osc/write.h"
#include "engine/rt/command.h"

struct control;
struct answer;

/// Longest sentence of an /error, with its closing 0.
#define ERROR_TEXT_BYTES 1024

/// What one message asks of one method. There until its handler returns.
struct call {
    const struct request *request;
    const struct client *client;
    const char *path; // of the method
    int *fd;          // came with the datagram; who takes it sets it to -1
    enum when when;   // what its commands get
    uint64_t time;
    bool is_alone; // no other message came with it, and it is not scheduled: it may be answered later than
                   // others
    bool drop_late;
    uint32_t index;   // of the message in its packet
    uint32_t n_tries; // times that its packet has waited for loads; from 1 on, what is loaded is not looked
                      // at again
};

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
