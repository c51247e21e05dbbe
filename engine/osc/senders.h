// SPDX-License-Identifier: MIT
// senders.h - the sockets that answers to UNIX clients leave from, one for each client. Control thread.
//
// What a client has not read counts against the send buffer of the socket that it was sent from. Were there
// one for all, a client that never reads could fill it and stop the answers to all others. So each client
// gets a socket of its own as long as any is idle: one whose datagrams have all been read. When none is, a
// client that comes anew takes over the one that has the most room. Only a client that connect()s its socket
// to the daemon's hears nothing from elsewhere; its answers leave from there, and share that buffer with
// those to other connected clients.
#ifndef ENGINE_OSC_SENDERS_H
#define ENGINE_OSC_SENDERS_H
#include <stdint.h>
#include <sys/types.h>

#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/client.h"

/// Clients that can have unread answers without sharing a buffer.
#define N_SENDERS 64

struct sender {
    int fd; // not bound: who sent is told by the credentials
    struct client client;
    uint64_t last_used;
};

struct senders {
    struct sender senders[N_SENDERS];
    uint32_t n_open;
    uint64_t n_uses;
};

/// Errors are those of socket(); none is open then.
NODISCARD enum status senders_open(struct senders *s);
/// Accepts a zeroed one.
void senders_close(struct senders *s);

/// Sends a datagram without waiting, as sendto() does. `own_fd`: the socket that clients send to.
ssize_t senders_send(struct senders *s, int own_fd, const struct client *to, const uint8_t *bytes,
                     uint32_t n_bytes);

#endif
