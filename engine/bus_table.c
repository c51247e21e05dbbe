// SPDX-License-Identifier: MIT
// bus_table.c - the buses as control knows them: names, tree and outputs.
#include "engine/bus_table.h"

#include <assert.h>
#include <string.h>

enum status bus_table_init(struct bus_table *t, struct allocator *a, uint32_t max_buses, uint32_t n_channels)
{
    *t = (struct bus_table){.max_buses = max_buses};
    uint64_t n_before = a->n_refused;
    t->entries = make(struct bus_entry, max_buses, a);
    enum status status = names_init(&t->names, a, max_buses);
    for (uint32_t i = 0; i < MAX_GRAPHS && !status; i++) {
        status = bus_graph_init(&t->graphs[i], a, max_buses);
        t->graphs[i].index = i;
    }
    if (status || allocator_refused(a, n_before)) return STATUS_NO_MEMORY;
    bus_add(t, "master", BUS_MASTER);
    t->entries[BUS_MASTER].out = 1;
    t->entries[BUS_MASTER].width = n_channels == 1 ? 1 : 2;
    bus_make_graph(t);
    return STATUS_OK;
}

uint32_t bus_find(const struct bus_table *t, const char *name)
{
    uint32_t i = names_first(&t->names, names_hash_text(name));
    while (i != NAMES_NONE && strcmp(t->entries[i].name, name) != 0)
        i = names_next(&t->names, i);
    return i;
}

uint32_t bus_add(struct bus_table *t, const char *name, uint32_t parent)
{
    if (t->n_buses == t->max_buses) return BUS_NONE;
    uint32_t bus = t->n_buses++;
    t->entries[bus] = (struct bus_entry){.parent = parent, .width = 2};
    memcpy(t->entries[bus].name, name, strlen(name) + 1);
    names_insert(&t->names, names_hash_text(name), bus);
    return bus;
}

void bus_remove_last(struct bus_table *t)
{
    assert(t->n_buses > 1); // master stays
    names_remove(&t->names, --t->n_buses);
}

const struct bus_graph *bus_make_graph(struct bus_table *t)
{
    uint32_t i = 0;
    while (i < MAX_GRAPHS && t->graph_in_use[i])
        i++;
    if (i == MAX_GRAPHS) return NULL;
    struct bus_graph *g = &t->graphs[i];
    g->n_buses = t->n_buses;
    for (uint32_t bus = 0; bus < t->n_buses; bus++) {
        g->parent[bus] = (uint16_t)t->entries[bus].parent;
        g->out[bus] = (uint16_t)t->entries[bus].out;
        g->width[bus] = (uint8_t)t->entries[bus].width;
    }
    bus_graph_sort(g);
    t->graph_in_use[i] = true;
    return g;
}
