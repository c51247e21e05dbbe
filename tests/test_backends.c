// SPDX-License-Identifier: MIT
// test_backends.c - cycles, the timer, the choice of a backend and the priority of its thread.
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/player.h"

// ---- a stall, on demand, at the beginning of a real-time section ----

static _Atomic uint32_t n_entered, n_left, stall_ms;
static struct cycle *_Atomic slept_in; // the next stall is a sleep of the machine

/// As if the machine had slept for a second since the last cycle began.
static void machine_sleeps(struct cycle *c)
{
    c->asleep_ns -= 1000000000;
}

void chimed_rt_enter(void)
{
    n_entered++;
    uint32_t ms = atomic_exchange(&stall_ms, 0);
    struct cycle *c = atomic_exchange(&slept_in, NULL);
    if (c) machine_sleeps(c);
    if (ms > 0) sleep_ms(ms);
}

void chimed_rt_leave(void)
{
    n_left++;
}

// ---- cycle ----

static void test_cycle_counts(void **state)
{
    (void)state;
    struct player *p = player_new(2);
    float left[480], right[480], *out[] = {left, right};
    uint32_t entered = n_entered;
    cycle_run(&p->cycle, out, 2, 480);
    for (uint32_t i = 0; i < 480; i++)
        assert_true(left[i] * 32768.0f == (float)samples[0][SOUND_PAD_FRAMES + i]);
    cycle_run(&p->cycle, out, 2, 1);
    assert_int_equal(p->cycle.n_cycles, 2);
    assert_int_equal(p->cycle.frames, 481);
    assert_int_equal(p->cycle.last_frames, 1);
    assert_int_equal(p->cycle.thread_id, gettid());
    assert_int_equal(n_entered, entered + 2);
    assert_int_equal(n_left, n_entered);
    assert_true(cycle_now_ns() - p->cycle.last_start_ns < UINT64_C(60000000000));
    cycle_attach(&p->cycle);
    assert_int_equal(p->cycle.thread_id, 0);
    player_free(p);
}

/// Both clocks of one moment, and the engine hears of them.
static void test_cycle_takes_both_clocks(void **state)
{
    (void)state;
    struct moment m = {0};
    for (uint32_t i = 0; i < 100 && m.ntp == 0; i++) // a busy machine may come between
        m = cycle_moment();
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    assert_true(cycle_now_ns() - m.monotonic_ns < UINT64_C(60000000000));
    assert_in_range((m.ntp >> 32) - 2208988800, (uint64_t)real.tv_sec - 60, (uint64_t)real.tv_sec);

    struct player *p = player_new(2);
    float left[480], right[480], *out[] = {left, right};
    const struct clock_state *s = latest_read(&p->engine.clock_state);
    for (uint32_t i = 0; i < 100 && s->ntp == 0; i++) {
        cycle_run(&p->cycle, out, 2, 480);
        s = latest_read(&p->engine.clock_state);
    }
    assert_int_equal(s->frame, p->cycle.frames - 480);
    assert_int_equal(s->period, 480);
    assert_true(cycle_now_ns() - s->monotonic_ns < UINT64_C(60000000000));
    assert_in_range((s->ntp >> 32) - 2208988800, (uint64_t)real.tv_sec - 60, (uint64_t)real.tv_sec + 60);
    player_free(p);
}

/// 20 ms spent on 10 ms of audio: a worst load of at least 2, an average that takes a hundredth of it.
static void test_cycle_load(void **state)
{
    (void)state;
    struct player *p = player_new(2);
    float left[480], right[480], *out[] = {left, right};
    stall_ms = 20;
    cycle_run(&p->cycle, out, 2, 480);
    assert_true(p->cycle.load_worst_ppm >= 2000000);
    assert_in_range(p->cycle.load_average_ppm, p->cycle.load_worst_ppm / 100 - 1,
                    p->cycle.load_worst_ppm / 100 + 1);
    uint32_t worst = p->cycle.load_worst_ppm;
    cycle_run(&p->cycle, out, 2, 480);
    assert_int_equal(p->cycle.load_worst_ppm, worst);
    p->cycle.load_worst_ppm = 0;
    cycle_run(&p->cycle, out, 2, 480);
    assert_in_range(p->cycle.load_worst_ppm, 1, worst - 1);
    player_free(p);
}

