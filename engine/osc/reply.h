// SPDX-License-Identifier: MIT
// reply.h - answers: builds them, packs them into as few datagrams as they fit into, sends them to who asked.
// Control thread.
//
// To a connection every message is sent by itself, in its framing. To others answers are collected as long as
// they go to the same client, at most until the turn of the loop ends; then one goes out as a plain message,
// several as a #bundle. No UDP datagram is longer than MAX_UDP_BYTES (1400), no UNIX one longer than
// MAX_UNIX_BYTES.
//
// A list (reply_add_item() and the reply_send() after it) over UDP that is longer than one datagram comes in
// parts, so that the client can tell whether it has all: each datagram of it is a bundle that begins with
//     /part list i       i: counted from 0; list: a number that all parts of this list share
// and the last one, which holds the /done, with
//     /part list i n     n: how many there are
// Datagrams on UNIX sockets and messages on connections are not lost, so they have no /part.
//
// A single message of more than 1400 bytes is not sent over UDP: /error path too_long takes its place, and is
// counted as such. Whoever wants it asks over a UNIX socket or TCP.
#ifndef ENGINE_OSC_REPLY_H
#define ENGINE_OSC_REPLY_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/osc/methods.h"
#include "engine/osc/transport.h"
#include "engine/osc/write.h"

/// A bundle's header, and the longest /part with its length, which are put before the messages when they are
/// sent.
#define REPLY_HEAD_BYTES 48

/// Answers to one client on their way.
struct reply_datagram {
    struct client to;
    uint32_t n_messages;
    uint32_t end; // behind the last message; they begin at REPLY_HEAD_BYTES, each behind its length
    bool is_list; // of the list that is under way
    uint8_t bytes[MAX_UNIX_BYTES];
};

struct replies {
    struct transport *transport; // NULL: answers to a score, which go nowhere but for errors, to the log
    uint64_t n_errors;           // sent or logged
    struct osc_writer writer;
    uint8_t message[OSC_MAX_MESSAGE_BYTES];
    struct reply_datagram datagram;
    bool in_list; // items went to `list_to`, and the answer behind them did not yet
    struct client list_to;
    int32_t list;     // its number
    uint32_t n_parts; // that were sent
};

/// Begins `/done path`; add values, then reply_send().
struct osc_writer *reply_done(struct replies *r, const char *path);

/// Begins a message with a path of its own: an event or a list item.
struct osc_writer *reply_begin(struct replies *r, const char *path);

/// Sends the message that was begun, after what was sent before it.
void reply_send(struct replies *r, const struct client *to);

/// Sends the message that was begun as an item of a list; the reply_send() or reply_error() that follows ends
/// it.
void reply_add_item(struct replies *r, const struct client *to);

/// `/error path code text`.
void reply_error(struct replies *r, const struct client *to, const char *path, enum api_error error,
                 const char *text);

/// Sends what was collected. Once at the end of each turn of the loop.
void reply_flush(struct replies *r);

#endif
