// SPDX-License-Identifier: MIT
// test_engine_rt.c - the audio side behind its queues: any cut gives the same bits, and no report that is
// owed is lost.
#include "engine/rt/engine_rt.h"
#include "tests/arena_limits.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

#define N_VOICES  32
#define N_BUSES   6
#define N_FRAMES  24000
#define STEP      500 // frames between commands
#define MAX_QUEUE 16384

static struct rig_sound sounds[4];

static int make_sounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        rig_sound_make(&sounds[i], 5000, 1 + i % 2, i / 2 ? SAMPLE_S16 : SAMPLE_F32, rig_noise);
    return 0;
}

static int free_sounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        rig_sound_free(&sounds[i]);
    return 0;
}

struct fixture {
    struct arena arena;
    struct bus_graph graphs[2];
    struct engine_rt engine;
    float left[N_FRAMES], right[N_FRAMES];
};

static void make_graph(struct fixture *f, uint32_t i, uint32_t n_buses)
{
    struct bus_graph *g = &f->graphs[i];
    assert_int_equal(bus_graph_init(g, arena_allocator(&f->arena), N_BUSES), STATUS_OK);
    g->index = i;
    g->n_buses = n_buses;
    for (uint32_t b = 0; b < n_buses; b++)
        g->parent[b] = (uint16_t)(b / 2);
    g->out[0] = 1;
    g->width[0] = 2;
    bus_graph_sort(g);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (arena_init(&f->arena, 1 << 26)) return 1;
    make_graph(f, 0, N_BUSES);
    make_graph(f, 1, N_BUSES - 1);
    struct mixer_config config = {.rate = 48000,
                                  .n_voices = N_VOICES,
                                  .n_buses = N_BUSES,
                                  .n_channels = 2,
                                  .declick_frames = 240,
                                  .graph = &f->graphs[0]};
    return (int)engine_rt_init(&f->engine,
                               &(struct rt_memory){arena_allocator(&f->arena),
                                                   {arena_allocator(&f->arena), arena_allocator(&f->arena),
                                                    arena_allocator(&f->arena)}},
                               &config, MAX_QUEUE);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void push(struct fixture *f, const struct command *c)
{
    assert_true(queue_push(&f->engine.commands, c));
}

static void push_start(struct fixture *f, uint32_t slot, const struct voice_start *start)
{
    push(f, &(struct command){.type = COMMAND_VOICE_START, .slot = slot, .start = *start});
}

static void push_sync(struct fixture *f, uint64_t token)
{
    push(f, &(struct command){.type = COMMAND_SYNC, .token = token});
}

static void process(struct fixture *f, uint32_t at, uint32_t n_frames)
{
    engine_rt_process(&f->engine, (float *[]){f->left + at, f->right + at}, 2, n_frames);
}

// ---- the cut ----

static struct voice_start random_start(uint64_t *seed)
{
    struct voice_start s = rig_start(&sounds[random_below(seed, 4)].sound);
    bool forward = random_below(seed, 3) > 0;
    s.increment = random_below(seed, 3) ? rig_frames(random_between(seed, 0.06, 4)) : FRAME_ONE;
    if (!forward) s.increment = -s.increment;
    s.position = (int64_t)random_below(seed, 5000) << 32;
    s.level = (struct level){(float)random_between(seed, 0, 0.2), (float)random_between(seed, 0, 0.2), 0};
    s.fade_in_frames = random_below(seed, 2) ? random_below(seed, 1000) : 0;
    s.fade_out_frames = random_below(seed, 2) ? random_below(seed, 1000) : 0;
    s.loop_start = random_below(seed, 4999);
    s.loop_end = s.loop_start + 1 + random_below(seed, 4999 - s.loop_start);
    s.looping = random_below(seed, 2);
    s.loop_count = random_below(seed, 3) ? random_below(seed, 30) : 0;
    s.bus = (uint16_t)random_below(seed, N_BUSES - 1);
    s.paused = random_below(seed, 8) == 0;
    s.interpolation = (enum interpolation)random_below(seed, INTERPOLATION_UNITY);
    return s;
}

/// Some command for a voice that runs, or its start. `running` is what control knows: not freed before the
/// end was told.
static void push_random(struct fixture *f, uint64_t *seed, bool *running)
{
    uint32_t slot = random_below(seed, N_VOICES), fade = random_below(seed, 2000);
    struct command c = {.slot = slot};
    if (!running[slot]) {
        struct voice_start start = random_start(seed);
        push_start(f, slot, &start);
        running[slot] = true;
        return;
    }
    c.type = COMMAND_VOICE_STOP + random_below(seed, COMMAND_BUS_GRAPH - COMMAND_VOICE_STOP + 1);
    switch ((enum command_type)c.type) {
    case COMMAND_VOICE_SEEK: c.position = (int64_t)random_below(seed, 5000) << 32; break;
    case COMMAND_VOICE_RATE: c.increment = rig_frames(random_between(seed, -16, 16)) | 1; break;
    case COMMAND_VOICE_INTERPOLATION: c.interpolation = random_below(seed, INTERPOLATION_UNITY); break;
    case COMMAND_BUS_LEVEL: c.slot = random_below(seed, N_BUSES); // fall through
    case COMMAND_VOICE_LEVEL: c.level = (struct level){0.3f, (float)random_between(seed, 0, 1), fade}; break;
    case COMMAND_BUS_GRAPH: c.graph = &f->graphs[random_below(seed, 2)]; break;
    default: c.fade_frames = fade; break;
    }
    push(f, &c);
}

/// Renders with commands at every STEP frames, and in between in calls of 1 to `longest` frames.
static void run(struct fixture *f, uint32_t longest, uint64_t cut_seed)
{
    uint64_t seed = 42;
    bool running[N_VOICES] = {false};
    for (uint32_t at = 0; at < N_FRAMES; at += STEP) {
        struct event e;
        while (queue_pop(&f->engine.events, &e))
            if (e.type == EVENT_VOICE_ENDED) running[e.slot] = false;
        for (int i = 0; i < 12; i++)
            push_random(f, &seed, running);
        for (uint32_t done = 0; done < STEP;) {
            uint32_t n = 1 + random_below(&cut_seed, longest);
            if (n > STEP - done) n = STEP - done;
            process(f, at + done, n);
            done += n;
        }
    }
}

static void test_any_cut_gives_the_same_bits(void **state)
{
    struct fixture *whole = *state;
    run(whole, STEP, 1);
    double energy = 0;
    for (uint32_t i = 0; i < N_FRAMES; i++)
        energy += (double)whole->left[i] * (double)whole->left[i];
    assert_true(energy > 10); // there is something to compare
    for (uint32_t round = 1; round <= 30; round++) {
        void *other_state;
        assert_int_equal(set_up(&other_state), 0);
        struct fixture *other = other_state;
        run(other, round == 1 ? 1 : 200, round);
        for (uint32_t i = 0; i < N_FRAMES; i++)
            if (memcmp(&whole->left[i], &other->left[i], 4) || memcmp(&whole->right[i], &other->right[i], 4))
                fail_msg("round %u: frame %u is not the same", round, i);
        assert_int_equal(other->engine.frame, N_FRAMES);
        tear_down(&other_state);
    }
}

static void test_no_frames_only_take_commands(void **state)
{
    struct fixture *f = *state;
    struct event e;
    push_sync(f, 5);
    engine_rt_process(&f->engine, NULL, 0, 0);
    assert_int_equal(f->engine.frame, 0);
    assert_true(queue_pop(&f->engine.events, &e));
    assert_int_equal(e.type, EVENT_SYNCED);
    assert_int_equal(e.value, 5);
}

// ---- commands and events ----

static void test_commands_beyond_a_cycle_wait(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < MAX_COMMANDS_A_CYCLE + 1; i++)
        push(f, &(struct command){.type = COMMAND_VOICE_PAUSE});
    push_sync(f, 1);
    process(f, 0, 64);
    assert_int_equal(queue_used(&f->engine.commands), 2);
    assert_int_equal(queue_used(&f->engine.events), 0);
    process(f, 0, 64);
    assert_int_equal(queue_used(&f->engine.commands), 0);
    assert_int_equal(queue_used(&f->engine.events), 1);
    for (uint64_t i = 0; i < MAX_COMMANDS_A_CYCLE; i++) // as many as one cycle takes
        push(f, &(struct command){.type = COMMAND_VOICE_PAUSE});
    process(f, 0, 1);
    assert_int_equal(queue_used(&f->engine.commands), 0);
}

