// SPDX-License-Identifier: MIT
// transport.h - the sockets: takes datagrams in, sends answers out. Control thread.
#ifndef ENGINE_OSC_TRANSPORT_H
#define ENGINE_OSC_TRANSPORT_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/pools.h"
#include "alloc/status.h"
#include "engine/osc/packet.h"

/// Where a message came from and its answer goes to.
struct client {
    enum { CLIENT_NONE, CLIENT_UNIX, CLIENT_UDP, CLIENT_SCORE } kind;
    socklen_t address_bytes;
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
    } address;
};

/// Two addresses of the same place.
bool client_is(const struct client *a, const struct client *b);

/// Longest datagram that is sent, bundles of list items included.
#define MAX_ANSWER_BYTES 4096

/// Answers that wait for clients whose socket buffer is full.
#define MAX_WAITING_ANSWERS 256

/// How long an answer waits before its client counts as gone.
#define ANSWER_PATIENCE_NS 2000000000ll

/// Answers among them that are longer than POOLS_LARGE_BYTES.
#define MAX_WAITING_LONG_ANSWERS 32

struct waiting_answer {
    struct client client;
    int64_t deadline_ns; // CLOCK_MONOTONIC
    uint32_t n_bytes;
    uint8_t *bytes; // of `answers` or `long_answers`, by its length
};

struct transport {
    int unix_fd, udp_fd; // -1: none
    char unix_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct waiting_answer *waiting; // in order of sending
    uint32_t n_waiting;
    struct pools answers;
    struct pool long_answers;
    uint64_t n_received, n_answers_dropped;
    uint64_t n_kernel_dropped; // datagrams that the UDP socket's buffer had no room for
};

/// A datagram that came in.
struct datagram {
    const uint8_t *bytes;
    uint32_t n_bytes;
    struct client client;
    int fd; // a file descriptor that came with it, to be closed by the receiver; -1: none
};

/// What transport_open() does first: room for the answers that wait, from `a`. No socket is open yet.
NODISCARD enum status transport_init(struct transport *t, struct allocator *a);

/// Opens both sockets: UNIX datagrams at `unix_path` (mode 0660; its folder is made if needed), UDP on
/// 127.0.0.1
/// (`udp_port` 0: none). A socket file that a dead daemon left is replaced. On failure `reason` (256 bytes)
/// says which socket, why, and what to do.
NODISCARD enum status transport_open(struct transport *t, struct allocator *a, const char *unix_path,
                                     uint16_t udp_port, char *reason);
void transport_close(struct transport *t);

/// Takes the next datagram of a socket. False when there is none. `buffer`: OSC_MAX_PACKET_BYTES + 1.
bool transport_receive(struct transport *t, int fd, uint8_t *buffer, struct datagram *d);

/// Sends at once, or keeps a copy until the client has room again.
void transport_send(struct transport *t, const struct client *to, const uint8_t *bytes, uint32_t n_bytes);

/// Tries the waiting answers again.
void transport_flush(struct transport *t);

#endif
