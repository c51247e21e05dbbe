// SPDX-License-Identifier: MIT
// buses.c - set-up of the buses and of their graphs.
#include "mixer/buses.h"

#include <string.h>

#include "mixer/kernel.h"

enum status bus_graph_init(struct bus_graph *g, struct arena *a, uint32_t max_buses)
{
    *g = (struct bus_graph){0};
    g->order = ARENA_PUSH(a, uint16_t, max_buses);
    g->parent = ARENA_PUSH(a, uint16_t, max_buses);
    g->out = ARENA_PUSH(a, uint16_t, max_buses);
    g->width = ARENA_PUSH(a, uint8_t, max_buses);
    return a->refused_bytes ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status buses_init(struct buses *b, struct arena *a, uint32_t max_buses, const struct bus_graph *graph,
                       uint32_t window_frames, uint32_t declick_frames)
{
    *b = (struct buses){0};
    if (max_buses < 1 || max_buses > 1024 || window_frames == 0 || declick_frames == 0)
        return STATUS_BAD_ARGUMENT;
    b->planes = ARENA_PUSH(a, float *, 2 * max_buses);
    float *samples = ARENA_PUSH(a, float, 2 * (size_t)max_buses * BLOCK_FRAMES);
    b->left = ARENA_PUSH(a, struct ramp, max_buses);
    b->right = ARENA_PUSH(a, struct ramp, max_buses);
    b->meters = ARENA_PUSH(a, struct bus_meter, max_buses);
    b->sums = ARENA_PUSH(a, struct bus_meter, max_buses);
    b->nonfinite_bus = ARENA_PUSH(a, uint16_t, max_buses);
    b->nonfinite_count = ARENA_PUSH(a, uint32_t, max_buses);
    if (a->refused_bytes) return STATUS_NO_MEMORY;

    for (uint32_t i = 0; i < 2 * max_buses; i++)
        b->planes[i] = samples + (size_t)i * BLOCK_FRAMES;
    for (uint32_t i = 0; i < max_buses; i++)
        b->left[i].to = b->right[i].to = 1.0f;
    b->max_buses = max_buses;
    b->graph = graph;
    b->window_frames = window_frames;
    b->declick_frames = declick_frames;
    return STATUS_OK;
}

void bus_graph_sort(struct bus_graph *g)
{
    // Deepest first: as many passes over the buses as the tree is deep.
    uint32_t n_placed = 0;
    for (uint32_t depth = 0; n_placed < g->n_buses; depth++) {
        for (uint32_t bus = 0; bus < g->n_buses; bus++) {
            uint32_t d = 0;
            for (uint32_t up = bus; up != BUS_MASTER; up = g->parent[up])
                d++;
            if (d == depth) g->order[g->n_buses - 1 - n_placed++] = (uint16_t)bus;
        }
    }
}
