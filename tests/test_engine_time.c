// SPDX-License-Identifier: MIT
// test_engine_time.c - commands at their time: each at its frame, none too early, none lost.
#include <stdio.h>

#include "tests/engine_rig.h"

/// Sound of a click: one frame, loud enough that as many as there are voices can be told from one another.
#define CLICK_DB    (-40.0f)
#define CLICK_LEVEL 0.01f

/// What one live cycle of so many frames takes.
#define CYCLE_COMMANDS(n_frames) engine_rt_budget(n_frames, ENGINE_RATE)

static struct rig_sound click;

static int make_sounds(void **state)
{
    (void)state;
    rig_sound_make(&click, 1, 1, SAMPLE_F32, rig_one);
    return 0;
}

static int free_sounds(void **state)
{
    (void)state;
    rig_sound_free(&click);
    return 0;
}

// ---- commands ----

static struct command click_at(uint32_t slot, uint64_t time)
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
static struct command nothing_at(uint32_t entry, uint64_t time)
{
    return (struct command){.type = COMMAND_VOICE_PAUSE,
                            .when = WHEN_TIME,
                            .generation = 1, // which no voice has
                            .entry = (uint16_t)entry,
                            .time = time};
}

static struct command nothing_now(void)
{
    return (struct command){.type = COMMAND_VOICE_PAUSE, .generation = 1};
}

static void push_nothing(struct engine_rig *f, uint32_t entry, uint64_t time)
{
    struct command c = nothing_at(entry, time);
    engine_rig_push(f, &c);
}

static uint32_t clicks(const struct engine_rig *f, uint32_t at)
{
    return (uint32_t)lrintf(f->left[at] / CLICK_LEVEL);
}

static struct due next_due(struct engine_rig *f, uint32_t entry, uint64_t *frame)
{
    struct event e = engine_rig_event(f, EVENT_DUE);
    assert_int_equal(e.slot, entry);
    if (frame) *frame = e.frame;
    return e.due;
}

// ---- offline: exact ----

/// Clicks at random frames, known long before; calls of all lengths, each list of lengths in another order.
static void test_each_at_its_frame(void **state)
{
    (void)state;
    static const uint32_t lengths[][4] = {{16, 16, 16, 16},         {64, 64, 64, 64},    {256, 256, 256, 256},
                                          {1024, 1024, 1024, 1024}, {16, 1024, 64, 100}, {1, 17, 63, 65}};
    for (size_t l = 0; l < COUNT_OF(lengths); l++) {
        void *own;
        uint64_t seed = 11;
        uint32_t expected[ENGINE_FRAMES] = {0};
        assert_int_equal(engine_rig_offline(&own), 0);
        struct engine_rig *f = own;
        for (uint32_t i = 0; i < ENGINE_VOICES; i++) {
            uint32_t frame = i < 8 ? 1000 + i : i < 16 ? 2047 + i / 4 : random_below(&seed, ENGINE_FRAMES);
            struct command c = click_at(i, engine_rig_stamp(frame));
            engine_rig_push(f, &c);
            expected[frame]++;
        }
        for (uint32_t at = 0, k = 0; at < ENGINE_FRAMES; k++) {
            uint32_t n = lengths[l][k % 4];
            if (n > ENGINE_FRAMES - at) n = ENGINE_FRAMES - at;
            engine_rig_process(f, at, n);
            at += n;
        }
        for (uint32_t at = 0; at < ENGINE_FRAMES; at++)
            if (clicks(f, at) != expected[at])
                fail_msg("calls %zu: %u clicks at frame %u, not %u", l, clicks(f, at), at, expected[at]);
        struct event e;
        while (queue_pop(&f->engine.events, &e))
            if (e.type == EVENT_DUE) assert_true(e.due.outcome == DUE_DONE && e.due.late_frames == 0);
        engine_rig_close(&own);
    }
}