/// Whose fault an xrun is: ours, of a thread that was woken late, or the device's.
static void assert_xruns(const struct cycle *c, uint64_t n_ours, uint64_t n_late, uint64_t n_device)
{
    assert_int_equal(c->n_xruns_ours, n_ours);
    assert_int_equal(c->n_xruns_late, n_late);
    assert_int_equal(c->n_xruns_device, n_device);
}

static void test_cause_of_an_xrun(void **state)
{
    (void)state;
    struct player *p = player_new(2);
    struct cycle *c = &p->cycle;
    float left[480], right[480], *out[] = {left, right};
    stall_ms = 20;
    cycle_run(c, out, 2, 480);
    cycle_count_xrun(c);
    assert_xruns(c, 1, 0, 0);
    sleep_ms(120); // it is of that time no more
    cycle_note_wake(c);
    cycle_count_xrun(c);
    assert_xruns(c, 1, 1, 0);
    player_free(p);
}

/// All threads have stood still: nobody was late, and no block was long.
static void test_a_sleep_is_nobodys_fault(void **state)
{
    (void)state;
    struct player *p = player_new(2);
    struct cycle *c = &p->cycle;
    static float left[4800], right[4800];
    float *out[] = {left, right};
    for (uint32_t i = 0; i < 3; i++)
        cycle_run(c, out, 2, 4800); // 100 ms
    // Between two cycles.
    machine_sleeps(c);
    sleep_ms(220);
    cycle_note_wake(c);
    cycle_count_xrun(c);
    assert_xruns(c, 0, 0, 1);
    for (uint32_t i = 0; i < 100 && c->asleep_ns > UINT64_MAX / 2; i++) // a busy machine may come between
        cycle_run(c, out, 2, 4800);
    cycle_count_xrun(c);
    assert_xruns(c, 0, 0, 2); // the driver has lost its place
    // In the midst of one.
    uint32_t worst_ppm = c->load_worst_ppm;
    slept_in = c;
    stall_ms = 120;
    cycle_run(c, out, 2, 4800);
    assert_int_equal(c->load_worst_ppm, worst_ppm);
    cycle_count_xrun(c);
    assert_xruns(c, 0, 0, 3);
    player_free(p);
}

// ---- null ----

static void test_null_keeps_time(void **state)
{
    (void)state;
    struct config config = make_config("null", "");
    struct player *p = player_new(2);
    size_t live_bytes = backend_memory_bytes().live_bytes;
    struct backend *b = open_or_fail(&config);
    assert_true(backend_memory_bytes().live_bytes > live_bytes);
    assert_int_equal(b->rate, 48000);
    assert_int_equal(b->n_channels, 2);
    assert_int_equal(b->latency_frames, 64);       // a period
    for (uint32_t round = 0; round < 2; round++) { // it can be started again
        start_or_fail(b, &p->cycle);
        assert_pace(&p->cycle, 48000, 500, 50);
        b->ops->stop(b);
        uint64_t frames = p->cycle.frames;
        sleep_ms(20);
        assert_int_equal(p->cycle.frames, frames);
        b->ops->stop(b);
    }
    assert_false(b->lost);
    b->ops->close(b);
    assert_int_equal(backend_memory_bytes().live_bytes, live_bytes);
    player_free(p);
}

/// A stall is an xrun and is not caught up: in all no more frames than the time without it has.
static void test_null_skips_a_stall(void **state)
{
    (void)state;
    struct config config = make_config("null", "");
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    start_or_fail(b, &p->cycle);
    uint64_t start_ns = cycle_now_ns();
    stall_ms = 400;
    while (stall_ms > 0 && ms_since(start_ns) < 10000)
        sleep_ms(1);
    sleep_ms(400); // an xrun of a busy machine's may have come before
    while (b->n_xruns == 0 && ms_since(start_ns) < 10000)
        sleep_ms(1);
    b->ops->stop(b);
    assert_true(b->n_xruns >= 1);
    assert_true(p->cycle.frames < (ms_since(start_ns) - 400) * 48 + 1024);
    b->ops->close(b);
    player_free(p);
}

static void test_null_stops_soon(void **state)
{
    (void)state;
    struct config config = make_config("null", "");
    config.rate = 8000;
    config.period = 8192; // more than a second
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    start_or_fail(b, &p->cycle);
    while (p->cycle.n_cycles == 0)
        sleep_ms(1);
    uint64_t start_ns = cycle_now_ns();
    b->ops->close(b);
    assert_true(ms_since(start_ns) < 600);
    player_free(p);
}

