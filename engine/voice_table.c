// SPDX-License-Identifier: MIT
// voice_table.c - the voices as control knows them: ids, what was asked for, and who wants to hear of it.
#include "engine/voice_table.h"

#include <stdio.h>
#include <string.h>

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

struct voice_id voice_id_requested(const struct request *r, enum param p)
{
    if (request_is_text(r, p)) return (struct voice_id){.text = request_text(r, p, ""), .number = -1};
    return (struct voice_id){.number = (int32_t)request_int(r, p, -1)};
}

const char *voice_id_text(struct voice_id id, char *text)
{
    if (id.text)
        snprintf(text, VOICE_NAME_BYTES, "%s", id.text);
    else
        snprintf(text, VOICE_NAME_BYTES, "%d", id.number);
    return text;
}

struct voice_id voice_id_of(const struct voice_entry *v)
{
    return (struct voice_id){.text = v->name[0] ? v->name : NULL, .number = v->number};
}

void voice_add_id(struct osc_writer *w, const struct voice_entry *v)
{
    if (v->name[0])
        osc_add_text(w, v->name);
    else
        osc_add_int(w, v->number);
}

static uint32_t hash_of(struct voice_id id)
{
    return id.text ? names_hash_text(id.text) : names_hash_int((uint32_t)id.number);
}

static bool is_called(const struct voice_entry *v, struct voice_id id)
{
    return id.text ? strcmp(v->name, id.text) == 0 : !v->name[0] && v->number == id.number;
}

uint32_t voice_find(const struct voice_table *t, struct voice_id id)
{
    uint32_t i = names_first(&t->ids, hash_of(id));
    while (i != NAMES_NONE && !is_called(&t->entries[i], id))
        i = names_next(&t->ids, i);
    return i;
}

static int32_t choose_number(struct voice_table *t)
{
    int32_t number;
    do {
        number = t->next_id;
        t->next_id = number == INT32_MAX ? FIRST_ENGINE_ID : number + 1;
    } while (voice_find(t, (struct voice_id){.number = number}) != VOICE_NONE);
    return number;
}

uint32_t voice_acquire(struct voice_table *t, struct voice_id id)
{
    if (t->n_used == t->n_slots) {
        t->n_refused++;
        return VOICE_NONE;
    }
    uint32_t slot = t->free_slots[t->n_slots - 1 - t->n_used++];
    if (t->n_used > t->n_high) t->n_high = t->n_used;
    if (!id.text && id.number < 0) id.number = choose_number(t);
    struct voice_entry *v = &t->entries[slot];
    *v = (struct voice_entry){.state = SLOT_PENDING,
                              .generation = v->generation + 1,
                              .number = id.number,
                              .next_pending = VOICE_NONE};
    if (id.text) snprintf(v->name, sizeof v->name, "%s", id.text);
    names_insert(&t->ids, hash_of(id), slot);
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
