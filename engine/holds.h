// SPDX-License-Identifier: MIT
// holds.h - packets that need sounds which are not loaded yet: kept, and tried again when their loads have
// ended. Control thread.
#ifndef ENGINE_HOLDS_H
#define ENGINE_HOLDS_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/pool.h"
#include "alloc/status.h"
#include "engine/osc/client.h"
#include "engine/osc/methods.h"
#include "engine/osc/transport.h"
#include "engine/transaction.h"

/// How often a packet is tried before it is refused: what it needs may be unloaded while it waits.
#define MAX_TRIES 3

/// Packets that can wait at once, by size: 64, in 0.7 MiB.
#define HOLD_SIZES        3
#define SMALL_HOLD_BYTES  2048
#define MEDIUM_HOLD_BYTES 8192
#define N_SMALL_HOLDS     36
#define N_MEDIUM_HOLDS    20
#define N_LARGE_HOLDS     8
#define MAX_HOLDS         (N_SMALL_HOLDS + N_MEDIUM_HOLDS + N_LARGE_HOLDS)

/// Longest reason of a failed load that is kept.
#define HOLD_REASON_BYTES 256

/// A packet that waits.
struct hold {
    struct datagram datagram; // its bytes lie in a pool; the descriptor is owned
    pool_handle bytes;
    uint32_t size;   // which pool
    uint64_t number; // in order of arrival
    uint64_t
        n_loads; // that had been begun when it began to wait, its own included: the later ones do not matter
    enum method only; // the one of its message's pattern that waits; N_METHODS: all that the packet asks for
    uint32_t n_tries;
    uint32_t n_waits;
    struct call_sound waits[MAX_WAITS];
    uint8_t is_begun[MAX_CALLS / 8]; // a bit for each call that has begun a load, which answers it
    // one of its loads has failed
    enum api_error error;
    uint32_t bad_call;
    char reason[HOLD_REASON_BYTES];
};

/// Owned by control.
struct holds {
    struct hold *holds;        // MAX_HOLDS
    uint32_t order[MAX_HOLDS]; // of those in use, the one that began to wait first at first
    uint32_t free[MAX_HOLDS];
    uint32_t n_used, n_high;
    uint64_t n_held, n_refused; // packets since the start
    struct pool pools[HOLD_SIZES];
};

NODISCARD enum status holds_init(struct holds *h, struct allocator *a);

/// Copies a packet. NULL when there is no room (counted).
struct hold *holds_keep(struct holds *h, const struct datagram *d);
/// It goes to the end of the order, with a copy of the present waits.
void holds_wait(struct holds *h, struct hold *hold, const struct transaction *t, uint64_t n_loads);
/// Gives the packet's memory back.
void holds_release(struct holds *h, struct hold *hold);

/// The first one whose loads have ended, when `n_ended` loads have; NULL when there is none.
struct hold *holds_ready(struct holds *h, uint64_t n_ended);
/// How many packets had been held before the oldest one that still waits; n_held when none does.
uint64_t holds_oldest(const struct holds *h);

/// A load has come to nothing: the packets that wait for it will be refused with its error.
void holds_load_failed(struct holds *h, uint32_t sound, enum api_error error, const char *reason);

#endif
