// SPDX-License-Identifier: MIT
// buses_rig.h - buses on their own, in any tree, going to plain arrays.
#ifndef TESTS_BUSES_RIG_H
#define TESTS_BUSES_RIG_H
#include <math.h>
#include <string.h>

#include "alloc/arena.h"
#include "mixer/buses.h"
#include "mixer/kernel.h"
#include "tests/check.h"
#include "tests/random.h"

#define MAX_BUSES  1024
#define N_CHANNELS 6

struct fixture {
    struct arena arena;
    struct bus_graph graph;
    struct buses buses;
    float out[N_CHANNELS][BLOCK_FRAMES];
    float *planes[N_CHANNELS];
};

static struct fixture f;

static inline int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    for (int c = 0; c < N_CHANNELS; c++)
        f.planes[c] = f.out[c];
    if (arena_init(&f.arena, 1 << 24) || bus_graph_init(&f.graph, arena_allocator(&f.arena), MAX_BUSES))
        return 1;
    f.graph.n_buses = 1;
    f.graph.out[0] = 1;
    f.graph.width[0] = 2;
    bus_graph_sort(&f.graph);
    return (int)buses_init(&f.buses, arena_allocator(&f.arena), MAX_BUSES, &f.graph, 4800, 240);
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_fini(&f.arena);
    return 0;
}

/// A tree whose buses stand in any order: each hangs on one that was placed before it.
static inline void random_tree(uint64_t *seed, uint32_t n, bool chain)
{
    uint16_t places[MAX_BUSES];
    f.graph.n_buses = n;
    for (uint32_t i = 0; i < n; i++)
        places[i] = (uint16_t)i;
    for (uint32_t i = n; i-- > 2;) { // master stays
        uint32_t k = 1 + random_below(seed, i);
        uint16_t t = places[i];
        places[i] = places[k];
        places[k] = t;
    }
    for (uint32_t i = 1; i < n; i++) {
        f.graph.parent[places[i]] = places[chain ? i - 1 : random_below(seed, i)];
        f.graph.out[places[i]] = 0;
        f.graph.width[places[i]] = 2;
    }
}

/// The next frames of master, fed with ones.
static inline void render_ones(uint32_t n_frames)
{
    buses_clear(&f.buses, BLOCK_FRAMES);
    for (uint32_t i = 0; i < n_frames; i++)
        f.buses.planes[0][i] = f.buses.planes[1][i] = 1.0f;
    memset(f.out, 0, sizeof f.out);
    buses_render(&f.buses, f.planes, N_CHANNELS, n_frames);
}

#endif
