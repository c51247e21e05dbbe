// SPDX-License-Identifier: MIT
// outgoing.h - what a connection has still to send, in blocks of a pool that all connections share. Control
// thread.
#ifndef ENGINE_OSC_OUTGOING_H
#define ENGINE_OSC_OUTGOING_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "alloc/pool.h"
#include "engine/osc/framing.h"
#include "engine/osc/write.h"

#define OUTGOING_BLOCK_BYTES 16384

/// Blocks for all connections. One may have two thirds of them at the most: 2.6 MiB.
#define N_OUTGOING_BLOCKS 256

/// Holds whole frames from its first byte on.
struct outgoing_block {
    struct outgoing_block *next;
    uint32_t begin, end; // what is not sent yet
    uint8_t bytes[OUTGOING_BLOCK_BYTES - 2 * sizeof(void *)];
};

/// The longest message that a writer makes.
#define OUTGOING_MAX_BYTES (OSC_MAX_PATH_BYTES + OSC_MAX_MESSAGE_BYTES / 16 + OSC_MAX_ARGS_BYTES)

static_assert(FRAMING_LINE_BYTES(OUTGOING_MAX_BYTES) <= sizeof(((struct outgoing_block *)0)->bytes),
              "the longest frame fits into a block");

/// Bytes in order. A zeroed one is empty.
struct outgoing {
    struct outgoing_block *first, *last;
    uint32_t n_blocks;
};

static inline bool outgoing_is_empty(const struct outgoing *o)
{
    return !o->first;
}

/// Wraps a message and adds it. False when there is no room, or when this connection has twice as many blocks
/// as are free: each that does not read leaves a third of what it found to others.
NODISCARD bool outgoing_add(struct outgoing *o, struct pool *blocks, enum framing_kind kind,
                            const uint8_t *message, uint32_t n_bytes);

/// Sends what the socket takes now. The bytes sent, or -1 with errno when it took nothing.
ssize_t outgoing_send(struct outgoing *o, struct pool *blocks, int fd);

/// Forgets all frames but the one of which a part was sent.
void outgoing_cut(struct outgoing *o, struct pool *blocks, enum framing_kind kind);

/// Forgets all.
void outgoing_clear(struct outgoing *o, struct pool *blocks);

#endif
