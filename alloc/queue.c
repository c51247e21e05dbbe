// SPDX-License-Identifier: MIT
// queue.c - set-up of the queue between two threads.
#include "alloc/queue.h"

uint32_t queue_slots_for(uint32_t n_records)
{
    uint32_t n_slots = 2;
    while (n_slots < n_records)
        n_slots *= 2;
    return n_slots;
}

enum status queue_init(struct queue *q, struct allocator *a, uint32_t n_slots, uint32_t record_bytes)
{
    *q = (struct queue){0};
    if (n_slots < 2 || n_slots > 1u << 24 || (n_slots & (n_slots - 1)) || record_bytes == 0)
        return STATUS_BAD_ARGUMENT;
    q->records = make_bytes(n_slots, record_bytes, a);
    if (!q->records) return STATUS_NO_MEMORY;
    q->n_slots = n_slots;
    q->record_bytes = record_bytes;
    return STATUS_OK;
}
