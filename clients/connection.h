// SPDX-License-Identifier: MIT
// connection.h - the sockets of a connection to a daemon: how they are opened, and messages over a stream.
// Inside libchime.
#ifndef CLIENTS_CONNECTION_H
#define CLIENTS_CONNECTION_H
#include <stdbool.h>
#include <sys/types.h>

#include "clients/message.h"
#include "clients/url.h"

struct chime {
    int fd;
    int daemon_fd; // UNIX: connected to the daemon's socket, to wait until that has room; -1: none
    struct url url;
    dev_t socket_dev; // the daemon's socket file when it was connected to
    ino_t socket_ino;
    uid_t socket_owner; // who answers come from
    gid_t socket_group;
    uint64_t n_junk;
    struct message_list inbox;
    size_t n_buffered; // of a connection: the begin of a message of which the rest has not come
    char buffer[MESSAGE_MAX_BYTES + 1]; // one more, to see what is too long
};

/// Opens what `c->url` names.
CHIME_NODISCARD enum chime_status connection_open(struct chime *c);

/// The address of a UNIX daemon.
struct sockaddr_un connection_address(const struct url *u);

/// What an errno of a socket means to the caller.
enum chime_status connection_status(int error);

// ---- streams: each message behind its length (OSC 1.0) ----

/// Sends on from `*n_sent` of the length and the bytes. True when all is sent; else errno tells why not.
bool connection_send(struct chime *c, const char *bytes, size_t size, size_t *n_sent);

/// Takes in what has come, without waiting. CHIME_NO_DAEMON at the end of the stream.
CHIME_NODISCARD enum chime_status connection_take_in(struct chime *c);

#endif
