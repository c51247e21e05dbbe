// SPDX-License-Identifier: MIT
// holds.c - packets that need sounds which are not loaded yet: kept, and tried again when their loads have
// ended.
#include "engine/holds.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum status holds_init(struct holds *h, struct allocator *a)
{
    static const uint32_t n_blocks[HOLD_SIZES] = {N_SMALL_HOLDS, N_MEDIUM_HOLDS, N_LARGE_HOLDS};
    static const uint32_t bytes[HOLD_SIZES] = {SMALL_HOLD_BYTES, MEDIUM_HOLD_BYTES, OSC_MAX_PACKET_BYTES};
    *h = (struct holds){0};
    h->holds = make(struct hold, MAX_HOLDS, a);
    enum status status = h->holds ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t i = 0; !status && i < HOLD_SIZES; i++)
        status = pool_init(&h->pools[i], a, n_blocks[i], bytes[i]);
    for (uint32_t i = 0; i < MAX_HOLDS; i++)
        h->free[i] = MAX_HOLDS - 1 - i;
    return status;
}

/// A block for a packet, of the next larger size where its own are all in use.
static uint8_t *take_bytes(struct holds *h, uint32_t n_bytes, struct hold *hold)
{
    for (uint32_t i = 0; i < HOLD_SIZES; i++) {
        uint8_t *bytes = n_bytes <= h->pools[i].block_bytes ? pool_alloc(&h->pools[i], &hold->bytes) : NULL;
        if (!bytes) continue;
        hold->size = i;
        return bytes;
    }
    return NULL;
}

struct hold *holds_keep(struct holds *h, const struct datagram *d)
{
    struct hold *hold = h->n_used < MAX_HOLDS ? &h->holds[h->free[MAX_HOLDS - 1 - h->n_used]] : NULL;
    uint8_t *bytes = hold ? take_bytes(h, d->n_bytes, hold) : NULL;
    if (!bytes) {
        h->n_refused++;
        return NULL;
    }
    memcpy(bytes, d->bytes, d->n_bytes);
    hold->datagram = *d;
    hold->datagram.bytes = bytes;
    hold->number = h->n_held++;
    hold->n_tries = 0;
    hold->error = API_OK;
    memset(hold->is_begun, 0, sizeof hold->is_begun);
    h->order[h->n_used++] = (uint32_t)(hold - h->holds);
    if (h->n_used > h->n_high) h->n_high = h->n_used;
    return hold;
}

/// Takes it out of the order.
static void unlist(struct holds *h, const struct hold *hold)
{
    uint32_t i = 0;
    while (&h->holds[h->order[i]] != hold)
        i++;
    memmove(&h->order[i], &h->order[i + 1], (h->n_used - i - 1) * sizeof h->order[0]);
}

void holds_wait(struct holds *h, struct hold *hold, const struct transaction *t, uint64_t n_loads)
{
    unlist(h, hold);
    h->order[h->n_used - 1] = (uint32_t)(hold - h->holds);
    hold->n_loads = n_loads;
    hold->n_waits = t->n_waits;
    memcpy(hold->waits, t->waits, t->n_waits * sizeof t->waits[0]);
    for (uint32_t i = 0; i < t->n_new_loads; i++)
        hold->is_begun[t->new_loads[i].call / 8] |= (uint8_t)(1 << t->new_loads[i].call % 8);
}

void holds_release(struct holds *h, struct hold *hold)
{
    unlist(h, hold);
    bool was_live = pool_free(&h->pools[hold->size], hold->bytes);
    assert(was_live);
    (void)was_live;
    h->free[MAX_HOLDS - h->n_used--] = (uint32_t)(hold - h->holds);
}

struct hold *holds_ready(struct holds *h, uint64_t n_ended)
{
    struct hold *first = h->n_used > 0 ? &h->holds[h->order[0]] : NULL;
    return first && first->n_loads <= n_ended ? first : NULL; // in order of n_loads
}

uint64_t holds_oldest(const struct holds *h)
{
    uint64_t oldest = h->n_held;
    for (uint32_t i = 0; i < h->n_used; i++)
        if (h->holds[h->order[i]].number < oldest) oldest = h->holds[h->order[i]].number;
    return oldest;
}

void holds_load_failed(struct holds *h, uint32_t sound, enum api_error error, const char *reason)
{
    for (uint32_t i = 0; i < h->n_used; i++) {
        struct hold *hold = &h->holds[h->order[i]];
        for (uint32_t w = 0; w < hold->n_waits && !hold->error; w++) {
            if (hold->waits[w].sound != sound) continue;
            hold->error = error;
            hold->bad_call = hold->waits[w].call;
            snprintf(hold->reason, sizeof hold->reason, "%s", reason);
        }
    }
}
