// SPDX-License-Identifier: MIT
// reply.h - answers: builds them, packs list items into bundles, sends them to who asked. Control thread.
#ifndef ENGINE_OSC_REPLY_H
#define ENGINE_OSC_REPLY_H
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/osc/methods.h"
#include "engine/osc/transport.h"
#include "engine/osc/write.h"

/// No datagram with several list items is longer: it fits into one Ethernet frame, and may wait in the
/// outbox.
#define MAX_BUNDLE_BYTES LARGE_ANSWER_BYTES

struct replies {
    struct transport *transport; // NULL: answers to a score, which go nowhere but for errors, to the log
    uint64_t n_errors;           // sent or logged
    struct osc_writer writer;
    uint8_t message[OSC_MAX_MESSAGE_BYTES];
    uint8_t bundle[MAX_BUNDLE_BYTES]; // list items on their way
    struct client bundle_to;          // whose they are
    uint32_t n_bundle;
};

/// Begins `/done path`; add values, then reply_send().
struct osc_writer *reply_done(struct replies *r, const char *path);

/// Begins a message with a path of its own: an event or a list item.
struct osc_writer *reply_begin(struct replies *r, const char *path);

/// Sends the message that was begun, after the list items before it.
void reply_send(struct replies *r, const struct client *to);

/// Keeps the message that was begun as a list item, to be sent with others.
void reply_add_item(struct replies *r, const struct client *to);

/// Sends the list items that are kept.
void reply_flush(struct replies *r);

/// `/error path code text`.
void reply_error(struct replies *r, const struct client *to, const char *path, enum api_error error,
                 const char *text);

#endif