// ---- the choice ----

static void test_pick_fixed(void **state)
{
    (void)state;
    struct backend *b = NULL;
    char reason[BACKEND_REASON_BYTES] = "";
    struct config config = make_config("jack", "");
    assert_int_equal(pick(&config, &b, reason), STATUS_NOT_FOUND);
    assert_non_null(strstr(reason, "jackd"));
    assert_non_null(strstr(reason, "--backend"));
    config = make_config("drums", "");
    assert_int_equal(pick(&config, &b, reason), STATUS_BAD_FORMAT);
    assert_non_null(strstr(reason, "drums"));
    assert_null(b);
}

/// `auto` says which one it took, and of those before it why not.
static void test_pick_auto(void **state)
{
    (void)state;
    static const struct {
        const char *device, *taken;
    } cases[] = {{"hw:29", "null"}, {"null", "alsa"}};
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
        struct config config = make_config("auto", cases[i].device);
        int kept, file = begin_stderr(&kept);
        struct backend *b = NULL;
        char reason[BACKEND_REASON_BYTES] = "", taken[32];
        enum status status = pick(&config, &b, reason);
        char *text = end_stderr(file, kept);
        assert_int_equal(status, STATUS_OK);
        assert_string_equal(b ? b->ops->name : "", cases[i].taken);
        snprintf(taken, sizeof taken, "backend: %s (", cases[i].taken);
        assert_non_null(strstr(text, "not jack: no JACK server"));
        assert_true((strstr(text, "not alsa: there is no ALSA device \"hw:29\"") != NULL) == (i == 0));
        assert_non_null(strstr(text, taken));
        if (b) b->ops->close(b);
        free(text);
    }
}

// ---- real-time priority ----

#define CANNOT_SET_LIMIT 99

/// In a process of its own that may only have priority `limit`: exits with the priority that it got.
static int priority_under(rlim_t limit)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit rlimit = {limit, limit};
        struct config config = make_config("null", "");
        struct sched_param got;
        config.rt_priority = 20;
        bool ready =
            setrlimit(RLIMIT_RTPRIO, &rlimit) == 0 && (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        if (!ready) _exit(CANNOT_SET_LIMIT);
        backend_make_realtime(&config);
        backend_make_realtime(&config); // says it once
        sched_getparam(0, &got);
        _exit(got.sched_priority);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_realtime_refused(void **state)
{
    (void)state;
    int kept, file = begin_stderr(&kept);
    int got = priority_under(0);
    char *text = end_stderr(file, kept);
    assert_int_equal(got, 0);
    assert_non_null(strstr(text, "warning: THE AUDIO THREAD RUNS WITHOUT REAL-TIME PRIORITY"));
    assert_non_null(strstr(text, "RLIMIT_RTPRIO is 0"));
    char *advice = strstr(text, "LimitRTPRIO=20");
    assert_non_null(advice);
    assert_null(strstr(advice + 1, "LimitRTPRIO=20"));
    free(text);
}

static void test_realtime_limited(void **state)
{
    (void)state;
    int kept, file = begin_stderr(&kept);
    int got = priority_under(5);
    char *text = end_stderr(file, kept);
    bool said = strstr(text, "priority 5 instead of 20") != NULL && strstr(text, "LimitRTPRIO=20") != NULL;
    free(text);
    if (got == CANNOT_SET_LIMIT) {
        print_message("skipped: raising RLIMIT_RTPRIO takes CAP_SYS_RESOURCE\n");
        skip();
    }
    assert_int_equal(got, 5);
    assert_true(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycle_counts),
        cmocka_unit_test(test_cycle_takes_both_clocks),
        cmocka_unit_test(test_cycle_load),
        cmocka_unit_test(test_cause_of_an_xrun),
        cmocka_unit_test(test_a_sleep_is_nobodys_fault),
        cmocka_unit_test(test_null_keeps_time),
        cmocka_unit_test(test_null_skips_a_stall),
        cmocka_unit_test(test_null_stops_soon),
        cmocka_unit_test(test_pick_fixed),
        cmocka_unit_test(test_pick_auto),
        cmocka_unit_test(test_realtime_refused),
        cmocka_unit_test(test_realtime_limited),
    };
    return cmocka_run_group_tests(tests, player_set_up, player_tear_down);
}
