// SPDX-License-Identifier: MIT
// buses.c - set-up of the buses and of their graphs.
#include "mixer/buses.h"

#include <assert.h>

#include "mixer/kernel.h"

enum status bus_graph_init(struct bus_graph *g, struct allocator *a, uint32_t max_buses)
{
    *g = (struct bus_graph){0};
    uint64_t n_before = a->n_refused;
    g->order = make(uint16_t, max_buses, a);
    g->parent = make(uint16_t, max_buses, a);
    g->out = make(uint16_t, max_buses, a);
    g->width = make(uint8_t, max_buses, a);
    return allocator_refused(a, n_before) ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status buses_init(struct buses *b, struct allocator *a, uint32_t max_buses,
                       const struct bus_graph *graph, uint32_t window_frames, uint32_t declick_frames)
{
    *b = (struct buses){0};
    if (max_buses < 1 || max_buses > 1024 || window_frames == 0 || declick_frames == 0)
        return STATUS_BAD_ARGUMENT;
    uint64_t n_before = a->n_refused;
    b->planes = make(float *, 2 * max_buses, a);
    float *samples = make(float, 2 * (size_t)max_buses * BLOCK_FRAMES, a);
    b->left = make(struct ramp, max_buses, a);
    b->right = make(struct ramp, max_buses, a);
    b->faders = make(struct fader, max_buses, a);
    b->switches = make(struct bus_switches, max_buses, a);
    b->meters = make(struct bus_meter, max_buses, a);
    b->sums = make(struct bus_sums, max_buses, a);
    b->nonfinite_bus = make(uint16_t, max_buses, a);
    b->nonfinite_count = make(uint32_t, max_buses, a);
    if (allocator_refused(a, n_before)) return STATUS_NO_MEMORY;

    for (uint32_t i = 0; i < 2 * max_buses; i++)
        b->planes[i] = samples + (size_t)i * BLOCK_FRAMES;
    for (uint32_t i = 0; i < max_buses; i++)
        fader_init(&b->faders[i], &b->left[i], &b->right[i], 0.0f, 0.0f, false);
    b->max_buses = max_buses;
    b->graph = graph;
    b->kernels = kernel_pick();
    b->window_frames = window_frames;
    b->declick_frames = declick_frames;
    return STATUS_OK;
}

void bus_graph_sort(struct bus_graph *g)
{
    // From the back: master, then, for each bus that is placed, those that feed it.
    uint32_t first = g->n_buses;
    g->order[--first] = BUS_MASTER;
    for (uint32_t i = g->n_buses; i > first;) {
        uint16_t placed = g->order[--i];
        for (uint32_t bus = BUS_MASTER + 1; bus < g->n_buses; bus++)
            if (g->parent[bus] == placed) g->order[--first] = (uint16_t)bus;
    }
    assert(first == 0); // else the parents are no tree
}
