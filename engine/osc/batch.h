// SPDX-License-Identifier: MIT
// batch.h - datagrams that one system call read, until each has been taken. Control thread.
#ifndef ENGINE_OSC_BATCH_H
#define ENGINE_OSC_BATCH_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/client.h"
#include "engine/osc/packet.h"

#define BATCH_MAX 32

/// One byte more than a packet may have, so that a longer one is told from one that just fits; and not a
/// multiple of a page, so that the first bytes of all do not compete for the same places of the cache.
#define BATCH_BUFFER_BYTES ((OSC_MAX_PACKET_BYTES + 2 * CACHE_LINE) / CACHE_LINE * CACHE_LINE)

/// A datagram that came in.
struct datagram {
    const uint8_t *bytes;
    uint32_t n_bytes;
    struct client client;
    int fd;               // a file descriptor that came with it, to be closed by the receiver; -1: none
    int64_t arrival_ns;   // CLOCK_MONOTONIC, when the kernel got it; of a connection: when it was read
    uint64_t arrival_ntp; // the same as an NTP time; 0: not worked out yet
};

/// What the kernel says of a UNIX datagram's sender. `pid` 0: nothing.
struct batch_sender {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

struct batch {
    uint8_t *buffers;        // BATCH_MAX of BATCH_BUFFER_BYTES
    struct mmsghdr *headers; // with what they point to
    struct batch_slot *slots;
    uint32_t n, next;
    bool was_full;     // there may be more
    int64_t offset_ns; // CLOCK_MONOTONIC less CLOCK_REALTIME
    int64_t now_ns;    // CLOCK_MONOTONIC when it was read
};

/// About 2 MB of `a`.
NODISCARD enum status batch_init(struct batch *b, struct allocator *a);

/// Reads what waits at a socket, all of the last batch having been taken.
void batch_read(struct batch *b, int fd);

/// The next datagram; of its client only the address is set. False when all have been taken.
bool batch_next(struct batch *b, struct datagram *d, struct batch_sender *sender);

/// Closes the descriptors that came with what was not taken. Accepts a zeroed one.
void batch_drop(struct batch *b);

#endif
