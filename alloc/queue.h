// SPDX-License-Identifier: MIT
// queue.h - hands flat records from one thread to one other thread, in order.
//
// Protocol: `head` and `tail` run free and are compared by unsigned difference. The producer alone writes
// `tail`, after the record (release); the consumer alone writes `head`, after it has copied the record out
// (release). Each reads the other's index with acquire, and keeps the last value it saw, so that most pushes
// and pops touch no cache line of the other thread.
#ifndef ALLOC_QUEUE_H
#define ALLOC_QUEUE_H
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"

/// A single-producer, single-consumer queue. Never blocks, never allocates after init.
struct queue {
    uint8_t *records;
    uint32_t n_slots; // a power of two
    uint32_t record_bytes;
    alignas(CACHE_LINE) _Atomic uint32_t tail; // written by the producer
    uint32_t head_seen;
    uint32_t n_staged;                         // records behind the tail that the consumer cannot see yet
    alignas(CACHE_LINE) _Atomic uint32_t head; // written by the consumer
    uint32_t tail_seen;
};

// ---- set-up: before any thread runs ----

/// Slots of a queue that holds `n_records` (up to 2^24): the next power of two.
uint32_t queue_slots_for(uint32_t n_records);

/// Borrows memory of `a` for the arena's life. `n_slots`: a power of two, 2 to 2^24. Fails with
/// STATUS_NO_MEMORY or STATUS_BAD_ARGUMENT.
NODISCARD enum status queue_init(struct queue *q, struct allocator *a, uint32_t n_slots,
                                 uint32_t record_bytes);

// ---- producer thread ----

/// Copies one record. False when full: nothing was written. Not while records are staged.
RT_SAFE NODISCARD bool queue_push(struct queue *q, const void *record);

/// The same, but the consumer sees the record only after queue_commit(): so that it finds all records of one
/// group or none. False when full: what was staged before stays so.
RT_SAFE NODISCARD bool queue_stage(struct queue *q, const void *record);
/// Hands over all staged records at once.
RT_SAFE void queue_commit(struct queue *q);
/// Takes all staged records back.
RT_SAFE void queue_unstage(struct queue *q);

/// Records that can be pushed or staged now without being refused; those that are staged have theirs.
RT_SAFE uint32_t queue_room(struct queue *q);

// ---- consumer thread ----

/// Copies the oldest record out. False when empty.
RT_SAFE NODISCARD bool queue_pop(struct queue *q, void *record);

/// Records that wait now.
RT_SAFE uint32_t queue_used(struct queue *q);

#endif
