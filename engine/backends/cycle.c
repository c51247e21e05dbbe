// SPDX-License-Identifier: MIT
// cycle.c - one call of the engine by a backend: runs it, times it, and marks the real-time section.
#include "engine/backends/cycle.h"

#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)
/// Between 1900, where NTP time begins, and 1970.
#define NTP_OF_1970 UINT64_C(2208988800)
/// Readings of the clocks that lie further apart were interrupted.
#define MAX_PAIR_NS 10000
/// A long or late cycle is the cause of an xrun that is noticed no later than that, and of what follows at
/// once.
#define CAUSE_NS UINT64_C(100000000)
/// Less is the jitter of the readings.
#define SLEPT_NS 5000000
/// Time constant of the average load.
#define LOAD_SMOOTHING_SECONDS 1.0

// Every atomic here is relaxed: each is a number for people or for the watchdog that stands for itself, no
// other memory is handed over by it, and the audio thread is the only writer (but for the clearing of the
// worst load).

static void set_u64(_Atomic uint64_t *field, uint64_t value)
{
    atomic_store_explicit(field, value, memory_order_relaxed);
}

static uint64_t get_u64(const _Atomic uint64_t *field)
{
    return atomic_load_explicit(field, memory_order_relaxed);
}

static uint32_t to_ppm(double load)
{
    double ppm = load * 1e6;
    return ppm < (double)UINT32_MAX ? (uint32_t)ppm : UINT32_MAX;
}

/// That the machine has slept since it was started. An interruption between the readings makes it less.
static uint64_t asleep_now_ns(void)
{
    struct timespec boot;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    uint64_t boot_ns = (uint64_t)boot.tv_sec * NS_PER_SECOND + (uint64_t)boot.tv_nsec,
             now_ns = cycle_now_ns();
    return boot_ns > now_ns ? boot_ns - now_ns : 0;
}

// ---- control, while no audio runs ----

void cycle_init(struct cycle *c, struct engine_rt *engine, uint32_t rate)
{
    *c = (struct cycle){.engine = engine, .rate = rate, .wake_fd = -1, .asleep_ns = asleep_now_ns()};
}

void cycle_set_rate(struct cycle *c, uint32_t rate)
{
    engine_rt_set_rate(c->engine, rate);
    atomic_store_explicit(&c->rate, rate, memory_order_relaxed);
}

void cycle_attach(struct cycle *c)
{
    atomic_store_explicit(&c->thread_id, 0, memory_order_relaxed);
}

uint64_t cycle_due_ns(const struct cycle *c)
{
    const struct clock_state *s = latest_read(&c->engine->clock_state);
    uint64_t known_ns = get_u64(&c->next_due_ns);
    if (known_ns > 0 || s->monotonic_ns == 0) return known_ns;
    uint64_t n_frames = get_u64(&c->frames) - s->frame;
    return s->monotonic_ns + (uint64_t)((double)n_frames / s->rate_hz * (double)NS_PER_SECOND);
}

static uint64_t rate_of(const struct cycle *c)
{
    return atomic_load_explicit(&c->rate, memory_order_relaxed);
}

/// When the next cycle must begin, after the last one.
static uint64_t next_start_ns(const struct cycle *c)
{
    uint64_t start_ns = get_u64(&c->last_start_ns);
    uint64_t n_frames = atomic_load_explicit(&c->last_frames, memory_order_relaxed);
    return start_ns > 0 ? start_ns + n_frames * NS_PER_SECOND / rate_of(c) : 0;
}

// ---- audio thread ----

uint64_t cycle_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

struct moment cycle_moment(void)
{
    struct timespec real, boot;
    uint64_t before_ns = cycle_now_ns();
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    uint64_t between_ns = cycle_now_ns() - before_ns;
    struct moment now = {.monotonic_ns = before_ns + between_ns / 2};
    if (between_ns >= MAX_PAIR_NS) return now;
    now.ntp = (((uint64_t)real.tv_sec + NTP_OF_1970) << 32) + ((uint64_t)real.tv_nsec << 32) / NS_PER_SECOND;
    uint64_t boot_ns = (uint64_t)boot.tv_sec * NS_PER_SECOND + (uint64_t)boot.tv_nsec;
    if (boot_ns > now.monotonic_ns) now.asleep_ns = boot_ns - now.monotonic_ns;
    return now;
}

static void update_load(struct cycle *c, uint64_t spent_ns, uint32_t n_frames)
{
    double available = (double)n_frames / (double)rate_of(c);
    double load = (double)spent_ns / (double)NS_PER_SECOND / available;
    double share = available / LOAD_SMOOTHING_SECONDS;
    c->load_average += (load - c->load_average) * (share < 1 ? share : 1);
    atomic_store_explicit(&c->load_average_ppm, to_ppm(c->load_average), memory_order_relaxed);

    uint32_t ppm = to_ppm(load);
    uint32_t worst = atomic_load_explicit(&c->load_worst_ppm, memory_order_relaxed);
    // When the exchange fails, control has just cleared the field, and this cycle is the worst of the new
    // window.
    if (ppm > worst && !atomic_compare_exchange_strong_explicit(&c->load_worst_ppm, &worst, ppm,
                                                                memory_order_relaxed, memory_order_relaxed))
        atomic_store_explicit(&c->load_worst_ppm, ppm, memory_order_relaxed);
}

