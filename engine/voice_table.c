// SPDX-License-Identifier: MIT
// voice_table.c - the voices as control knows them: ids, what was asked for, and who wants to hear of it.
#include "engine/voice_table.h"

enum status voice_table_init(struct voice_table *t, struct allocator *a, uint32_t n_slots)
{
    *t = (struct voice_table){.n_slots = n_slots, .next_id = FIRST_ENGINE_ID};
    uint64_t n_before = a->n_refused;
    t->entries = make(struct voice_entry, n_slots, a);
    t->free_slots = make(uint32_t, n_slots, a);
    enum status status = names_init(&t->ids, a, n_slots);
    if (status || allocator_refused(a, n_before)) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < n_slots; i++)
        t->free_slots[i] = n_slots - 1 - i; // slot 0 on top
    return STATUS_OK;
}

uint32_t voice_find(const struct voice_table *t, int32_t id)
{
    uint32_t i = names_first(&t->ids, names_hash_int((uint32_t)id));
    while (i != NAMES_NONE && t->entries[i].id != id)
        i = names_next(&t->ids, i);
    return i;
}

static int32_t choose_id(struct voice_table *t)
{
    int32_t id;
    do {
        id = t->next_id;
        t->next_id = id == INT32_MAX ? FIRST_ENGINE_ID : id + 1;
    } while (voice_find(t, id) != VOICE_NONE);
    return id;
}

uint32_t voice_acquire(struct voice_table *t, int32_t id)
{
    if (t->n_used == t->n_slots) {
        t->n_refused++;
        return VOICE_NONE;
    }
    uint32_t slot = t->free_slots[t->n_slots - 1 - t->n_used++];
    if (t->n_used > t->n_high) t->n_high = t->n_used;
    t->entries[slot] = (struct voice_entry){.state = SLOT_PENDING, .next_pending = VOICE_NONE};
    t->entries[slot].id = id >= 0 ? id : choose_id(t);
    names_insert(&t->ids, names_hash_int((uint32_t)t->entries[slot].id), slot);
    return slot;
}

void voice_release(struct voice_table *t, uint32_t slot)
{
    names_remove(&t->ids, slot);
    t->n_notify -= t->entries[slot].notify;
    t->entries[slot].state = SLOT_FREE;
    t->free_slots[t->n_slots - t->n_used--] = slot;
}

void voice_set_client(struct voice_table *t, uint32_t slot, const struct client *client, bool notify)
{
    t->entries[slot].client = *client;
    t->entries[slot].notify = notify;
    t->n_notify += notify;
}