/// Equal frames: what waited first, then in order of arrival; here the last one to set it wins.
static void test_order_at_one_frame(void **state)
{
    struct engine_rig *f = *state;
    struct command gain = nothing_at(0, engine_rig_stamp(100));
    gain.type = COMMAND_BUS_GAIN;
    for (uint32_t i = 0; i < 20; i++) {
        gain.entry = (uint16_t)i;
        gain.change.value = -1.0 * i;
        engine_rig_push(f, &gain);
    }
    engine_rig_process(f, 0, 100);
    gain.entry = 20; // from the queue, for the same frame
    gain.change.value = -33;
    engine_rig_push(f, &gain);
    engine_rig_process(f, 100, 100);
    struct bus_report r;
    buses_report(&f->engine.mixer.buses, 0, &r);
    assert_true(r.gain_db == -33.0f);
    for (uint32_t i = 0; i < 21; i++) {
        uint64_t frame;
        assert_int_equal(next_due(f, i, &frame).outcome, DUE_DONE);
        assert_int_equal(frame, 100);
    }
}

/// As many as there are at one frame cut the block once.
static void test_many_at_one_frame_cut_once(void **state)
{
    struct engine_rig *f = *state;
    for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++)
        push_nothing(f, i, engine_rig_stamp(100));
    engine_rig_process(f, 0, 256);
    assert_int_equal(f->engine.n_blocks, 4 + 1);
    for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++) {
        uint64_t frame;
        assert_int_equal(next_due(f, i, &frame).late_frames, 0);
        assert_int_equal(frame, 100);
    }
}

static void test_late_ones(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_process(f, 0, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        struct command c = click_at(i, engine_rig_stamp(i < 2 ? 1000 : 900 + 99 * (i - 2)));
        c.drop_late = i % 2;
        engine_rig_push(f, &c);
    }
    engine_rig_process(f, 1000, 10);
    assert_int_equal(clicks(f, 1000), 3);
    static const struct due expected[] = {{DUE_DONE, 0}, {DUE_DONE, 0}, {DUE_DONE, 100}, {DUE_DROPPED, 1}};
    for (uint32_t i = 0; i < 4; i++) {
        if (expected[i].outcome == DUE_DONE) engine_rig_event(f, EVENT_VOICE_STARTED);
        struct due due = next_due(f, i, NULL);
        assert_int_equal(due.outcome, expected[i].outcome);
        assert_int_equal(due.late_frames, expected[i].late_frames);
    }
}

static void unschedule(struct engine_rig *f, uint32_t entry)
{
    engine_rig_push(f, &(struct command){.type = COMMAND_UNSCHEDULE, .unscheduled = entry});
}

static void test_unschedule(void **state)
{
    struct engine_rig *f = *state;
    for (uint32_t i = 0; i < 3; i++) {
        struct command c = click_at(i, engine_rig_stamp(500));
        engine_rig_push(f, &c);
    }
    engine_rig_process(f, 0, 499);
    unschedule(f, 0); // before
    engine_rig_process(f, 499, 1);
    assert_int_equal(next_due(f, 0, NULL).outcome, DUE_UNSCHEDULED);
    unschedule(f, 1); // at: what waits comes first
    engine_rig_process(f, 500, 100);
    assert_int_equal(clicks(f, 500), 2);
    unschedule(f, 2); // after
    unschedule(f, 0); // twice
    engine_rig_process(f, 600, 100);
    for (uint32_t i = 1; i < 3; i++) {
        engine_rig_event(f, EVENT_VOICE_STARTED);
        assert_int_equal(next_due(f, i, NULL).outcome, DUE_DONE);
    }
    for (uint32_t i = 1; i < 3; i++)
        engine_rig_event(f, EVENT_VOICE_ENDED);
    engine_rig_no_event(f);
}

/// A /clear can itself have a time.
static void test_unschedule_at_a_time(void **state)
{
    struct engine_rig *f = *state;
    for (uint32_t i = 0; i < 2; i++) {
        struct command c = click_at(i, engine_rig_stamp(500 + i));
        engine_rig_push(f, &c);
    }
    struct command c = nothing_at(2, engine_rig_stamp(500));
    c.type = COMMAND_UNSCHEDULE;
    c.unscheduled = 1;
    engine_rig_push(f, &c);
    engine_rig_process(f, 0, 1000);
    assert_int_equal(clicks(f, 500), 1);
    assert_int_equal(clicks(f, 501), 0);
}