static void test_events_tell_what_happened(void **state)
{
    struct fixture *f = *state;
    struct voice_start start = rig_start(&sounds[0].sound);
    start.position = rig_frames(4900); // 100 frames are left
    push_start(f, 3, &start);
    start.paused = true;
    push_start(f, 4, &start);
    push(f, &(struct command){.type = COMMAND_BUS_GRAPH, .graph = &f->graphs[1]});
    push_sync(f, UINT64_MAX);
    process(f, 0, 64);
    push(f, &(struct command){.type = COMMAND_VOICE_STOP, .slot = 4});
    process(f, 0, 128);
    static const struct event expected[] = {{EVENT_VOICE_STARTED, 3, 0, {0}},
                                            {EVENT_VOICE_STARTED, 4, 0, {0}},
                                            {EVENT_GRAPH_RETIRED, 0, 0, {0}},
                                            {EVENT_SYNCED, 0, 0, {UINT64_MAX}},
                                            {EVENT_VOICE_ENDED, 4, 128, {VOICE_END_STOPPED}},
                                            {EVENT_VOICE_ENDED, 3, 128, {VOICE_END_FINISHED}}};
    bool seen[COUNT_OF(expected)] = {false};
    struct event e;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(queue_pop(&f->engine.events, &e));
        for (size_t k = 0; k < COUNT_OF(expected); k++)
            seen[k] |= e.type == expected[k].type && e.slot == expected[k].slot &&
                       e.frame == expected[k].frame && e.value == expected[k].value;
    }
    assert_false(queue_pop(&f->engine.events, &e));
    for (size_t k = 0; k < COUNT_OF(expected); k++)
        if (!seen[k]) fail_msg("event %zu did not come", k);
}

