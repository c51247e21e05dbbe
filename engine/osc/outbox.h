// SPDX-License-Identifier: MIT
// outbox.h - answers that wait until their client has room for them, in order for each. Control thread.
#ifndef ENGINE_OSC_OUTBOX_H
#define ENGINE_OSC_OUTBOX_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/pools.h"
#include "alloc/status.h"
#include "engine/osc/client.h"

/// Longest answer, which may be a bundle of many.
#define MAX_ANSWER_BYTES 8192

/// How long an answer waits before its client counts as gone.
#define ANSWER_PATIENCE_NS 2000000000ll

/// Clients that answers can wait for at once.
#define MAX_WAITING_CLIENTS 256

/// Blocks for waiting answers, by size. One client may have two thirds of the small ones at the most: as many
/// as the longest datagram holds messages of the shortest kind (5460).
#define N_SMALL_ANSWERS  8192
#define N_MEDIUM_ANSWERS 512
#define N_LARGE_ANSWERS  256
#define N_LONG_ANSWERS   256

/// Lives in a block of the pools.
struct waiting_answer {
    struct waiting_answer *next;
    int64_t deadline_ns; // CLOCK_MONOTONIC
    uint32_t n_bytes;
    uint32_t size; // enum pools_size, or POOLS_SIZES: a long one
    uint8_t bytes[];
};

/// Longest answer that is no long one.
#define LARGE_ANSWER_BYTES (POOLS_LARGE_BYTES - (uint32_t)sizeof(struct waiting_answer))

struct waiting_client {
    struct client client;
    struct waiting_answer *first, *last;
    uint32_t n_held[POOLS_SIZES + 1]; // answers of each size
};

struct outbox {
    struct waiting_client *clients;
    uint32_t n_clients; // that answers wait for
    uint32_t n_waiting; // answers
    struct pools answers;
    struct pool long_answers;
};

/// Sends an answer, or finds that it never can be. False when the client has no room now.
typedef bool outbox_send(void *context, const struct client *to, const uint8_t *bytes, uint32_t n_bytes);

/// About 3 MB of `a`.
NODISCARD enum status outbox_init(struct outbox *o, struct allocator *a);

/// True when answers wait for this client: later ones must wait behind them.
bool outbox_has(const struct outbox *o, const struct client *client);

/// Copies an answer. False when there is no room for it, or when its client has twice as many of this size as
/// are free: each client that does not read leaves a third of what it found to others.
NODISCARD bool outbox_keep(struct outbox *o, const struct client *client, const uint8_t *bytes,
                           uint32_t n_bytes, int64_t deadline_ns);

/// Tries all that wait again, each client's in order. Returns how many were given up, their deadline being
/// past.
uint32_t outbox_flush(struct outbox *o, outbox_send *send, void *context, int64_t now_ns);

#endif