static void test_a_full_schedule(void **state)
{
    struct engine_rig *f = *state;
    uint64_t seed = 3;
    uint64_t frames[ENGINE_SCHEDULED];
    for (uint32_t round = 0; round < 3; round++) { // entries can be given out again
        uint64_t first = f->engine.frame, last = 0;
        for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++) {
            frames[i] = first + random_below(&seed, 3000);
            push_nothing(f, i, engine_rig_stamp(frames[i]));
        }
        for (uint32_t at = 0; at < 3000; at += 100)
            engine_rig_process(f, 0, 100);
        for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++) {
            struct event e = engine_rig_event(f, EVENT_DUE);
            assert_int_equal(e.frame, frames[e.slot]);
            assert_true(e.frame >= last);
            last = e.frame;
        }
        engine_rig_no_event(f);
        assert_int_equal(f->engine.schedule.n_used, 0);
    }
}

static void test_hours_ahead(void **state)
{
    struct engine_rig *f = *state;
    const uint64_t frame = UINT64_C(5) * 3600 * ENGINE_RATE + 1;
    push_nothing(f, 0, engine_rig_stamp(frame));
    engine_rig_process(f, 0, 64);
    f->engine.frame = frame / BLOCK_FRAMES * BLOCK_FRAMES; // time flies
    engine_rig_process(f, 0, 64);
    uint64_t done;
    assert_int_equal(next_due(f, 0, &done).late_frames, 0);
    assert_int_equal(done, frame);
}

// ---- live: bounded work ----

static void test_commands_beyond_a_cycle_wait(void **state)
{
    (void)state;
    static const uint32_t periods[] = {16, 64, 100, 240};
    for (uint32_t p = 0; p < COUNT_OF(periods); p++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        struct command c = nothing_now();
        uint32_t period = periods[p], n = period * 32; // 2048 for 64 frames
        assert_int_equal(CYCLE_COMMANDS(period), n);
        for (uint64_t i = 0; i < n; i++)
            engine_rig_push(f, &c);
        engine_rig_sync(f, 1);
        engine_rig_cycle(f, period);
        engine_rig_no_event(f);
        engine_rig_cycle(f, period);
        assert_int_equal(engine_rig_event(f, EVENT_SYNCED).frame, period);
        for (uint64_t i = 0; i < n - 1; i++) // as many as one cycle takes
            engine_rig_push(f, &c);
        engine_rig_sync(f, 2);
        engine_rig_cycle(f, period);
        assert_int_equal(engine_rig_event(f, EVENT_SYNCED).frame, 2 * period);
        engine_rig_close(&own);
    }
}

/// A cycle at a higher rate is shorter.
static void test_the_budget_is_a_share_of_time(void **state)
{
    (void)state;
    assert_int_equal(engine_rt_budget(128, 96000), engine_rt_budget(64, 48000));
    assert_int_equal(engine_rt_budget(8192, 8000), UINT64_C(8192) * 192);
    assert_int_equal(engine_rt_budget(0, 48000), engine_rt_budget(BLOCK_FRAMES, 48000));
}

/// The rest of a group comes along, however much there is to do.
static void test_groups_are_not_cut(void **state)
{
    struct engine_rig *f = *state;
    struct command c = nothing_now();
    for (uint64_t i = 0; i < CYCLE_COMMANDS(64) - 1; i++)
        engine_rig_push(f, &c);
    for (uint32_t i = 0; i < 3000; i++) {
        c.joins = i > 0;
        engine_rig_push(f, &c);
    }
    engine_rig_push(f, &(struct command){.type = COMMAND_SYNC, .token = 1, .joins = true});
    engine_rig_sync(f, 2);
    engine_rig_cycle(f, 64);
    assert_int_equal(engine_rig_event(f, EVENT_SYNCED).value, 1);
    engine_rig_no_event(f);
    engine_rig_cycle(f, 64);
    assert_int_equal(engine_rig_event(f, EVENT_SYNCED).value, 2);
}

