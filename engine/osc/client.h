// SPDX-License-Identifier: MIT
// client.h - where a message came from, what its sender may do, and where its answer goes.
#ifndef ENGINE_OSC_CLIENT_H
#define ENGINE_OSC_CLIENT_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/osc/methods.h"

/// A connection: the place that it has among all, and which of those that had the place it is.
struct stream_ref {
    uint32_t index, generation;
};

/// Where a message came from and its answer goes to. A copy stays good for as long as it is kept: answers to
/// a connection that has closed go nowhere, even if another one has taken its place.
struct client {
    enum { CLIENT_NONE, CLIENT_UNIX, CLIENT_UDP, CLIENT_STREAM, CLIENT_SCORE, CLIENT_JOURNAL } kind;
    enum role role;  // no part of what client_is() compares
    uint16_t socket; // of datagrams: the listener that it came in by, and that answers leave from
    socklen_t address_bytes;
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct stream_ref stream;
    } address;
};

/// Two addresses of the same place.
static inline bool client_is(const struct client *a, const struct client *b)
{
    return a->kind == b->kind && a->socket == b->socket && a->address_bytes == b->address_bytes &&
           memcmp(&a->address, &b->address, a->address_bytes) == 0;
}

#endif
