// SPDX-License-Identifier: MIT
// bench_thread.c - chime bench: a thread that sleeps from period to period and works a little in each, as an
// audio thread does.
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "clients/bench.h"

#define SECOND_NS INT64_C(1000000000)
/// What is worked through: as much memory as a few hundred voices read in a period.
#define WORK_FLOATS 16384
/// Share of the period that the work is to take on a processor that nothing disturbs.
#define WORK_SHARE 0.1
/// Periods that are not counted, for so long: caches are cold, pages come in, the processor speeds up.
#define WARM_UP_NS (SECOND_NS / 20)
#define LOOK_NS    (SECOND_NS / 10)

struct probe {
    struct bench *bench;
    float *memory; // WORK_FLOATS
    int n_passes;  // over an eighth of it, that are the work
    int64_t period_ns;
    _Atomic bool stop; // set by main; joining then hands `bench` back
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
}

// ---- the work ----

/// Adds as a mixer does; the sum is kept, so that no compiler leaves it out.
static void work(struct probe *p, int n_passes)
{
    const int piece = WORK_FLOATS / 8;
    for (int pass = 0; pass < n_passes; pass++) {
        float *to = p->memory, *from = p->memory + piece * (1 + pass % 7);
        for (int i = 0; i < piece; i++)
            to[i] = to[i] * 0.5f + from[i];
    }
}

static void calibrate(struct probe *p)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < 200; i++) {
        int64_t start = now_ns();
        work(p, 7);
        int64_t took = now_ns() - start;
        if (took < least) least = took;
    }
    double passes = WORK_SHARE * (double)p->period_ns / ((double)(least > 0 ? least : 1) / 7);
    p->n_passes = passes < 1 ? 1 : passes > 1e6 ? 1000000 : (int)passes;
}

// ---- the thread ----

/// SCHED_FIFO with the priority wanted, or what the limit allows of it; 0 when none is allowed.
static int take_priority(int wanted)
{
    struct sched_param parameters = {0};
    prctl(PR_SET_TIMERSLACK, 1UL); // what threads without real-time priority may be woken late by, in ns
    for (int priority = wanted; priority > 0; priority--) {
        parameters.sched_priority = priority;
        if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0) return priority;
    }
    return 0;
}

static void one_cycle(struct probe *p, int64_t *due_ns, bool is_counted)
{
    struct bench *b = p->bench;
    sleep_until(*due_ns);
    int64_t woken = now_ns();
    work(p, p->n_passes);
    int64_t done = now_ns(), late = woken - *due_ns, all = done - *due_ns;
    *due_ns += p->period_ns;
    // What should have begun meanwhile is lost, as a device's buffer would be.
    if (done > *due_ns) *due_ns += (done - *due_ns) / p->period_ns * p->period_ns;
    if (!is_counted) return;
    spread_add(&b->wake_up, (double)(late > 0 ? late : 0) * 1e-3);
    spread_add(&b->work, (double)(done - woken) * 1e-3);
    b->worst_us = fmax(b->worst_us, (double)all * 1e-3);
    b->n_xruns += all > p->period_ns;
}

static void *run(void *context)
{
    struct probe *p = context;
    calibrate(p);
    p->bench->priority = take_priority(p->bench->priority);
    int64_t due_ns = now_ns() + p->period_ns, warm_ns = due_ns + WARM_UP_NS;
    while (!atomic_load_explicit(&p->stop, memory_order_relaxed))
        one_cycle(p, &due_ns, due_ns > warm_ns);
    return NULL;
}

/// Signals are for main.
static bool start(struct probe *p, pthread_t *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool good = pthread_create(thread, NULL, run, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

bool bench_own(struct bench *b)
{
    struct probe p = {.bench = b, .period_ns = (int64_t)llround(bench_period_us(b) * 1e3)};
    pthread_t thread;
    p.memory = calloc(WORK_FLOATS, sizeof *p.memory);
    bool is_locked = mlockall(MCL_CURRENT) == 0; // so that no page comes in late; without the right it may
    if (!p.memory || !start(&p, &thread)) {
        free(p.memory);
        return false;
    }
    int64_t begin = now_ns(), end = begin + (int64_t)(b->seconds * (double)SECOND_NS);
    for (int64_t now = begin; now < end; now = now_ns()) {
        if (!bench_progress((double)(now - begin) * 1e-9, b->seconds)) break;
        sleep_until(now + LOOK_NS < end ? now + LOOK_NS : end);
    }
    b->seconds = (double)(now_ns() - begin) * 1e-9;
    atomic_store_explicit(&p.stop, true, memory_order_relaxed);
    pthread_join(thread, NULL);
    if (is_locked) munlockall();
    free(p.memory);
    return true;
}