/// The same in the schedule, in the middle of a cycle.
static void test_groups_in_the_schedule_are_not_cut(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 256);
    uint64_t time = engine_rig_ntp(f, f->now_ns + 356e9 / ENGINE_RATE), first = f->engine.frame + 356 + 256;
    for (uint32_t i = 0; i < 1501; i++) {
        struct command c = nothing_at(i, time);
        c.joins = i > 0 && i < 1500; // the last one stands alone
        engine_rig_push(f, &c);
    }
    engine_rig_cycle(f, 256);
    engine_rig_cycle(f, 256);
    struct command c = nothing_now();
    for (uint64_t i = 0; i < CYCLE_COMMANDS(256) - 1; i++)
        engine_rig_push(f, &c);
    engine_rig_cycle(f, 256);
    for (uint32_t i = 0; i < 1500; i++) {
        uint64_t frame;
        assert_int_equal(next_due(f, i, &frame).late_frames, 0);
        assert_int_equal(frame, first);
    }
    engine_rig_no_event(f);
    engine_rig_cycle(f, 256);
    assert_int_equal(next_due(f, 1500, NULL).late_frames, 256 - 100);
}

/// Commands for all voices or buses count as several.
static void test_what_costs_more_counts_more(void **state)
{
    struct engine_rig *f = *state;
    struct voices *v = &f->engine.mixer.voices;
    struct voices large = {.n_slots = 65536}, small = *v;
    uint8_t *states = large.state = calloc(65536, 1);
    assert_non_null(states);
    struct command all = {.type = COMMAND_VOICE_PAUSE, .slot = SLOT_ALL};
    for (uint32_t i = 0; i < 10; i++)
        engine_rig_push(f, &all);
    engine_rig_sync(f, 1);
    *v = large;
    engine_rt_process(&f->engine, NULL, NULL, 0, 0);
    assert_int_equal(queue_used(&f->engine.commands), 8); // two were done, and one is at hand
    for (uint32_t i = 0; i < 4; i++) {
        engine_rt_process(&f->engine, NULL, NULL, 0, 0);
        engine_rig_no_event(f);
    }
    engine_rt_process(&f->engine, NULL, NULL, 0, 0);
    engine_rig_event(f, EVENT_SYNCED);
    *v = small;
    free(states);
}

/// More are due at once than a cycle can do: all are done, the rest a cycle late.
static void test_more_due_than_a_cycle_can_do(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_cycle(f, 256);
    uint64_t time = engine_rig_ntp(f, f->now_ns + 20e6);
    for (uint32_t i = 0; i < ENGINE_SCHEDULED; i++)
        push_nothing(f, i, time);
    engine_rig_cycle(f, 256);
    struct command c = nothing_now();
    uint32_t n_late = 0, n_in_time = 0;
    for (uint32_t k = 0; k < 10; k++) {
        while (queue_used(&f->engine.commands) < CYCLE_COMMANDS(256) - ENGINE_SCHEDULED / 2)
            engine_rig_push(f, &c);
        engine_rig_cycle(f, 256);
    }
    struct event e;
    while (queue_pop(&f->engine.events, &e)) {
        assert_int_equal(e.due.outcome, DUE_DONE);
        if (e.due.late_frames == 0)
            n_in_time++;
        else
            n_late++;
    }
    assert_int_equal(n_in_time + n_late, ENGINE_SCHEDULED);
    assert_in_range(n_in_time, ENGINE_SCHEDULED / 2 - 300, ENGINE_SCHEDULED / 2 + 300);
}

/// A cut costs each voice something: beyond a certain number blocks stay whole, and nobody is dropped for
/// that.
static void test_cuts_are_bounded(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 64);
    f->engine.mixer.voices.n_active += 9000; // as if they played
    for (uint32_t i = 0; i < 1024; i++) {
        struct command c = nothing_at(i, engine_rig_ntp(f, f->now_ns + i * 1e9 / ENGINE_RATE));
        c.drop_late = true;
        engine_rig_push(f, &c);
    }
    engine_rig_cycle(f, 64);
    uint64_t n_blocks = f->engine.n_blocks;
    for (uint32_t i = 0; i < 20; i++)
        engine_rig_cycle(f, 64);
    assert_in_range(f->engine.n_blocks - n_blocks, 16 * 7 + 4, 16 * 8 + 4); // 16 cycles have commands
    for (uint32_t i = 0; i < 1024; i++) {
        struct due due = next_due(f, i, NULL);
        assert_int_equal(due.outcome, DUE_DONE);
        assert_in_range(due.late_frames, 0, BLOCK_FRAMES);
    }
    f->engine.mixer.voices.n_active -= 9000;
}

