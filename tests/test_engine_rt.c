// SPDX-License-Identifier: MIT
// test_engine_rt.c - the audio side behind its queues: whom commands reach, and that no report that is owed
// is lost.
#include "tests/arena_limits.h"
#include "tests/engine_rt_rig.h"

// ---- events ----

static void test_events_tell_what_happened(void **state)
{
    struct engine_rig *f = *state;
    struct voice_start start = rig_start(&sounds[0].sound);
    start.position = rig_frames(4900); // 100 frames are left
    engine_rig_start(f, 3, &start);
    start.paused = true;
    engine_rig_start(f, 4, &start);
    engine_rig_push(f, &(struct command){.type = COMMAND_BUS_GRAPH, .graph = &f->graphs[1]});
    engine_rig_sync(f, UINT64_MAX);
    engine_rig_process(f, 0, 64);
    engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_STOP, .slot = 4});
    engine_rig_process(f, 0, 128);
    static const struct event expected[] = {{EVENT_VOICE_STARTED, 3, 0, 0, {0}},
                                            {EVENT_VOICE_STARTED, 4, 0, 0, {0}},
                                            {EVENT_GRAPH_RETIRED, 0, 0, 0, {0}},
                                            {EVENT_SYNCED, 0, 0, 0, {UINT64_MAX}},
                                            {EVENT_VOICE_ENDED, 4, 128, 0, {VOICE_END_STOPPED}},
                                            {EVENT_VOICE_ENDED, 3, 128, 0, {VOICE_END_FINISHED}}};
    bool seen[COUNT_OF(expected)] = {false};
    struct event e;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(queue_pop(&f->engine.events, &e));
        for (size_t k = 0; k < COUNT_OF(expected); k++)
            seen[k] |= e.type == expected[k].type && e.slot == expected[k].slot &&
                       e.frame == expected[k].frame && e.value == expected[k].value;
    }
    engine_rig_no_event(f);
    for (size_t k = 0; k < COUNT_OF(expected); k++)
        if (!seen[k]) fail_msg("event %zu did not come", k);
}

/// Loops and pauses are told to those who asked, and to nobody else.
static void test_loops_and_pauses(void **state)
{
    struct engine_rig *f = *state;
    struct voice_start start = rig_start(&sounds[0].sound);
    start.looping = true;
    start.loop_end = start.end_frame = 1000;
    for (uint32_t round = 0; round < 2; round++) {
        engine_rig_push(f, &(struct command){.type = COMMAND_WATCH_VOICES, .flag.on = round == 0});
        engine_rig_start(f, round, &start);
        engine_rig_process(f, 0, 2048); // goes round twice
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_PAUSE, .slot = round});
        engine_rig_process(f, 0, 512);
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_RESUME, .slot = round});
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_RESUME, .slot = round}); // goes on already
        engine_rig_process(f, 0, 64);
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_STOP, .slot = round});
        engine_rig_process(f, 0, 320);
        engine_rig_event(f, EVENT_VOICE_STARTED);
        for (uint32_t i = 0; round == 0 && i < 2; i++)
            assert_int_equal(engine_rig_event(f, EVENT_VOICE_LOOPED).slot, 0);
        for (uint32_t i = 0; round == 0 && i < 2; i++) {
            struct event e = engine_rig_event(f, EVENT_VOICE_PAUSED);
            assert_int_equal(e.slot, 0);
            assert_int_equal(e.value, i == 0);
        }
        engine_rig_event(f, EVENT_VOICE_ENDED);
        engine_rig_no_event(f);
    }
}

