// SPDX-License-Identifier: MIT
// transport.h - the sockets: takes datagrams in, sends answers out. Control thread.
#ifndef ENGINE_OSC_TRANSPORT_H
#define ENGINE_OSC_TRANSPORT_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/client.h"
#include "engine/osc/outbox.h"
#include "engine/osc/packet.h"
#include "engine/osc/senders.h"

struct transport {
    int unix_fd, udp_fd; // -1: none
    char unix_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct senders senders;
    struct outbox outbox;
    uint64_t n_received, n_answers_dropped;
    uint64_t n_kernel_dropped; // datagrams that the UDP socket's buffer had no room for
};

/// A datagram that came in.
struct datagram {
    const uint8_t *bytes;
    uint32_t n_bytes;
    struct client client;
    uint64_t arrival_ns; // CLOCK_MONOTONIC
    int fd; // a file descriptor that came with it, to be closed by the receiver; -1: none
};

/// What transport_open() does first: room for the answers that wait, from `a`. No socket is open yet.
NODISCARD enum status transport_init(struct transport *t, struct allocator *a);

/// Opens the sockets: UNIX datagrams at `unix_path` (mode 0660; its folder is made if needed), UDP on
/// 127.0.0.1
/// (`udp_port` 0: none). A socket file that a dead daemon left is replaced. On failure `reason` (256 bytes)
/// says which socket, why, and what to do.
NODISCARD enum status transport_open(struct transport *t, struct allocator *a, const char *unix_path,
                                     uint16_t udp_port, char *reason);
void transport_close(struct transport *t);

/// Takes the next datagram of a socket. False when there is none. `buffer`: OSC_MAX_PACKET_BYTES + 1.
bool transport_receive(struct transport *t, int fd, uint8_t *buffer, struct datagram *d);

/// Sends at once, or keeps a copy until the client has room again. What neither works for is counted, unless
/// the client is gone.
void transport_send(struct transport *t, const struct client *to, const uint8_t *bytes, uint32_t n_bytes);

/// Tries the waiting answers again.
void transport_flush(struct transport *t);

#endif