// ---- live: arrival ----

struct arrivals {
    double least, most, sum, squares;
    uint32_t n;
};

static void add_latency(struct arrivals *a, double latency)
{
    if (a->n == 0 || latency < a->least) a->least = latency;
    if (a->n == 0 || latency > a->most) a->most = latency;
    a->sum += latency;
    a->squares += latency * latency;
    a->n++;
}

/// True frame of the device at a time.
static double true_frame(const struct engine_rig *f, double ns)
{
    return (double)f->engine.frame + (ns - f->now_ns) * 1e-9 * f->rate;
}

/// Three messages between any two wake-ups, handed over as they come; none sooner than `edge_ns` after the
/// first of these.
static void measure_arrivals(struct engine_rig *f, uint32_t period, double seconds, double edge_ns,
                             struct arrivals *a)
{
    static double frames[1 << 16];
    uint32_t n = 0;
    double last_wake = f->now_ns - period / f->rate * 1e9;
    for (double end = f->now_ns + seconds * 1e9; f->now_ns < end;) {
        // The wake-up is drawn here, so that it is known where messages can still come.
        double wake = f->now_ns + random_between(&f->seed, 0, f->jitter_ns), from = last_wake + edge_ns;
        double at[3], third = (wake - from) / 3;
        for (uint32_t i = 0; i < 3; i++)
            at[i] = from + i * third + random_between(&f->seed, 0, third);
        for (uint32_t i = 0; i < 3; i++) {
            frames[n % (1 << 16)] = true_frame(f, at[i]);
            engine_rig_push(f, &(struct command){.type = COMMAND_SYNC,
                                                 .when = WHEN_ARRIVAL,
                                                 .time = (uint64_t)llround(at[i]),
                                                 .token = n++});
        }
        struct moment now = {.monotonic_ns = (uint64_t)llround(wake), .ntp = engine_rig_ntp(f, wake)};
        f->now_ns += period / f->rate * 1e9;
        engine_rt_process(&f->engine, &now, (float *[]){f->left, f->right}, 2, period);
        last_wake = wake;
        struct event e;
        while (queue_pop(&f->engine.events, &e))
            add_latency(a, (double)e.frame - frames[e.value % (1 << 16)]);
    }
}

static void test_arrivals_have_one_latency(void **state)
{
    (void)state;
    static const uint32_t periods[] = {64, 256, 1024};
    for (uint32_t i = 0; i < COUNT_OF(periods); i++)
        for (uint32_t edge = 0; edge < 2; edge++) {
            void *own;
            assert_int_equal(engine_rig_live(&own), 0);
            struct engine_rig *f = own;
            f->rate = ENGINE_RATE * 1.0001;
            f->jitter_ns = 200e3;
            engine_rig_run(f, 15, periods[i]);
            struct arrivals a = {0};
            measure_arrivals(f, periods[i], 30, edge ? 0 : f->jitter_ns, &a);
            double mean = a.sum / a.n, rms = sqrt(a.squares / a.n - mean * mean);
            printf("period %4u, jitter 0 to 200 us, %s: latency of arrivals %.2f to %.2f frames, %.3f rms\n",
                   periods[i], edge ? "all of them               " : "not right behind a wake-up", a.least,
                   a.most, rms);
            assert_true(a.n > 1000);
            // Wake-ups are half their jitter late in the mean, so times seem that much earlier.
            double expected = periods[i] - f->jitter_ns / 2 * 1e-9 * ENGINE_RATE;
            assert_true(fabs(a.least - expected) < 1.5);
            // What comes while the processor has not woken up yet, but most cycles would have begun, is late
            // by what is left of the jitter.
            assert_true(fabs(a.most - expected) < (edge ? 1.5 + f->jitter_ns * 1e-9 * ENGINE_RATE : 1.5));
            engine_rig_close(&own);
        }
}

