// SPDX-License-Identifier: MIT
// test_engine_arrival.c - commands without a time: a constant latency after they came in.
#include <stdio.h>

#include "tests/engine_time_rig.h"

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

#define LIVE(name) cmocka_unit_test_setup_teardown(name, engine_rig_live, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrivals_have_one_latency),
        LIVE(test_the_queue_keeps_its_order),
        LIVE(test_a_flood_cuts_little),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
