// SPDX-License-Identifier: MIT
// test_handover.c - one backend after another goes on with the frames, by a clock of the test's own: none is
// lost or made twice, whoever makes them.
#include <time.h>

#include "engine/backends/backend.h"
#include "tests/engine_time_rig.h"

#define START_NS       UINT64_C(5000000000)
#define TIME_OF_DAY_NS UINT64_C(1700000000000000000)
#define MS             1e6

static uint64_t clock_ns; // now

int clock_gettime(clockid_t id, struct timespec *time)
{
    uint64_t ns = clock_ns + (id == CLOCK_REALTIME ? TIME_OF_DAY_NS : 0);
    *time = (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    return 0;
}

/// Calls when its time has come, with its gate open or shut; as a timer it knows that time, and is asked for
/// nothing while its gate is shut.
struct device {
    struct backend base;
    bool is_timer;
    uint32_t period;
    double next_ns;
    float left[1024], right[1024];
    uint64_t n_made; // engine frames in the newest call
};

struct world {
    struct engine_rig *rig;
    struct cycle cycle;
    struct device devices[3];
    double jitter_ns;
    uint64_t seed;
};

static const struct backend_ops ops = {.name = "of the test"};

static void device_init(struct world *w, struct device *d, uint32_t period, double next_ns)
{
    *d = (struct device){.period = period, .next_ns = next_ns};
    d->base.ops = &ops;
    d->base.rate = ENGINE_RATE;
    d->base.period_frames = period;
    d->base.n_channels = 2;
    d->base.cycle = &w->cycle;
}

static int set_up(void **state)
{
    void *rig;
    struct world *w = aligned_alloc(CACHE_LINE, (sizeof *w + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (!w || engine_rig_live(&rig)) return 1;
    *w = (struct world){.rig = rig, .seed = 7};
    cycle_init(&w->cycle, &w->rig->engine, ENGINE_RATE);
    device_init(w, &w->devices[0], 256, START_NS);
    device_init(w, &w->devices[1], 600, START_NS);
    device_init(w, &w->devices[2], 128, START_NS);
    w->devices[2].is_timer = true;
    clock_ns = START_NS;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    void *rig = w->rig;
    free(w);
    return engine_rig_close(&rig);
}

// ---- time goes on ----

static void call_device(struct world *w, struct device *d)
{
    uint64_t frames = w->cycle.frames;
    double ns = d->next_ns + random_between(&w->seed, 0, w->jitter_ns);
    if ((uint64_t)ns > clock_ns) clock_ns = (uint64_t)ns; // one that is behind calls at once
    if (d->is_timer) d->base.due_ns = (uint64_t)d->next_ns;
    backend_cycle(&d->base, (float *[]){d->left, d->right}, d->period);
    d->next_ns += d->period * 1e9 / ENGINE_RATE;
    d->n_made = w->cycle.frames - frames;
}

/// The one whose turn it is.
static struct device *next_device(struct world *w)
{
    struct device *next = NULL;
    for (uint32_t i = 0; i < COUNT_OF(w->devices); i++) {
        struct device *d = &w->devices[i];
        bool sleeps = d->is_timer && d->base.gate == GATE_SHUT;
        if (!sleeps && (!next || d->next_ns < next->next_ns)) next = d;
    }
    return next;
}

static void run(struct world *w, double ns)
{
    double end_ns = (double)clock_ns + ns;
    for (struct device *d = next_device(w); d->next_ns < end_ns; d = next_device(w))
        call_device(w, d);
    if ((double)clock_ns < end_ns) clock_ns = (uint64_t)end_ns;
}

static void open_gate(struct device *d)
{
    backend_open_gate(&d->base, !d->is_timer);
    if (d->is_timer) d->next_ns = (double)d->base.resume_ns;
}

/// Control takes its time between the two.
static void hand_over(struct world *w, struct device *from, struct device *to, double pause_ns)
{
    assert_true(backend_shut_gate(&from->base));
    run(w, pause_ns);
    open_gate(to);
}

/// The frames that are missing when the next call of this one begins, which renders; negative: there are too
/// many.
static double lag_frames(const struct world *w, const struct device *d)
{
    return (d->next_ns - (double)START_NS) * 1e-9 * ENGINE_RATE - (double)w->cycle.frames;
}

static void expect_lag(const struct world *w, const struct device *d, double expected, double most)
{
    double lag = lag_frames(w, d);
    if (!(fabs(lag - expected) <= most)) fail_msg("%.1f frames are missing, not %.1f", lag, expected);
}

// ---- tests ----

/// A device is lost, the timer goes on, another one takes over or the same at another phase, again and again.
static void test_frames_go_on_with_the_clock(void **state)
{
    struct world *w = *state;
    struct device *timer = &w->devices[2], *d = &w->devices[0];
    open_gate(d);
    run(w, 100 * MS);
    w->jitter_ns = 0.4 * MS;
    for (uint32_t i = 0; i < 300; i++) {
        hand_over(w, d, timer, random_between(&w->seed, 0, 20 * MS));
        run(w, 20 * MS);
        d = &w->devices[i % 2];
        device_init(w, d, d->period, d->next_ns + random_between(&w->seed, 0, 30 * MS)); // anew
        run(w, 100 * MS);
        hand_over(w, timer, d, random_between(&w->seed, 0, 4 * MS));
        run(w, random_between(&w->seed, 30 * MS, 300 * MS));
    }
    w->jitter_ns = 0;
    expect_lag(w, d, 0, 300); // half a frame for each of the 600 changes
}

static float frame_number(uint32_t channel, uint32_t frame)
{
    (void)channel;
    return (float)frame / (float)(1 << 22);
}

/// What is heard is the frame of its time, and until then there is silence and a fade.
static void test_what_is_heard_is_in_its_place(void **state)
{
    struct world *w = *state;
    struct rig_sound ramp;
    struct device *devices[2] = {&w->devices[0], &w->devices[1]};
    rig_sound_make(&ramp, 2 * ENGINE_RATE, 1, SAMPLE_F32, frame_number);
    struct voice_start start = rig_start(&ramp.sound);
    engine_rig_start(w->rig, 0, &start);
    open_gate(devices[0]);
    for (uint32_t i = 0; i < 10; i++) { // half a frame each is rounded off
        struct device *from = devices[i % 2], *to = devices[(i + 1) % 2];
        device_init(w, to, to->period, (double)clock_ns + random_between(&w->seed, 0, 13 * MS));
        run(w, 100 * MS);
        hand_over(w, from, to, random_between(&w->seed, 0, 5 * MS));
        bool was_silent = true, is_full = false;
        while (!is_full) {
            double due = (to->next_ns - (double)START_NS) * 1e-9 * ENGINE_RATE;
            is_full = to->base.gate == GATE_OPEN;
            call_device(w, to);
            if (!is_full) {
                was_silent = was_silent && to->left[0] == 0;
                continue;
            }
            for (uint32_t frame = 0; frame < to->period; frame++) {
                double heard = (double)to->left[frame] * (double)(1 << 22);
                if (!(fabs(heard - due - frame) <= 5)) fail_msg("frame %.1f, not %.1f", heard, due + frame);
            }
        }
        assert_true(was_silent);
    }
    rig_sound_free(&ramp);
}

/// What falls into the frames that nobody hears is done, once, in its order and in time.
static void test_commands_of_the_gap(void **state)
{
    struct world *w = *state;
    struct device *from = &w->devices[1], *to = &w->devices[0];
    open_gate(from);
    run(w, 1000 * MS);
    hand_over(w, from, to, 0);
    uint64_t ntp = (UINT64_C(2208988800) << 32) + clock_ntp_of_ns(clock_ns + TIME_OF_DAY_NS);
    for (uint32_t i = 0; i < 100; i++) // for all of the gap, and beyond it; the last one first
        push_nothing(w->rig, 99 - i, ntp + clock_ntp_of_ns((99 - i) * 300000));
    uint64_t first_frame = w->cycle.frames;
    run(w, 500 * MS);
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t frame;
        struct due due = next_due(w->rig, i, &frame);
        assert_int_equal(due.outcome, DUE_DONE);
        assert_int_equal(due.late_frames, 0);
        assert_true(frame >= first_frame);
    }
    engine_rig_no_event(w->rig);
}

/// No call makes much more than its own frames, however much is to be made up for; and what is too much is
/// let go.
static void test_a_long_gap_is_made_up_in_pieces(void **state)
{
    struct world *w = *state;
    struct device *from = &w->devices[1], *to = &w->devices[0];
    open_gate(from);
    run(w, 500 * MS);
    hand_over(w, from, to, 300 * MS);
    uint32_t n_calls = 0;
    while (to->base.gate != GATE_OPEN) {
        call_device(w, to);
        assert_in_range(to->n_made, 1, to->period + to->period / 2 + 1);
        n_calls++;
    }
    assert_in_range(n_calls, 100, 130); // 300 ms are 56 periods, two calls for each
    expect_lag(w, to, 0, 2);
    hand_over(w, to, from, 2000 * MS);
    run(w, 100 * MS);
    expect_lag(w, from, 2.0 * ENGINE_RATE, 2 * from->period);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_go_on_with_the_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_heard_is_in_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commands_of_the_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_gap_is_made_up_in_pieces, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
