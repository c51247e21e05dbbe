// SPDX-License-Identifier: MIT
// engine_rig.h - the audio side behind its queues, with a device made in code that drives it.
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H
#include "engine/rt/engine_rt.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

#define ENGINE_RATE      48000
#define ENGINE_VOICES    32
#define ENGINE_BUSES     6
#define ENGINE_FRAMES    24000
#define ENGINE_QUEUE     16384
#define ENGINE_SCHEDULED 2048

struct engine_rig {
    struct arena arena;
    struct bus_graph graphs[2];
    struct engine_rt engine;
    float left[ENGINE_FRAMES], right[ENGINE_FRAMES];

    // the device of a live engine
    double rate;       // its own
    double jitter_ns;  // wake-ups come later by 0 to this
    double now_ns;     // true time of the next cycle's first frame
    uint64_t ntp_zero; // CLOCK_REALTIME when CLOCK_MONOTONIC was 0
    uint64_t seed;
};

static inline void engine_rig_graph(struct engine_rig *f, uint32_t i, uint32_t n_buses)
{
    struct bus_graph *g = &f->graphs[i];
    assert_int_equal(bus_graph_init(g, arena_allocator(&f->arena), ENGINE_BUSES), STATUS_OK);
    g->index = i;
    g->n_buses = n_buses;
    for (uint32_t b = 0; b < n_buses; b++)
        g->parent[b] = (uint16_t)(b / 2);
    g->out[0] = 1;
    g->width[0] = 2;
    bus_graph_sort(g);
}

/// With a live clock, for cmocka.
static inline int engine_rig_live(void **state)
{
    struct engine_rig *f = calloc(1, sizeof *f);
    *state = f;
    f->rate = ENGINE_RATE;
    f->now_ns = 1e9;
    f->ntp_zero = UINT64_C(3900000000) << 32;
    f->seed = 1;
    if (arena_init(&f->arena, 1 << 26)) return 1;
    engine_rig_graph(f, 0, ENGINE_BUSES);
    engine_rig_graph(f, 1, ENGINE_BUSES - 1);
    struct mixer_config config = {.rate = ENGINE_RATE,
                                  .n_voices = ENGINE_VOICES,
                                  .n_buses = ENGINE_BUSES,
                                  .n_channels = 2,
                                  .declick_frames = 240,
                                  .graph = &f->graphs[0]};
    struct allocator *a = arena_allocator(&f->arena);
    return (int)engine_rt_init(&f->engine, &(struct rt_memory){a, {a, a, a}}, &config, ENGINE_QUEUE,
                               ENGINE_SCHEDULED);
}

/// Its clock is exact: frame 0 is at NTP time 0.
static inline int engine_rig_offline(void **state)
{
    int failed = engine_rig_live(state);
    struct engine_rig *f = *state;
    clock_init_exact(&f->engine.clock, ENGINE_RATE, 0);
    return failed;
}

static inline int engine_rig_close(void **state)
{
    struct engine_rig *f = *state;
    arena_fini(&f->arena);
    free(f);
    return 0;
}

// ---- commands ----

static inline void engine_rig_push(struct engine_rig *f, const struct command *c)
{
    assert_true(queue_push(&f->engine.commands, c));
}

static inline void engine_rig_start(struct engine_rig *f, uint32_t slot, const struct voice_start *start)
{
    engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_START, .slot = slot, .start = *start});
}

static inline void engine_rig_sync(struct engine_rig *f, uint64_t token)
{
    engine_rig_push(f, &(struct command){.type = COMMAND_SYNC, .token = token});
}

/// The stamp of a frame, offline.
static inline uint64_t engine_rig_stamp(uint64_t frame)
{
    return (frame / ENGINE_RATE << 32) + ((frame % ENGINE_RATE) << 32) / ENGINE_RATE;
}

/// The next event, which must be of this type.
static inline struct event engine_rig_event(struct engine_rig *f, enum event_type type)
{
    struct event e;
    assert_true(queue_pop(&f->engine.events, &e));
    assert_int_equal(e.type, type);
    return e;
}

static inline void engine_rig_no_event(struct engine_rig *f)
{
    assert_int_equal(queue_used(&f->engine.events), 0);
}

// ---- cycles ----

static inline void engine_rig_process(struct engine_rig *f, uint32_t at, uint32_t n_frames)
{
    engine_rt_process(&f->engine, NULL, (float *[]){f->left + at, f->right + at}, 2, n_frames);
}

static inline uint64_t engine_rig_ntp(const struct engine_rig *f, double ns)
{
    return f->ntp_zero + clock_ntp_of_ns((uint64_t)llround(ns));
}

/// A cycle of the device, as late as its jitter lets it be. Returns when it woke up.
static inline double engine_rig_cycle(struct engine_rig *f, uint32_t n_frames)
{
    double ns = f->now_ns + random_between(&f->seed, 0, f->jitter_ns);
    struct moment now = {.monotonic_ns = (uint64_t)llround(ns), .ntp = engine_rig_ntp(f, ns)};
    f->now_ns += n_frames / f->rate * 1e9;
    engine_rt_process(&f->engine, &now, (float *[]){f->left, f->right}, 2, n_frames);
    return ns;
}

static inline void engine_rig_run(struct engine_rig *f, double seconds, uint32_t n_frames)
{
    for (double end = f->now_ns + seconds * 1e9; f->now_ns < end;)
        engine_rig_cycle(f, n_frames);
}

#endif
