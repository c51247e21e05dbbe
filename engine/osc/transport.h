// SPDX-License-Identifier: MIT
// transport.h - what comes in over all sockets, packet by packet, and what goes out. Control thread.
//
// What is sent to whom: nothing but answers to addresses that have asked. Over UDP to other machines no more
// bytes than CREDIT_FACTOR times what came from them, until the client has shown, by sending back what /hello
// answered, that it hears what goes to its address; and nothing to ports below 1024 or to many. Addresses of
// this machine cannot be forged from outside, so they count as proved. What may not be sent is dropped and
// counted: silence is better than to flood somebody whose address was forged.
#ifndef ENGINE_OSC_TRANSPORT_H
#define ENGINE_OSC_TRANSPORT_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/access.h"
#include "engine/osc/batch.h"
#include "engine/osc/client.h"
#include "engine/osc/clients.h"
#include "engine/osc/listen.h"
#include "engine/osc/outbox.h"
#include "engine/osc/packet.h"
#include "engine/osc/senders.h"
#include "engine/osc/streams.h"

/// Longest datagram of answers: over UDP it fits into one Ethernet frame, with room for tunnels.
#define MAX_UDP_BYTES  1400
#define MAX_UNIX_BYTES MAX_ANSWER_BYTES

/// Sockets that epoll reports in one go.
#define TRANSPORT_MAX_READY 64
#define MAX_CONNECTIONS     1024
/// Clients found to have gone that are remembered at a time; of any more is told when the next is sent to
/// them.
#define TRANSPORT_MAX_GONE 32

struct transport_config {
    struct listen_config listen;
    struct access_config access;
    uint32_t n_clients;     // senders of datagrams that are known at a time
    uint32_t n_connections; // at a time
    uint32_t rate;          // messages a second of one client
    int64_t patience_ns;    // until a connection that does not read is cut off
};

/// Something to be read.
struct ready {
    uint32_t index; // of a listener or a connection
    bool is_stream, is_hung_up, is_read;
};

struct transport {
    struct access access;
    struct listeners listeners;
    struct clients clients;
    struct streams streams;
    struct senders senders;
    struct outbox outbox;
    struct batch batch;
    int epoll_fd;                                              // -1: not open
    uint32_t batch_from;                                       // the listener that the batch was read from
    struct ready ready[TRANSPORT_MAX_READY + MAX_CONNECTIONS]; // in turn, from next_ready on
    uint32_t n_ready, next_ready;
    uint32_t n_taken; // from the one at next_ready
    bool may_have_more;
    struct client gone[TRANSPORT_MAX_GONE]; // for transport_next_gone()
    uint32_t n_gone;
    int64_t now_ns;             // when this turn began
    int64_t unmute_ns;          // when muted listeners are heard again; 0: none is muted
    int64_t starved_ns;         // when a connection had to wait for a descriptor last; 0: never
    int64_t mend_ns;            // when the sockets' files were looked at last
    uint64_t n_received;        // packets
    uint64_t n_answers_dropped; // that no room or no way was found for
    uint64_t n_not_allowed;     // datagrams from addresses that no network is configured for
    uint64_t n_too_fast;        // packets refused
    uint64_t n_unproved;        // answers that were more than an address may get that has not proved itself
    uint64_t n_too_long;        // answers that do not fit into a datagram
};

/// Room for all that is kept, from `a`. No socket is open yet.
NODISCARD enum status transport_init(struct transport *t, struct allocator *a,
                                     const struct transport_config *config);

/// The same, and opens the sockets. On failure `reason` (256 bytes) says what is wrong, and what to do;
/// nothing is left open. Owns the descriptors that were handed over.
NODISCARD enum status transport_open(struct transport *t, struct allocator *a,
                                     const struct transport_config *config, char *reason);
/// Accepts a zeroed one.
void transport_close(struct transport *t);

// ---- another configuration ----

/// Fails, with a reason (256 bytes), when sockets that are open could not go on with it.
NODISCARD enum status transport_check_access(const struct transport *t, const struct access *access,
                                             char *reason);
/// Takes it, for those who are known and connected, too. Connections from where nobody may come any more end.
void transport_set_access(struct transport *t, const struct access *access);
void transport_set_limits(struct transport *t, uint32_t rate, int64_t patience_ns);

// ---- in ----

/// A descriptor that can be read when there is something to do; for poll().
static inline int transport_fd(const struct transport *t)
{
    return t->epoll_fd;
}

/// Begins a turn: sees what has come. transport_next() follows.
void transport_begin(struct transport *t);

/// The next packet, from all sockets in turn. It stays until the next call. False when there is none, for
/// now. Who stops before that holds the senders back: what was not taken stays where it is.
bool transport_next(struct transport *t, struct datagram *d);

/// The packet that was taken last will get so many answers; a connection whose client has closed its end is
/// there until they are sent.
void transport_expect(struct transport *t, const struct client *client, uint32_t n_answers);

/// How long the loop may sleep as far as the sockets are concerned.
int64_t transport_patience_ns(const struct transport *t);

// ---- out ----

/// Sends one message to a connection, or a datagram (a message or a bundle) to any other: at once, or as soon
/// as the client has room. What neither works for is counted, unless the client is gone.
void transport_send(struct transport *t, const struct client *to, const uint8_t *bytes, uint32_t n_bytes);

/// Ends a turn: tries the answers that wait again.
void transport_flush(struct transport *t);

/// A client that something was to be sent to, but whose connection has ended, or whose UNIX socket is closed:
/// it will hear nothing any more. False when there is none. Of UDP nobody tells.
bool transport_next_gone(struct transport *t, struct client *gone);

/// What /hello answers: a token that the client sends back from where it is. 0 where none is needed.
uint64_t access_token_for(struct transport *t, const struct client *client);
/// True when the token is the client's: from now on, until nothing has come for a minute, it may be answered
/// at length.
bool access_prove(struct transport *t, const struct client *client, uint64_t token);

// ---- trouble ----

/// Looks after the files of the sockets, once a second, and makes those anew that somebody has removed.
void transport_mend(struct transport *t, int64_t now_ns);
/// Connections wait, or have waited a few seconds ago, because there was no descriptor for them.
bool transport_is_starved(const struct transport *t, int64_t now_ns);
/// A socket whose file is gone and cannot be made again; NULL: none.
const struct listener *transport_lost_socket(const struct transport *t);

// ---- figures ----

/// Datagrams that the sockets' buffers had no room for; asks the kernel.
uint64_t transport_count_drops(struct transport *t);

// ---- between the files of this module ----

/// In what epoll says of a socket: it is a connection.
#define TRANSPORT_STREAM_TAG (UINT64_C(1) << 32)
/// Adds a listener to what epoll watches, or tells it of a change (EPOLL_CTL_ADD, EPOLL_CTL_MOD).
bool transport_watch_listener(const struct transport *t, uint32_t index, int change);

#endif
