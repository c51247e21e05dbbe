// SPDX-License-Identifier: MIT
// outgoing.c - what a connection has still to send, in blocks of a pool that all connections share.
#include "engine/osc/outgoing.h"

#include <sys/socket.h>
#include <sys/uio.h>

/// Blocks that one system call sends.
#define MAX_PARTS 16

static struct outgoing_block *add_block(struct outgoing *o, struct pool *blocks)
{
    struct outgoing_block *block = o->n_blocks < 2 * blocks->n_free ? pool_alloc(blocks, NULL) : NULL;
    if (!block) return NULL;
    block->next = NULL;
    block->begin = block->end = 0;
    if (o->last)
        o->last->next = block;
    else
        o->first = block;
    o->last = block;
    o->n_blocks++;
    return block;
}

static void drop_first(struct outgoing *o, struct pool *blocks)
{
    struct outgoing_block *block = o->first;
    o->first = block->next;
    if (!o->first) o->last = NULL;
    o->n_blocks--;
    pool_free(blocks, pool_handle_of(blocks, block));
}

bool outgoing_add(struct outgoing *o, struct pool *blocks, enum framing_kind kind, const uint8_t *message,
                  uint32_t n_bytes)
{
    struct outgoing_block *block = o->last;
    bool is_line = kind == FRAMING_TEXT;
    uint32_t n_at_most = is_line ? FRAMING_LINE_BYTES(n_bytes) : FRAMING_WRAPPED_BYTES(n_bytes);
    if (n_at_most > sizeof block->bytes) return false;
    if (!block || sizeof block->bytes - block->end < n_at_most) block = add_block(o, blocks);
    if (!block) return false;
    block->end += framing_wrap(kind, message, n_bytes, block->bytes + block->end);
    return true;
}

ssize_t outgoing_send(struct outgoing *o, struct pool *blocks, int fd)
{
    struct iovec parts[MAX_PARTS];
    struct msghdr header = {.msg_iov = parts};
    for (struct outgoing_block *b = o->first; b && header.msg_iovlen < MAX_PARTS; b = b->next)
        parts[header.msg_iovlen++] = (struct iovec){b->bytes + b->begin, b->end - b->begin};
    ssize_t n = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    for (ssize_t left = n; left > 0 && o->first;) {
        struct outgoing_block *b = o->first;
        uint32_t n_held = b->end - b->begin;
        if (left < (ssize_t)n_held) {
            b->begin += (uint32_t)left;
            break;
        }
        left -= n_held;
        drop_first(o, blocks);
    }
    return n;
}

void outgoing_cut(struct outgoing *o, struct pool *blocks, enum framing_kind kind)
{
    struct outgoing_block *b = o->first;
    if (!b) return;
    if (b->begin == 0) { // nothing of it was sent
        outgoing_clear(o, blocks);
        return;
    }
    // The byte before was sent: if it ended its frame, no frame is under way.
    b->end = framing_end_of(kind, b->bytes, b->end, b->begin - 1);
    if (o->last != b) {
        struct outgoing rest = {b->next, o->last, o->n_blocks - 1};
        outgoing_clear(&rest, blocks);
        b->next = NULL;
        o->last = b;
        o->n_blocks = 1;
    }
    if (b->begin == b->end) drop_first(o, blocks);
}

void outgoing_clear(struct outgoing *o, struct pool *blocks)
{
    while (o->first)
        drop_first(o, blocks);
}