static float broken(uint32_t channel, uint32_t frame)
{
    (void)channel;
    return frame % 64 == 0 ? NAN : 0.1f;
}

/// Reports that may be left out fill the queue first; then all that can be owed at once still fits.
static void test_nothing_owed_is_lost(void **state)
{
    struct fixture *f = *state;
    struct rig_sound bad;
    struct event e;
    rig_sound_make(&bad, 64, 1, SAMPLE_F32, broken);
    struct voice_start start = rig_start(&bad.sound);
    start.looping = true;
    start.loop_end = 64;
    push_start(f, 0, &start);
    uint32_t n_slots = f->engine.events.n_slots, n_blocks = 2 * n_slots;
    for (uint32_t i = 0; i < n_blocks; i++)
        process(f, 0, BLOCK_FRAMES);
    assert_true(queue_room(&f->engine.events) == f->engine.owed_events); // and no report took more
    assert_true(n_slots - f->engine.owed_events >= SPARE_EVENTS);
    assert_int_equal(f->engine.n_nonfinite, 2 * n_blocks); // they are counted all the same

    for (uint32_t i = 1; i < N_VOICES; i++)
        push_start(f, i, &start);
    for (uint32_t i = 0; i < MAX_SYNCS; i++)
        push_sync(f, i);
    for (uint32_t i = 0; i < MAX_GRAPHS; i++)
        push(f, &(struct command){.type = COMMAND_BUS_GRAPH, .graph = &f->graphs[i % 2]});
    for (uint32_t i = 0; i < N_VOICES; i++)
        push(f, &(struct command){.type = COMMAND_VOICE_STOP, .slot = i});
    for (int i = 0; i < 10; i++)
        process(f, 0, 64);

    uint32_t n[EVENT_NONFINITE + 1] = {0};
    while (queue_pop(&f->engine.events, &e)) {
        if (e.type == EVENT_SYNCED) assert_int_equal(e.value, n[EVENT_SYNCED]); // in order
        n[e.type]++;
    }
    assert_int_equal(n[EVENT_VOICE_STARTED], N_VOICES);
    assert_int_equal(n[EVENT_VOICE_ENDED], N_VOICES);
    assert_int_equal(n[EVENT_SYNCED], MAX_SYNCS);
    assert_int_equal(n[EVENT_GRAPH_RETIRED], MAX_GRAPHS);
    assert_true(n[EVENT_NONFINITE] >= SPARE_EVENTS - 1);
    rig_sound_free(&bad);
}

static void test_snapshots(void **state)
{
    struct fixture *f = *state;
    const struct snapshot *s = latest_read(&f->engine.snapshot);
    assert_int_equal(s->frame, 0);
    assert_int_equal(s->n_buses, 0);
    struct voice_start start = rig_start(&sounds[0].sound);
    start.looping = true;
    start.loop_end = 5000;
    start.level = (struct level){3.0f, 0.0f, 0};
    push_start(f, 0, &start);
    uint32_t n_changes = 0;
    uint64_t last = 0;
    for (uint32_t i = 0; i < 480; i++) { // a second
        process(f, 0, 100);
        s = latest_read(&f->engine.snapshot);
        n_changes += s->frame != last;
        last = s->frame;
    }
    assert_int_equal(n_changes, 10);
    assert_int_equal(s->n_buses, N_BUSES);
    assert_int_equal(s->n_active, 1);
    assert_true(s->n_clipped > 0);
    assert_true(s->meters[0].peak_left > 2.5f && s->meters[0].peak_right == 0.0f);
    assert_true(s->meters[1].peak_left == 0.0f);
}

// ---- set-up ----

static enum status init_one(void *object, struct allocator *a)
{
    static const struct bus_graph graph;
    return engine_rt_init(object, &(struct rt_memory){a, {a, a, a}},
                          &(struct mixer_config){48000, 32, 8, 2, 240, &graph}, 64);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct engine_rt e;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &e});
}

static void test_bad_arguments(void **state)
{
    struct fixture *f = *state;
    struct engine_rt e;
    struct mixer_config config = {48000, 32, 8, 2, 240, &f->graphs[0]};
    assert_int_equal(
        engine_rt_init(&e,
                       &(struct rt_memory){arena_allocator(&f->arena),
                                           {arena_allocator(&f->arena), arena_allocator(&f->arena),
                                            arena_allocator(&f->arena)}},
                       &config, 63),
        STATUS_BAD_ARGUMENT);
    config.n_voices = 0;
    assert_int_equal(
        engine_rt_init(&e,
                       &(struct rt_memory){arena_allocator(&f->arena),
                                           {arena_allocator(&f->arena), arena_allocator(&f->arena),
                                            arena_allocator(&f->arena)}},
                       &config, 64),
        STATUS_BAD_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_any_cut_gives_the_same_bits),
        TEST(test_no_frames_only_take_commands),
        TEST(test_commands_beyond_a_cycle_wait),
        TEST(test_events_tell_what_happened),
        TEST(test_nothing_owed_is_lost),
        TEST(test_snapshots),
        TEST(test_small_arenas),
        TEST(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
