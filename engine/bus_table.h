// SPDX-License-Identifier: MIT
// bus_table.h - the buses as control knows them: names, tree and outputs. Their levels are rt's to know.
#ifndef ENGINE_BUS_TABLE_H
#define ENGINE_BUS_TABLE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/config.h"
#include "engine/names.h"
#include "engine/rt/engine_rt.h"

#define BUS_NONE UINT32_MAX

struct bus_entry {
    char name[CONFIG_NAME_BYTES];
    uint32_t parent;
    uint32_t out, width; // as in struct bus_graph
    bool is_output_set;  // by a client
};

/// Owned by control. Buses stay once the message that made them has been accepted.
struct bus_table {
    struct bus_entry *entries;
    uint32_t n_buses, max_buses;
    struct names names;
    struct bus_graph graphs[MAX_GRAPHS];
    bool graph_in_use[MAX_GRAPHS]; // rt has it, or it is on the way
};

/// With the bus `master` alone, going to device channels 1 and 2 (1 alone when there is one). Its graph is
/// graphs[0], in use.
NODISCARD enum status bus_table_init(struct bus_table *t, struct allocator *a, uint32_t max_buses,
                                     uint32_t n_channels);

/// BUS_NONE when there is none of this name.
uint32_t bus_find(const struct bus_table *t, const char *name);

/// A new bus that feeds `parent`. The name must be new and short enough. BUS_NONE when there are `max_buses`.
uint32_t bus_add(struct bus_table *t, const char *name, uint32_t parent);

/// Takes back the newest one, which rt does not know yet.
void bus_remove_last(struct bus_table *t);

/// A graph of the present tree, to be published. NULL while all are on the way.
const struct bus_graph *bus_make_graph(struct bus_table *t);

#endif
