// SPDX-License-Identifier: MIT
// clients.h - what is kept of each sender of datagrams: its rate, its role, and how much may be answered.
// Control thread.
//
// The table has a fixed number of places; a client that comes anew takes that of the one that was heard least
// recently. Who lost its place begins again: with a full bucket, without credit and without proof.
#ifndef ENGINE_OSC_CLIENTS_H
#define ENGINE_OSC_CLIENTS_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/client.h"

// ---- rate ----

/// Lets through so many messages a second, and as many at once. In units of a billionth of a message, so that
/// no fraction is lost.
struct bucket {
    int64_t level;   // may be below 0, after a packet of more messages than there were tokens
    int64_t then_ns; // CLOCK_MONOTONIC
};

/// Most messages a second that a bucket can count.
#define BUCKET_MAX_RATE 1000000000u

void bucket_fill(struct bucket *b, uint32_t rate, int64_t now_ns);
/// True when there is a token.
bool bucket_has(struct bucket *b, uint32_t rate, int64_t now_ns);
/// Takes so many, whether they are there or not.
void bucket_take(struct bucket *b, uint32_t n);

// ---- clients ----

/// Bytes that may be sent for each byte that came, over UDP to other machines that have not proved their
/// address.
#define CREDIT_FACTOR 4
/// Most that a client can save up.
#define MAX_CREDIT_BYTES (64 * 1024)
/// A proof is good until nothing has come for so long.
#define PROOF_NS 60000000000ll

struct client_entry {
    struct client client; // with its role
    uint32_t next_in_bucket, newer, older;
    uid_t uid; // UNIX
    gid_t gid;
    struct bucket bucket;
    int64_t last_heard_ns, last_scolded_ns;
    int64_t credit_bytes;
    uint64_t token; // 0: none was asked for
    bool is_proved;
};

struct clients {
    struct client_entry *entries;
    uint32_t *heads; // of the chains
    uint32_t n_max, n_used, n_heads;
    uint32_t newest, oldest;
    uint32_t rate;
    uint64_t n_evicted;
};

/// `n_max`: 1 to 65536; `rate`: messages a second of each.
NODISCARD enum status clients_init(struct clients *c, struct allocator *a, uint32_t n_max, uint32_t rate);

/// The entry of this client, now the newest; made if there is none: then `*is_new`, and it has no role yet.
struct client_entry *clients_hear(struct clients *c, const struct client *client, int64_t now_ns,
                                  bool *is_new);

/// The entry, or NULL.
struct client_entry *clients_find(struct clients *c, const struct client *client);

/// So many bytes came from it.
void client_earn(struct client_entry *e, uint32_t n_bytes);
/// True when so many may be sent to an address that is not of this machine; they are taken from its credit
/// unless it has proved itself.
bool client_spend(struct client_entry *e, uint32_t n_bytes, int64_t now_ns);

/// What the client has to send back, from where it says it is. Not 0.
uint64_t client_token(struct client_entry *e);
/// True when the token is the one that it was sent: it hears what is sent to its address.
bool client_prove(struct client_entry *e, uint64_t token, int64_t now_ns);

#endif
