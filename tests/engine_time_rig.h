// SPDX-License-Identifier: MIT
// engine_time_rig.h - commands that are due at a time, and the clicks that tell when they were done.
#ifndef TESTS_ENGINE_TIME_RIG_H
#define TESTS_ENGINE_TIME_RIG_H
#include "tests/engine_rig.h"

/// Sound of a click: one frame, loud enough that as many as there are voices can be told from one another.
#define CLICK_DB    (-40.0f)
#define CLICK_LEVEL 0.01f

/// What one live cycle of so many frames takes.
#define CYCLE_COMMANDS(n_frames) engine_rt_budget(n_frames, ENGINE_RATE)

static struct rig_sound click;

static inline int make_sounds(void **state)
{
    (void)state;
    rig_sound_make(&click, 1, 1, SAMPLE_F32, rig_one);
    return 0;
}

static inline int free_sounds(void **state)
{
    (void)state;
    rig_sound_free(&click);
    return 0;
}

// ---- commands ----

static inline struct command click_at(uint32_t slot, uint64_t time)
{
    struct command c = {.type = COMMAND_VOICE_START,
                        .when = WHEN_TIME,
                        .slot = slot,
                        .entry = (uint16_t)slot,
                        .time = time,
                        .start = rig_start(&click.sound)};
    c.start.gain_db = CLICK_DB;
    return c;
}

/// Does nothing but to be due.
static inline struct command nothing_at(uint32_t entry, uint64_t time)
{
    return (struct command){.type = COMMAND_VOICE_PAUSE,
                            .when = WHEN_TIME,
                            .generation = 1, // which no voice has
                            .entry = (uint16_t)entry,
                            .time = time};
}

static inline struct command nothing_now(void)
{
    return (struct command){.type = COMMAND_VOICE_PAUSE, .generation = 1};
}

static inline void push_nothing(struct engine_rig *f, uint32_t entry, uint64_t time)
{
    struct command c = nothing_at(entry, time);
    engine_rig_push(f, &c);
}

static inline uint32_t clicks(const struct engine_rig *f, uint32_t at)
{
    return (uint32_t)lrintf(f->left[at] / CLICK_LEVEL);
}

static inline struct due next_due(struct engine_rig *f, uint32_t entry, uint64_t *frame)
{
    struct event e = engine_rig_event(f, EVENT_DUE);
    assert_int_equal(e.slot, entry);
    if (frame) *frame = e.frame;
    return e.due;
}

/// True frame of the device at a time.
static inline double true_frame(const struct engine_rig *f, double ns)
{
    return (double)f->engine.frame + (ns - f->now_ns) * 1e-9 * f->rate;
}

#endif