/// Commands keep their order: one that is to be done at once stands behind one that waits.
static void test_the_queue_keeps_its_order(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 64);
    double now = f->now_ns;
    struct command arrived = {.type = COMMAND_SYNC,
                              .when = WHEN_ARRIVAL,
                              .time = (uint64_t)llround(now + 10e9 / ENGINE_RATE),
                              .token = 1};
    uint64_t first = f->engine.frame;
    engine_rig_push(f, &arrived);
    engine_rig_sync(f, 2);
    engine_rig_cycle(f, 64); // wakes up early for it
    engine_rig_no_event(f);
    engine_rig_cycle(f, 64);
    for (uint64_t token = 1; token <= 2; token++) {
        struct event e = engine_rig_event(f, EVENT_SYNCED);
        assert_int_equal(e.value, token);
        assert_int_equal(e.frame, first + 10 + 64);
    }
}

/// A flood in which each message came at another frame does not cut at each.
static void test_a_flood_cuts_little(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 256);
    for (uint32_t k = 0; k < 50; k++) {
        for (uint32_t i = 0; i < 1024; i++) {
            int32_t ahead = (int32_t)i / 5 - 256; // frames
            engine_rig_push(
                f, &(struct command){.type = COMMAND_SYNC,
                                     .when = WHEN_ARRIVAL,
                                     .time = (uint64_t)llround(f->now_ns + ahead * 1e9 / ENGINE_RATE)});
        }
        uint64_t n_blocks = f->engine.n_blocks, first = f->engine.frame;
        engine_rig_cycle(f, 256);
        assert_in_range(f->engine.n_blocks - n_blocks, 4 + 12, 4 + 12 + 256 / 16);
        for (uint32_t i = 0; i < 1024; i++) {
            uint64_t frame = engine_rig_event(f, EVENT_SYNCED).frame;
            assert_in_range(frame, first + i / 5, first + i / 5 + 16);
        }
    }
}

// ---- live: time stamps ----

/// Commands for every 100th of a second from half a second on; `n` of them.
static void schedule_ahead(struct engine_rig *f, uint32_t n, bool drop_late)
{
    for (uint32_t i = 0; i < n; i++) {
        struct command c = nothing_at(i, engine_rig_ntp(f, f->now_ns + 0.5e9 + i * 0.01e9));
        c.drop_late = drop_late;
        engine_rig_push(f, &c);
    }
}

/// They come in order, 480 frames of the system's time apart, and none is late.
static void check_distances(struct engine_rig *f, uint32_t n, double first, double slack)
{
    for (uint32_t i = 0; i < n; i++) {
        struct event e = engine_rig_event(f, EVENT_DUE);
        assert_int_equal(e.slot, i);
        assert_int_equal(e.due.outcome, DUE_DONE);
        assert_int_equal(e.due.late_frames, 0);
        double expected = first + i * 0.01 * f->rate;
        if (fabs((double)e.frame - expected) > slack)
            fail_msg("entry %u was done at frame %llu, not %.1f", i, (unsigned long long)e.frame, expected);
    }
    engine_rig_no_event(f);
}

/// Jitter and drift make nobody late, though late ones would be dropped.
static void test_waiting_is_not_being_late(void **state)
{
    (void)state;
    static const uint32_t periods[] = {64, 1024};
    for (uint32_t i = 0; i < COUNT_OF(periods); i++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        f->rate = ENGINE_RATE * 0.9999;
        f->jitter_ns = 200e3;
        engine_rig_run(f, 15, periods[i]);
        double first = true_frame(f, f->now_ns + 0.5e9) + periods[i] - f->jitter_ns / 2 * 1e-9 * f->rate;
        schedule_ahead(f, 1000, true);
        engine_rig_run(f, 12, periods[i]);
        check_distances(f, 1000, first, 2);
        engine_rig_close(&own);
    }
}

/// Nor does a period that becomes shorter, which moves all times to earlier frames.
static void test_a_shorter_period_makes_nobody_late(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 2, 1024);
    schedule_ahead(f, 300, true);
    engine_rig_cycle(f, 1024);
    engine_rig_run(f, 4, 64);
    for (uint32_t i = 0; i < 300; i++) {
        struct due due = next_due(f, i, NULL);
        assert_int_equal(due.outcome, DUE_DONE);
        assert_int_equal(due.late_frames, 0);
    }
    assert_int_equal(f->engine.clock.period, 64);
}

