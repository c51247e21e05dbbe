// SPDX-License-Identifier: MIT
// streams.h - connections: UNIX streams and TCP, with OSC in either framing or lines of text. Control thread.
//
// Nothing is dropped here. A client that sends faster than its messages are handled, or than its rate allows,
// or that does not read its answers, is not read from until that has changed: the kernel makes it wait. One
// that does not read for as long as `patience_ns`, or has more to read than a connection may hold, is cut
// off: the rest of the message that is under way, /error "" slow_reader, end.
//
// A client that closes its end (nc -N) still gets the answers to what it sent; then the connection is closed.
#ifndef ENGINE_OSC_STREAMS_H
#define ENGINE_OSC_STREAMS_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/pool.h"
#include "alloc/status.h"
#include "engine/osc/access.h"
#include "engine/osc/client.h"
#include "engine/osc/clients.h"
#include "engine/osc/framing.h"
#include "engine/osc/methods.h"
#include "engine/osc/outgoing.h"
#include "engine/osc/share.h"

/// A connection that has closed its end and awaits an answer that does not come is closed after so long.
#define HALF_CLOSED_PATIENCE_NS 30000000000ll

struct stream {
    int fd; // -1: free
    uint32_t generation;
    enum role role;
    bool is_tcp;
    bool has_more;   // bytes that were read may hold another packet
    bool is_starved; // it has no tokens
    bool is_ended;   // the client has closed its end
    bool is_closing; // no packet is taken any more, and it is closed when all is sent
    bool is_shut; // all is sent; what still comes is thrown away, lest the client lose what it has not read
    bool is_deaf; // what is sent does not arrive any more; what it has sent is still taken
    bool is_watched; // by epoll
    bool had_line;
    uint32_t interest; // what epoll was asked for
    struct framing in;
    struct outgoing out;
    struct bucket bucket;
    uint64_t n_asked, n_answered; // answers that are to come, and that did
    int64_t progress_ns;          // when something was sent last, or nothing waited
    int64_t answer_ns;            // when the client closed its end, or was answered last
};

struct streams {
    struct stream *streams;
    struct seat *seats; // of each one, whose it is
    uint32_t *open;     // the indices of those that are
    uint32_t n_max, n_open;
    struct pool blocks; // of what is to be sent
    uint64_t tag;       // what epoll says of a connection, with its index in the lower half
    int epoll_fd;       // borrowed
    uint32_t rate;      // messages a second of each
    int64_t patience_ns;
    int64_t now_ns;                      // as the last call said
    int64_t wake_ns;                     // how long nothing has to be done, as streams_flush() found
    uint64_t n_accepted, n_refused;      // connections
    uint64_t n_ousted;                   // that had to give way to another user's
    uint64_t n_slow, n_lost;             // cut off: slow readers; framing that was lost
    uint8_t line[OSC_MAX_MESSAGE_BYTES]; // a line of text as a message
};

/// `n_max` connections: 1 to 1024, each with about 86 KB of `a`, and 4 MiB for all.
NODISCARD enum status streams_init(struct streams *s, struct allocator *a, uint32_t n_max, uint32_t rate,
                                   int64_t patience_ns);
/// Connections are watched by `epoll_fd` from here on.
void streams_watch(struct streams *s, int epoll_fd, uint64_t tag);
/// Closes all. Accepts a zeroed one.
void streams_close(struct streams *s);

/// Takes the connections that wait at a listener, or refuses them: there are too many, or they may not come
/// in. False when they go on waiting, for there is no descriptor or memory for them.
NODISCARD bool streams_accept(struct streams *s, int listen_fd, bool is_tcp, struct access *access,
                              int64_t now_ns);

/// Gives those that are connected the roles that they have now, and ends connections from where nobody may
/// come.
void streams_set_access(struct streams *s, const struct access *access);

/// Reads what has come. Call it when streams_have_more() is false. `is_hung_up`: epoll says that both ends
/// are closed.
void streams_read(struct streams *s, uint32_t index, bool is_hung_up, int64_t now_ns);

/// A packet that came, as an OSC message or bundle. False when there is no whole one, or the client must
/// wait.
bool streams_next(struct streams *s, uint32_t index, int64_t now_ns, const uint8_t **bytes, uint32_t *n_bytes,
                  struct client *client);

/// The packet that was taken last will get so many answers, /done, /error and the like; if nobody says so:
/// one.
void streams_expect(struct streams *s, const struct client *client, uint32_t n_answers);

/// Adds a message for a client. False when it was not sent: it is gone, or was cut off just now.
bool streams_send(struct streams *s, const struct client *to, const uint8_t *message, uint32_t n_bytes);

/// Sends what there is, closes what is done or too slow, and says which connections to wake up for.
void streams_flush(struct streams *s, int64_t now_ns);

/// True when bytes that were read may hold another packet, whether it may be taken now or not.
bool streams_have_more(const struct streams *s, uint32_t index);

// ---- between the files of this module ----

/// Ends a connection at once.
void streams_close_one(struct streams *s, uint32_t index);
/// Tells a client why something is not done, if there is room.
void streams_refuse(struct streams *s, struct stream *st, enum api_error error, const char *text);

#endif