static void test_voice_reports(void **state)
{
    struct engine_rig *f = *state;
    struct command start = {.type = COMMAND_VOICE_START, .slot = 2, .generation = 7};
    start.start = rig_start(&sounds[1].sound);
    start.start.gain_db = -6;
    engine_rig_push(f, &start);
    engine_rig_process(f, 0, 100);
    engine_rig_event(f, EVENT_VOICE_STARTED);
    for (uint32_t generation = 6; generation < 9; generation++) {
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_REPORT,
                                             .slot = 2,
                                             .generation = generation,
                                             .token = generation * 1000});
        engine_rt_process(&f->engine, NULL, NULL, 0, 0);
        struct event e = engine_rig_event(f, EVENT_VOICE_REPORT);
        assert_int_equal(e.slot, 2);
        assert_int_equal(e.frame, 100);
        assert_int_equal(e.token, generation * 1000);
        bool right = generation == 7;
        assert_int_equal(e.report.state, right ? VOICE_PLAYING : VOICE_FREE);
        assert_int_equal(e.report.position, right ? rig_frames(100) : 0);
        assert_true(e.report.gain_db == (right ? -6.0f : 0.0f));
    }
    engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_STOP, .slot = 2, .generation = 7});
    engine_rig_process(f, 0, 1000);
    engine_rig_event(f, EVENT_VOICE_ENDED);
    engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_REPORT, .slot = 2, .generation = 7});
    engine_rt_process(&f->engine, NULL, NULL, 0, 0);
    assert_int_equal(engine_rig_event(f, EVENT_VOICE_REPORT).report.state, VOICE_FREE);
}

// ---- whom commands reach ----

/// What was meant for the voice before does nothing to the one that has its slot now.
static void test_generations(void **state)
{
    struct engine_rig *f = *state;
    struct command start = {.type = COMMAND_VOICE_START, .slot = 5, .generation = 10};
    start.start = rig_start(&sounds[0].sound);
    engine_rig_push(f, &start);
    for (uint32_t type = COMMAND_VOICE_STOP; type < COMMAND_VOICE_REPORT; type++)
        engine_rig_push(f, &(struct command){.type = (uint8_t)type, .slot = 5, .generation = 9});
    engine_rig_process(f, 0, 64);
    struct voice_report r;
    voices_report(&f->engine.mixer.voices, 5, &r);
    assert_int_equal(r.state, VOICE_PLAYING);
    assert_int_equal(r.position, rig_frames(64));
    assert_int_equal(r.increment, FRAME_ONE);
    engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_STOP, .slot = 5, .generation = 10});
    engine_rig_process(f, 0, 1000);
    engine_rig_event(f, EVENT_VOICE_STARTED);
    engine_rig_event(f, EVENT_VOICE_ENDED);
    engine_rig_no_event(f);
}

/// Voices 0 to 7: bus 0 or 1, sound 0 or 1, one after another stopped by filters. Their serials are 1
/// and 2.
static void test_all_that_match(void **state)
{
    static const struct {
        uint16_t bus;
        int sound;
        uint32_t serial;
        uint8_t expected; // a bit for each voice
    } filters[] = {{BUS_ANY, -1, 0, 0xff}, {0, -1, 0, 0x33},      {1, -1, 0, 0xcc},
                   {BUS_ANY, 0, 1, 0x55},  {BUS_ANY, 1, 2, 0xaa}, {1, 0, 1, 0x44},
                   {2, -1, 0, 0},          {BUS_ANY, 2, 3, 0},    {BUS_ANY, 0, 9, 0}};
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        void *own;
        (void)state;
        assert_int_equal(engine_rig_offline(&own), 0);
        struct engine_rig *f = own;
        for (uint32_t slot = 0; slot < 8; slot++) {
            struct command c = {.type = COMMAND_VOICE_START, .slot = slot, .generation = slot + 1};
            sounds[slot % 2].sound.serial = 1 + slot % 2;
            c.start = rig_start(&sounds[slot % 2].sound);
            c.start.bus = slot / 2 % 2;
            c.start.paused = slot >= 6;
            engine_rig_push(f, &c);
        }
        struct command stop = {.type = COMMAND_VOICE_STOP, .slot = SLOT_ALL, .fade = {.bus = filters[i].bus}};
        if (filters[i].sound >= 0) stop.fade.sound = &sounds[filters[i].sound].sound;
        stop.fade.serial = filters[i].serial;
        engine_rig_push(f, &stop);
        engine_rig_process(f, 0, 1000);
        uint8_t ended = 0;
        struct event e;
        while (queue_pop(&f->engine.events, &e))
            if (e.type == EVENT_VOICE_ENDED) ended = (uint8_t)(ended | 1u << e.slot);
        assert_int_equal(ended, filters[i].expected);
        engine_rig_close(&own);
    }
}