/// The system's clock is set while 1000 commands wait: none is early, none is lost, each keeps its distance.
static void test_clock_steps(void **state)
{
    (void)state;
    static const double steps[] = {3600, -3600, 0.01, -0.01};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        engine_rig_run(f, 3, 256);
        double first = true_frame(f, f->now_ns + 0.5e9) + 256;
        schedule_ahead(f, 1000, true);
        engine_rig_run(f, 0.2, 256);
        f->ntp_zero += (uint64_t)(int64_t)(steps[i] * 4294967296.0);
        engine_rig_run(f, 0.2, 256);
        struct event e = engine_rig_event(f, EVENT_CLOCK_STEP);
        assert_true(fabs((double)(int64_t)e.value * 1e-9 - steps[i]) < 1e-6);
        engine_rig_no_event(f); // neither another step, nor any command yet
        assert_int_equal(f->engine.schedule.n_used, 1000);
        engine_rig_run(f, 11, 256);
        check_distances(f, 1000, first, 1);
        engine_rig_close(&own);
    }
}

/// The same while the commands are still in the queue, from which one cycle cannot take them all: the first
/// is at hand, or has not been taken yet. What comes behind the step has the new time already.
static void step_while_queued(double seconds, bool is_at_hand)
{
    void *own;
    assert_int_equal(engine_rig_live(&own), 0);
    struct engine_rig *f = own;
    struct command c = nothing_now();
    engine_rig_run(f, 3, 256);
    double from = f->now_ns, first = true_frame(f, from + 0.5e9) + 256;
    for (uint64_t i = 0; i < CYCLE_COMMANDS(256) - (is_at_hand ? 0 : 500); i++)
        engine_rig_push(f, &c);
    schedule_ahead(f, 1000, true);
    if (is_at_hand) {
        engine_rig_cycle(f, 256);
        assert_true(f->engine.has_next && f->engine.next.entry == 0);
        for (uint64_t i = 0; i < 7000; i++)
            engine_rig_push(f, &c);
    }
    f->ntp_zero += (uint64_t)(int64_t)(seconds * 4294967296.0);
    engine_rig_cycle(f, 256);
    if (!is_at_hand) assert_int_equal(f->engine.schedule.n_used, 500);
    push_nothing(f, 1000, engine_rig_ntp(f, from + 0.5e9 + 1000 * 0.01e9));
    engine_rig_run(f, 0.2, 256);
    engine_rig_event(f, EVENT_CLOCK_STEP);
    engine_rig_no_event(f);
    assert_int_equal(f->engine.schedule.n_used, 1001);
    engine_rig_run(f, 11, 256);
    check_distances(f, 1001, first, 1);
    engine_rig_close(&own);
}

static void test_clock_steps_meet_the_queue(void **state)
{
    (void)state;
    static const double steps[] = {3600, -3600, 0.01, -0.01};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        step_while_queued(steps[i], false);
        step_while_queued(steps[i], true);
    }
}

/// Several steps that control has no room to hear of come as one.
static void test_steps_wait_for_room(void **state)
{
    struct engine_rig *f = *state;
    engine_rig_run(f, 1, 256);
    uint32_t owed = f->engine.owed_events;
    f->engine.owed_events = f->engine.events.n_slots; // no room to spare
    for (uint32_t i = 0; i < 3; i++) {
        f->ntp_zero += UINT64_C(10) << 32;
        engine_rig_cycle(f, 256);
    }
    engine_rig_no_event(f);
    f->engine.owed_events = owed;
    engine_rig_cycle(f, 256);
    assert_true(fabs((double)(int64_t)engine_rig_event(f, EVENT_CLOCK_STEP).value - 30e9) < 1000);
    engine_rig_cycle(f, 256);
    engine_rig_no_event(f);
}

