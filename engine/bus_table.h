// SPDX-License-Identifier: MIT
// bus_table.h - the buses as control knows them: names, tree, and what mute and solo come to.
#ifndef ENGINE_BUS_TABLE_H
#define ENGINE_BUS_TABLE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/config.h"
#include "engine/names.h"
#include "engine/rt/engine_rt.h"

#define BUS_NONE UINT32_MAX

struct bus_entry {
    char name[CONFIG_NAME_BYTES];
    uint32_t parent;
    float gain_db, pan;
    bool mute, solo;
    uint32_t out, width;
    bool is_below_solo, is_above_solo; // or soloed itself
    bool is_silenced;                  // by its own mute, or by the solo of others
};

/// Owned by control. Buses are made and never removed.
struct bus_table {
    struct bus_entry *entries;
    uint32_t n_buses, max_buses;
    struct names names;
    struct bus_graph graphs[MAX_GRAPHS];
    bool graph_in_use[MAX_GRAPHS]; // rt has it, or it is on the way
};

/// With the bus `master` alone, going to device channels 1 and 2 (1 alone when there is one). Its graph is
/// graphs[0], in use.
NODISCARD enum status bus_table_init(struct bus_table *t, struct arena *a, uint32_t max_buses,
                                     uint32_t n_channels);

/// BUS_NONE when there is none of this name.
uint32_t bus_find(const struct bus_table *t, const char *name);

/// A new bus at 0 dB that feeds `parent`. The name must be new and short enough. BUS_NONE when there are
/// `max_buses`.
uint32_t bus_add(struct bus_table *t, const char *name, uint32_t parent);

/// Works `is_silenced` out anew from all mutes and solos: while any bus is soloed, a bus is heard when it is
/// soloed, or lies above or below one that is.
void bus_update_silenced(struct bus_table *t);

/// What rt should multiply the bus by.
struct level bus_level(const struct bus_entry *bus, uint32_t ramp_frames);

/// A graph of the present tree, to be published. NULL while all are on the way.
const struct bus_graph *bus_make_graph(struct bus_table *t);

#endif