static void test_fade_out_is_the_end_of_all_sound(void **state)
{
    struct engine_rig *f = *state;
    struct voice_start start = rig_start(&sounds[0].sound);
    start.looping = true;
    start.loop_end = start.end_frame;
    engine_rig_start(f, 0, &start);
    engine_rig_push(f, &(struct command){.type = COMMAND_FADE_OUT, .fade.frames = 480});
    engine_rig_start(f, 1, &start);
    engine_rig_process(f, 0, 2000);
    assert_true(f->left[100] != 0.0f);
    for (uint32_t i = 480; i < 2000; i++)
        assert_true(f->left[i] == 0.0f && f->right[i] == 0.0f);
}

// ---- room ----

static float broken(uint32_t channel, uint32_t frame)
{
    (void)channel;
    return frame % 64 == 0 ? NAN : 0.1f;
}

/// Reports that may be left out fill the queue first; then all that can be owed at once still fits.
static void test_nothing_owed_is_lost(void **state)
{
    struct engine_rig *f = *state;
    struct rig_sound bad;
    struct event e;
    rig_sound_make(&bad, 64, 1, SAMPLE_F32, broken);
    struct voice_start start = rig_start(&bad.sound);
    start.looping = true;
    start.loop_end = 64;
    engine_rig_start(f, 0, &start);
    uint32_t n_slots = f->engine.events.n_slots, n_blocks = 2 * n_slots;
    for (uint32_t i = 0; i < n_blocks; i++)
        engine_rig_process(f, 0, BLOCK_FRAMES);
    assert_true(queue_room(&f->engine.events) == f->engine.owed_events); // and no report took more
    assert_true(n_slots - f->engine.owed_events >= SPARE_EVENTS);
    assert_int_equal(f->engine.n_nonfinite, 2 * n_blocks); // they are counted all the same

    for (uint32_t i = 1; i < ENGINE_VOICES; i++)
        engine_rig_start(f, i, &start);
    for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++)
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_PAUSE,
                                             .generation = 1, // which no voice has
                                             .when = WHEN_TIME,
                                             .entry = (uint16_t)i,
                                             .time = engine_rig_stamp(f->engine.frame + 64)});
    for (uint32_t i = 0; i < MAX_SYNCS; i++)
        engine_rig_sync(f, i);
    for (uint32_t i = 0; i < MAX_VOICE_REPORTS; i++)
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_REPORT, .token = i});
    for (uint32_t i = 0; i < MAX_GRAPHS; i++)
        engine_rig_push(f, &(struct command){.type = COMMAND_BUS_GRAPH, .graph = &f->graphs[i % 2]});
    for (uint32_t i = 0; i < ENGINE_VOICES; i++)
        engine_rig_push(f, &(struct command){.type = COMMAND_VOICE_STOP, .slot = i});
    for (int i = 0; i < 10; i++)
        engine_rig_process(f, 0, 64);

    uint32_t n[EVENT_CLOCK_STEP + 1] = {0};
    while (queue_pop(&f->engine.events, &e)) {
        if (e.type == EVENT_SYNCED) assert_int_equal(e.value, n[EVENT_SYNCED]); // in order
        n[e.type]++;
    }
    assert_int_equal(n[EVENT_VOICE_STARTED], ENGINE_VOICES);
    assert_int_equal(n[EVENT_VOICE_ENDED], ENGINE_VOICES);
    assert_int_equal(n[EVENT_SYNCED], MAX_SYNCS);
    assert_int_equal(n[EVENT_GRAPH_RETIRED], MAX_GRAPHS);
    assert_int_equal(n[EVENT_DUE], ENGINE_SCHEDULED);
    assert_int_equal(n[EVENT_VOICE_REPORT], MAX_VOICE_REPORTS);
    assert_true(n[EVENT_NONFINITE] >= SPARE_EVENTS - 1);
    rig_sound_free(&bad);
}