/// The process stood still for two seconds: what was due meanwhile is late by as much.
static void test_a_gap(void **state)
{
    (void)state;
    for (uint32_t drop = 0; drop < 2; drop++) {
        void *own;
        assert_int_equal(engine_rig_live(&own), 0);
        struct engine_rig *f = own;
        engine_rig_run(f, 3, 256);
        schedule_ahead(f, 400, drop); // until 4.5 s from now
        engine_rig_run(f, 1, 256);    // 50 of them are done
        f->now_ns += 2e9;
        engine_rig_run(f, 3, 256);
        uint32_t n_late = 0;
        for (uint32_t i = 0; i < 400; i++) {
            struct due due = next_due(f, i, NULL);
            bool is_late = due.late_frames > 0;
            assert_int_equal(due.outcome, is_late && drop ? DUE_DROPPED : DUE_DONE);
            assert_true(due.late_frames <= 2 * ENGINE_RATE + 256);
            n_late += is_late;
        }
        assert_in_range(n_late, 198, 202);
        engine_rig_close(&own);
    }
}

/// Before NTP time is known what has a time waits.
static void test_no_ntp_time_yet(void **state)
{
    struct engine_rig *f = *state;
    push_nothing(f, 0, engine_rig_ntp(f, f->now_ns - 1e9));
    float *const out[] = {f->left, f->right};
    struct moment now = {.monotonic_ns = 1000000000};
    engine_rt_process(&f->engine, &now, out, 2, 64);
    engine_rig_no_event(f);
    f->now_ns += 64e9 / ENGINE_RATE;
    engine_rig_cycle(f, 64);
    assert_in_range(next_due(f, 0, NULL).late_frames, ENGINE_RATE - 10, ENGINE_RATE + 70);
}

static void test_the_clock_is_told(void **state)
{
    struct engine_rig *f = *state;
    f->rate = ENGINE_RATE * 1.0002;
    engine_rig_run(f, 20, 256);
    schedule_ahead(f, 10, false);
    engine_rig_cycle(f, 256);
    const struct clock_state *s = latest_read(&f->engine.clock_state);
    assert_int_equal(s->frame, f->engine.frame - 256);
    assert_int_equal(s->period, 256);
    assert_int_equal(s->n_scheduled, 10);
    assert_true(fabs((s->rate_hz / ENGINE_RATE - 1) * 1e6 - 200) < 5);
    double truth = f->now_ns - 256e9 / f->rate;
    assert_true(fabs((double)s->monotonic_ns - truth) < 10000);
    assert_true(llabs((int64_t)(s->ntp - engine_rig_ntp(f, truth))) < 43000); // 10 us
}

#define OFFLINE(name) cmocka_unit_test_setup_teardown(name, engine_rig_offline, engine_rig_close)
#define LIVE(name)    cmocka_unit_test_setup_teardown(name, engine_rig_live, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_at_its_frame),
        OFFLINE(test_order_at_one_frame),
        OFFLINE(test_many_at_one_frame_cut_once),
        OFFLINE(test_late_ones),
        OFFLINE(test_unschedule),
        OFFLINE(test_unschedule_at_a_time),
        OFFLINE(test_a_full_schedule),
        OFFLINE(test_hours_ahead),
        cmocka_unit_test(test_commands_beyond_a_cycle_wait),
        cmocka_unit_test(test_the_budget_is_a_share_of_time),
        LIVE(test_groups_are_not_cut),
        LIVE(test_groups_in_the_schedule_are_not_cut),
        LIVE(test_what_costs_more_counts_more),
        LIVE(test_more_due_than_a_cycle_can_do),
        LIVE(test_cuts_are_bounded),
        cmocka_unit_test(test_arrivals_have_one_latency),
        LIVE(test_the_queue_keeps_its_order),
        LIVE(test_a_flood_cuts_little),
        cmocka_unit_test(test_waiting_is_not_being_late),
        LIVE(test_a_shorter_period_makes_nobody_late),
        cmocka_unit_test(test_clock_steps),
        cmocka_unit_test(test_clock_steps_meet_the_queue),
        LIVE(test_steps_wait_for_room),
        cmocka_unit_test(test_a_gap),
        LIVE(test_no_ntp_time_yet),
        LIVE(test_the_clock_is_told),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
