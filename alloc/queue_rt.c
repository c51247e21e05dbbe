// SPDX-License-Identifier: MIT
// queue_rt.c - push and pop of the queue between two threads. The protocol stands in queue.h.
#include <assert.h>
#include <string.h>

#include "alloc/queue.h"

static uint8_t *slot(struct queue *q, uint32_t index)
{
    return q->records + (size_t)(index & (q->n_slots - 1)) * q->record_bytes;
}

/// Where the producer's next record goes: behind those that are staged.
RT_SAFE static uint32_t next_index(struct queue *q)
{
    // relaxed: this thread is the only writer of tail.
    return atomic_load_explicit(&q->tail, memory_order_relaxed) + q->n_staged;
}

RT_SAFE bool queue_push(struct queue *q, const void *record)
{
    assert(q->n_staged == 0); // the commit would publish them, too
    if (!queue_stage(q, record)) return false;
    queue_commit(q);
    return true;
}

RT_SAFE bool queue_stage(struct queue *q, const void *record)
{
    uint32_t next = next_index(q);
    if (next - q->head_seen == q->n_slots) {
        // acquire: the consumer has finished reading every slot that this value frees.
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (next - q->head_seen == q->n_slots) return false;
    }
    memcpy(slot(q, next), record, q->record_bytes);
    q->n_staged++;
    return true;
}

RT_SAFE void queue_commit(struct queue *q)
{
    // release: the records are written before the consumer can see the new tail.
    atomic_store_explicit(&q->tail, next_index(q), memory_order_release);
    q->n_staged = 0;
}

RT_SAFE void queue_unstage(struct queue *q)
{
    q->n_staged = 0;
}

RT_SAFE uint32_t queue_room(struct queue *q)
{
    q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire); // acquire: as in queue_stage
    return q->n_slots - (next_index(q) - q->head_seen);
}

RT_SAFE bool queue_pop(struct queue *q, void *record)
{
    // relaxed: this thread is the only writer of head.
    uint32_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    if (head == q->tail_seen) {
        // acquire: the records below this tail are written.
        q->tail_seen = atomic_load_explicit(&q->tail, memory_order_acquire);
        if (head == q->tail_seen) return false;
    }
    memcpy(record, slot(q, head), q->record_bytes);
    // release: the record is copied out before the producer can write over it.
    atomic_store_explicit(&q->head, head + 1, memory_order_release);
    return true;
}

RT_SAFE uint32_t queue_used(struct queue *q)
{
    q->tail_seen = atomic_load_explicit(&q->tail, memory_order_acquire); // acquire: as in queue_pop
    return q->tail_seen - atomic_load_explicit(&q->head, memory_order_relaxed);
}