/// What events point to stays readable for as much time, however blocks were cut.
static void test_reports_outlive_short_blocks(void **state)
{
    struct engine_rig *f = *state;
    struct rig_sound bad;
    rig_sound_make(&bad, 64, 1, SAMPLE_F32, broken); // its first frame
    struct voice_start start = rig_start(&bad.sound);
    engine_rig_start(f, 0, &start);
    engine_rig_process(f, 0, 1);
    engine_rig_event(f, EVENT_VOICE_STARTED);
    struct event e = engine_rig_event(f, EVENT_NONFINITE);
    for (uint32_t i = 0; i < 2 * REPORT_BLOCKS; i++)
        engine_rig_process(f, 0, 1);
    uint64_t report[8];
    assert_int_equal(e.ring.bytes, nonfinite_report_bytes(1));
    assert_true(ring_get(&f->engine.reports, e.ring, report));
    for (uint32_t i = 0; i < REPORT_BLOCKS; i++)
        engine_rig_process(f, 0, BLOCK_FRAMES);
    assert_false(ring_get(&f->engine.reports, e.ring, report));
    rig_sound_free(&bad);
}

static void test_snapshots(void **state)
{
    struct engine_rig *f = *state;
    const struct snapshot *s = latest_read(&f->engine.snapshot);
    assert_int_equal(s->frame, 0);
    assert_int_equal(s->n_buses, 0);
    struct voice_start start = rig_start(&sounds[0].sound);
    start.looping = true;
    start.loop_end = 5000;
    start.gain_db = 10;
    engine_rig_start(f, 0, &start);
    uint32_t n_changes = 0;
    uint64_t last = 0;
    for (uint32_t i = 0; i < 480; i++) { // a second
        engine_rig_process(f, 0, 100);
        s = latest_read(&f->engine.snapshot);
        n_changes += s->frame != last;
        last = s->frame;
    }
    assert_int_equal(n_changes, 10);
    assert_int_equal(s->n_buses, ENGINE_BUSES);
    assert_int_equal(s->n_active, 1);
    assert_true(s->n_clipped > 0);
    assert_true(s->buses[0].meter.peak_left > 2.5f && s->buses[0].meter.peak_right == 0.0f);
    assert_true(s->buses[1].meter.peak_left == 0.0f);
}

/// One on demand is there before its event.
static void test_snapshot_on_demand(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_process(f, 0, 100);
    engine_rig_push(f, &(struct command){.type = COMMAND_BUS_GAIN, .slot = 3, .change.value = -12});
    engine_rig_push(f, &(struct command){.type = COMMAND_BUS_MUTE, .slot = 4, .flag.on = true});
    engine_rig_push(f, &(struct command){.type = COMMAND_SNAPSHOT, .token = 77});
    engine_rt_process(&f->engine, NULL, NULL, 0, 0);
    assert_int_equal(engine_rig_event(f, EVENT_SYNCED).value, 77);
    const struct snapshot *s = latest_read(&f->engine.snapshot);
    assert_int_equal(s->frame, 100);
    assert_true(s->buses[3].gain_db == -12.0f);
    assert_true(s->buses[4].mute && s->buses[4].is_silenced && !s->buses[3].mute);
}

// ---- set-up ----

static enum status init_one(void *object, struct allocator *a)
{
    static const struct bus_graph graph;
    return engine_rt_init(object, &(struct rt_memory){a, {a, a, a}},
                          &(struct mixer_config){48000, 32, 8, 2, 240, &graph}, 64, 16);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct engine_rt e;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &e});
}

static void check_refused(struct engine_rig *f, uint32_t n_voices, uint32_t queue_slots, uint32_t n_scheduled)
{
    struct engine_rt e;
    struct allocator *a = arena_allocator(&f->arena);
    struct mixer_config config = {48000, n_voices, 8, 2, 240, &f->graphs[0]};
    assert_int_equal(engine_rt_init(&e, &(struct rt_memory){a, {a, a, a}}, &config, queue_slots, n_scheduled),
                     STATUS_BAD_ARGUMENT);
}

static void test_bad_arguments(void **state)
{
    check_refused(*state, 32, 63, 16);
    check_refused(*state, 0, 64, 16);
    check_refused(*state, 65537, 64, 16);
    check_refused(*state, 32, 64, 0);
    check_refused(*state, 32, 64, 65536);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_rig_offline, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events_tell_what_happened),
        TEST(test_loops_and_pauses),
        TEST(test_voice_reports),
        TEST(test_generations),
        TEST(test_all_that_match),
        TEST(test_fade_out_is_the_end_of_all_sound),
        TEST(test_nothing_owed_is_lost),
        TEST(test_reports_outlive_short_blocks),
        TEST(test_snapshots),
        TEST(test_snapshot_on_demand),
        TEST(test_small_arenas),
        TEST(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