static bool is_sound(float *const *out, uint32_t n_channels, uint32_t n_frames)
{
    // Ends at the first sample of a sound: only silence is looked at as a whole.
    for (uint32_t channel = 0; channel < n_channels; channel++)
        for (uint32_t i = 0; i < n_frames; i++)
            if (out[channel][i] != 0) return true;
    return false;
}

/// A cycle is made for another time than now: that when it was due, or, at a hand-over, that of its frames.
static void shift(struct moment *now, int64_t ns)
{
    uint64_t ntp = clock_ntp_of_ns((uint64_t)(ns < 0 ? -ns : ns));
    now->monotonic_ns += (uint64_t)ns;
    if (now->ntp > 0) now->ntp = ns < 0 ? now->ntp - ntp : now->ntp + ntp;
}

/// Since the last cycle began. All threads stand still around it, for longer than the machine sleeps: what
/// that has put off or cut in two is no sign of a machine that is too slow.
static bool has_slept(const struct cycle *c)
{
    return (int64_t)(asleep_now_ns() - get_u64(&c->asleep_ns)) > SLEPT_NS;
}

/// Of the cycle that begins at `now_ns`. The first one of a thread is never late.
static void note_lateness(struct cycle *c, uint64_t now_ns)
{
    uint64_t due_ns = next_start_ns(c), length_ns = due_ns - get_u64(&c->last_start_ns);
    bool is_first = atomic_load_explicit(&c->thread_id, memory_order_relaxed) == 0;
    bool is_late = !is_first && due_ns > 0 && now_ns > due_ns + length_ns;
    if (is_late && !has_slept(c)) set_u64(&c->last_late_ns, now_ns);
}

void cycle_note_wake(struct cycle *c)
{
    note_lateness(c, cycle_now_ns());
}

/// Against the time that the backend knows, or the one that the smoothed clock has foretold: that is the
/// usual one, so half of the cycles are early. What no clock could foretell is left out.
static void note_wake_up(struct cycle *c, uint64_t start_ns)
{
    const struct clock *clock = &c->engine->clock;
    uint64_t due_ns = c->due_ns;
    if (due_ns == 0 && (!clock->is_running || clock->n_previous == 0)) return;
    if (due_ns == 0) due_ns = clock->base_ns + (uint64_t)(int64_t)clock->start_ns;
    histogram_add(&c->wake_up, start_ns > due_ns ? start_ns - due_ns : 0);
}

static void note_length(struct cycle *c, uint64_t start_ns, uint64_t end_ns, uint32_t n_frames)
{
    uint64_t spent_ns = end_ns - start_ns, available_ns = n_frames * NS_PER_SECOND / rate_of(c);
    bool is_long = spent_ns > available_ns;
    if (is_long && has_slept(c)) return;
    if (is_long) set_u64(&c->last_long_ns, end_ns);
    update_load(c, spent_ns, n_frames);
    histogram_add(&c->block, spent_ns);
    histogram_add(&c->load, spent_ns * HISTOGRAM_ONE / available_ns);
}

void cycle_count_xrun(struct cycle *c)
{
    uint64_t now_ns = cycle_now_ns();
    bool is_long_now = get_u64(&c->n_begun) != get_u64(&c->n_cycles) && now_ns > next_start_ns(c);
    _Atomic uint64_t *cause = &c->n_xruns_device;
    if (has_slept(c))
        cause = &c->n_xruns_device;
    else if (is_long_now || now_ns - get_u64(&c->last_long_ns) < CAUSE_NS)
        cause = &c->n_xruns_ours;
    else if (now_ns - get_u64(&c->last_late_ns) < CAUSE_NS)
        cause = &c->n_xruns_late;
    atomic_fetch_add_explicit(cause, 1, memory_order_relaxed);
}

static void note_start(struct cycle *c, uint64_t start_ns, uint32_t n_frames)
{
    note_lateness(c, start_ns);
    if (atomic_load_explicit(&c->thread_id, memory_order_relaxed) == 0)
        atomic_store_explicit(&c->thread_id, (int32_t)gettid(), memory_order_relaxed);
    set_u64(&c->last_start_ns, start_ns);
    atomic_store_explicit(&c->last_frames, n_frames, memory_order_relaxed);
    set_u64(&c->n_begun, get_u64(&c->n_begun) + 1);
}

static void note_end(struct cycle *c, uint32_t n_frames)
{
    set_u64(&c->next_due_ns, c->due_ns > 0 ? c->due_ns + n_frames * NS_PER_SECOND / rate_of(c) : 0);
    set_u64(&c->frames, get_u64(&c->frames) + n_frames);
    set_u64(&c->n_cycles, get_u64(&c->n_cycles) + 1);
}

void cycle_run(struct cycle *c, float *const *out, uint32_t n_channels, uint32_t n_frames)
{
    struct moment now = cycle_moment();
    uint64_t begin_ns = now.monotonic_ns;
    if (c->shift_ns != 0) shift(&now, c->shift_ns);
    note_start(c, now.monotonic_ns, n_frames);
    if (now.ntp > 0) set_u64(&c->asleep_ns, now.asleep_ns);

    if (chimed_rt_enter) chimed_rt_enter();
    engine_rt_process(c->engine, &now, out, n_channels, n_frames);
    if (chimed_rt_leave) chimed_rt_leave();

    uint64_t end_ns = cycle_now_ns();
    note_length(c, begin_ns, end_ns, n_frames);
    if (c->shift_ns == 0 || c->due_ns > 0) note_wake_up(c, begin_ns);
    if (is_sound(out, n_channels, n_frames)) set_u64(&c->last_sound_ns, end_ns);
    note_end(c, n_frames);
}
