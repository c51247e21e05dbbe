// SPDX-License-Identifier: MIT
// queue_rt.c - push and pop of the queue between two threads. The protocol stands in queue.h.
#include <string.h>

#include "alloc/queue.h"

static uint8_t *slot(struct queue *q, uint32_t index)
{
    return q->records + (size_t)(index & (q->n_slots - 1)) * q->record_bytes;
}

RT_SAFE bool queue_push(struct queue *q, const void *record)
{
    // relaxed: this thread is the only writer of tail.
    uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    if (tail - q->head_seen == q->n_slots) {
        // acquire: the consumer has finished reading every slot that this value frees.
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (tail - q->head_seen == q->n_slots) return false;
    }
    memcpy(slot(q, tail), record, q->record_bytes);
    // release: the record is written before the consumer can see the new tail.
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    return true;
}

RT_SAFE uint32_t queue_room(struct queue *q)
{
    q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire); // acquire: as in queue_push
    return q->n_slots - (atomic_load_explicit(&q->tail, memory_order_relaxed) - q->head_seen);
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
