// SPDX-License-Identifier: MIT
// test_engine_cut.c - any cut of the same commands into cycles gives the same bits.
#include "tests/engine_rt_rig.h"

#define STEP 500 // frames between commands

static struct voice_start random_start(uint64_t *seed)
{
    struct voice_start s = rig_start(&sounds[random_below(seed, 4)].sound);
    bool forward = random_below(seed, 3) > 0;
    s.increment = random_below(seed, 3) ? rig_frames(random_between(seed, 0.06, 4)) : FRAME_ONE;
    if (!forward) s.increment = -s.increment;
    s.position = (int64_t)random_below(seed, 5000) << 32;
    s.gain_db = (float)random_between(seed, -40, -14);
    s.pan = (float)random_between(seed, -1, 1);
    s.fade_in_frames = random_below(seed, 2) ? random_below(seed, 1000) : 0;
    s.fade_out_frames = random_below(seed, 2) ? random_below(seed, 1000) : 0;
    s.loop_start = random_below(seed, 4999);
    s.loop_end = s.loop_start + 1 + random_below(seed, 4999 - s.loop_start);
    s.looping = random_below(seed, 2);
    s.loop_count = random_below(seed, 3) ? random_below(seed, 30) : 0;
    s.bus = (uint16_t)random_below(seed, ENGINE_BUSES - 1);
    s.paused = random_below(seed, 8) == 0;
    s.interpolation = (enum interpolation)random_below(seed, INTERPOLATION_UNITY);
    return s;
}

/// What control knows.
struct books {
    bool is_running[ENGINE_VOICES];      // not free before the end was told
    bool is_scheduled[ENGINE_SCHEDULED]; // not free before rt has told
};

static void read_events(struct engine_rig *f, struct books *b)
{
    struct event e;
    while (queue_pop(&f->engine.events, &e)) {
        if (e.type == EVENT_VOICE_ENDED) b->is_running[e.slot] = false;
        if (e.type != EVENT_DUE) continue;
        b->is_scheduled[e.slot] = false;
        assert_int_equal(e.due.outcome, DUE_DONE);
        assert_int_equal(e.due.late_frames, 0);
    }
}

static struct change random_change(uint64_t *seed, double low, double high)
{
    return (struct change){.value = random_between(seed, low, high),
                           .ramp_frames = random_below(seed, 2000),
                           .curve = (uint8_t)random_below(seed, N_CURVES),
                           .relative = random_below(seed, 4) == 0};
}

static void fill_in(struct engine_rig *f, uint64_t *seed, struct command *c)
{
    switch ((enum command_type)c->type) {
    case COMMAND_VOICE_SEEK:
        c->seek.position = ((int64_t)random_below(seed, 5000) - 1000) * FRAME_ONE;
        c->seek.relative = random_below(seed, 2);
        break;
    case COMMAND_BUS_GAIN: c->slot = random_below(seed, ENGINE_BUSES); // fall through
    case COMMAND_VOICE_GAIN: c->change = random_change(seed, -60, -14); break;
    case COMMAND_BUS_PAN: c->slot = random_below(seed, ENGINE_BUSES); // fall through
    case COMMAND_VOICE_PAN: c->change = random_change(seed, -1, 1); break;
    case COMMAND_VOICE_RATE: c->change = random_change(seed, -4, 4); break;
    case COMMAND_VOICE_INTERPOLATION: c->interpolation = random_below(seed, INTERPOLATION_UNITY); break;
    case COMMAND_BUS_MUTE:
    case COMMAND_BUS_SOLO:
        c->slot = random_below(seed, ENGINE_BUSES);
        c->flag = (struct flag){random_below(seed, 4) == 0, random_below(seed, 2000)};
        break;
    case COMMAND_BUS_GRAPH: c->graph = &f->graphs[random_below(seed, 2)]; break;
    default:
        if (c->type <= COMMAND_VOICE_RESUME && random_below(seed, 8) == 0) c->slot = SLOT_ALL;
        c->fade = (struct fade){random_below(seed, 2000), (uint16_t)random_below(seed, 3), NULL, 0};
        if (random_below(seed, 2)) c->fade.bus = BUS_ANY;
        break;
    }
}

/// Some command for a voice that runs, or its start; half of them at a frame of their own within two steps.
static void push_random(struct engine_rig *f, uint64_t *seed, struct books *b)
{
    uint32_t slot = random_below(seed, ENGINE_VOICES), entry = random_below(seed, ENGINE_SCHEDULED);
    struct command c = {.slot = slot};
    if (!b->is_running[slot]) {
        b->is_running[slot] = true;
        c.start = random_start(seed);
    } else {
        c.type =
            (uint8_t)(COMMAND_VOICE_STOP + random_below(seed, COMMAND_BUS_GRAPH - COMMAND_VOICE_STOP + 1));
        if (c.type == COMMAND_VOICE_REPORT) c.type = COMMAND_VOICE_LOOP;
        fill_in(f, seed, &c);
    }
    uint64_t frame = f->engine.frame + random_below(seed, 2 * STEP);
    if (random_below(seed, 2) && !b->is_scheduled[entry]) {
        b->is_scheduled[entry] = true;
        c.when = WHEN_TIME;
        c.entry = (uint16_t)entry;
        c.time = engine_rig_stamp(frame);
        c.drop_late = random_below(seed, 2);
    }
    engine_rig_push(f, &c);
}

/// Renders with commands at every STEP frames, and in between in calls of 1 to `longest` frames.
static void run(struct engine_rig *f, uint32_t longest, uint64_t cut_seed)
{
    uint64_t seed = 42;
    struct books books = {0};
    for (uint32_t at = 0; at < ENGINE_FRAMES; at += STEP) {
        read_events(f, &books);
        for (int i = 0; i < 16; i++)
            push_random(f, &seed, &books);
        for (uint32_t done = 0; done < STEP;) {
            uint32_t n = 1 + random_below(&cut_seed, longest);
            if (n > STEP - done) n = STEP - done;
            engine_rig_process(f, at + done, n);
            done += n;
        }
    }
}

static void test_any_cut_gives_the_same_bits(void **state)
{
    struct engine_rig *whole = *state;
    run(whole, STEP, 1);
    double energy = 0;
    for (uint32_t i = 0; i < ENGINE_FRAMES; i++)
        energy += (double)whole->left[i] * (double)whole->left[i];
    assert_true(energy > 10); // there is something to compare
    for (uint32_t round = 1; round <= 30; round++) {
        void *other_state;
        assert_int_equal(engine_rig_offline(&other_state), 0);
        struct engine_rig *other = other_state;
        run(other, round == 1 ? 1 : 200, round);
        for (uint32_t i = 0; i < ENGINE_FRAMES; i++)
            if (memcmp(&whole->left[i], &other->left[i], 4) || memcmp(&whole->right[i], &other->right[i], 4))
                fail_msg("round %u: frame %u is not the same", round, i);
        assert_int_equal(other->engine.frame, ENGINE_FRAMES);
        engine_rig_close(&other_state);
    }
}

static void test_no_frames_only_take_commands(void **state)
{
    struct engine_rig *f = *state;
    struct event e;
    engine_rig_sync(f, 5);
    engine_rt_process(&f->engine, NULL, NULL, 0, 0);
    assert_int_equal(f->engine.frame, 0);
    assert_true(queue_pop(&f->engine.events, &e));
    assert_int_equal(e.type, EVENT_SYNCED);
    assert_int_equal(e.value, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_rig_offline, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_any_cut_gives_the_same_bits),
        TEST(test_no_frames_only_take_commands),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
