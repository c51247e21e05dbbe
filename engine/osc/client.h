// SPDX-License-Identifier: MIT
// client.h - where a message came from, what its sender may do, and where its answer goes.
#ifndef ENGINE_OSC_CLIENT_H
#define ENGINE_OSC_CLIENT_H
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/osc/methods.h"

/// Where a message came from and its answer goes to.
struct client {
    enum { CLIENT_NONE, CLIENT_UNIX, CLIENT_UDP, CLIENT_SCORE } kind;
    enum role role; // no part of what client_is() compares
    socklen_t address_bytes;
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
    } address;
};

/// Two addresses of the same place.
static inline bool client_is(const struct client *a, const struct client *b)
{
    return a->kind == b->kind && a->address_bytes == b->address_bytes &&
           memcmp(&a->address, &b->address, a->address_bytes) == 0;
}

#endif
