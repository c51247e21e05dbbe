// SPDX-License-Identifier: MIT
// handover.c - the gate between a backend's audio thread and the engine: one thread at a time goes through.
//
// Several backends may run at once, but only one of them renders; the others play silence. Each has a gate of
// its own. Control opens one only when all others are shut and no cycle runs behind them, so the engine is
// never in two threads, and what one left behind is what the next one begins with.
#include <string.h>
#include <sys/eventfd.h>

#include "engine/backends/backend.h"

/// A backend fades in when it takes over in the middle of what plays, and out when it is told to, so that
/// there is no click.
#define FADE_SECONDS 0.005
/// Nothing is ahead of its time by more.
#define MAX_EARLY_NS UINT64_C(1000000000)

/// Relaxed: a number that stands for itself; the gate hands over all else.
static uint32_t rate_of(const struct backend *b)
{
    return atomic_load_explicit(&b->rate, memory_order_relaxed);
}

static void be_silent(struct backend *b, enum gate gate, float *const *out, uint32_t n_frames)
{
    if (gate == GATE_SHUT) b->last_gate = gate;
    for (uint32_t i = 0; i < b->n_channels; i++)
        memset(out[i], 0, n_frames * sizeof(float));
}

/// Multiplies with a line from `fade_at` up or down. True when it has come to its end.
static bool fade(struct backend *b, float *const *out, uint32_t n_frames, bool up)
{
    float length = (float)rate_of(b) * (float)FADE_SECONDS;
    for (uint32_t frame = 0; frame < n_frames; frame++) {
        float gain = (float)b->fade_at / length;
        if (b->fade_at < (uint32_t)length)
            b->fade_at++;
        else
            gain = 1;
        for (uint32_t i = 0; i < b->n_channels; i++)
            out[i][frame] *= up ? gain : 1 - gain;
    }
    return b->fade_at >= (uint32_t)length;
}

// ---- audio thread ----

/// What another backend has made ahead of its time is not made up for by this one: it is silent until then.
static bool is_early(struct backend *b, uint32_t n_frames)
{
    uint64_t resume_ns = atomic_load(&b->resume_ns), now_ns = cycle_now_ns();
    uint64_t half_ns = n_frames * UINT64_C(500000000) / rate_of(b);
    return resume_ns > now_ns + half_ns && resume_ns - now_ns < MAX_EARLY_NS;
}

static void pass_gate(struct backend *b, enum gate gate, float *const *out, uint32_t n_frames)
{
    if (gate != b->last_gate) b->fade_at = 0;
    b->last_gate = gate;
    b->cycle->due_ns = b->due_ns;
    cycle_run(b->cycle, out, b->n_channels, n_frames);
    if (gate == GATE_FADING_IN && fade(b, out, n_frames, true))
        atomic_compare_exchange_strong(&b->gate, &gate, GATE_OPEN); // fails when control shuts it just now
    else if (gate == GATE_FADING_OUT && fade(b, out, n_frames, false))
        atomic_compare_exchange_strong(&b->gate, &gate, GATE_SHUT); // likewise
}

void backend_cycle(struct backend *b, float *const *out, uint32_t n_frames)
{
    // Sequentially consistent: either this cycle sees the gate shut, or who shuts it sees `in_cycle`.
    atomic_store(&b->in_cycle, true);
    enum gate gate = atomic_load(&b->gate);
    if (gate == GATE_SHUT || (gate == GATE_FADING_IN && b->last_gate != gate && is_early(b, n_frames)))
        be_silent(b, gate, out, n_frames);
    else
        pass_gate(b, gate, out, n_frames);
    atomic_store(&b->in_cycle, false);
    atomic_fetch_add_explicit(&b->n_calls, 1, memory_order_relaxed); // a number that stands for itself
}

void backend_count_xrun(struct backend *b)
{
    atomic_fetch_add_explicit(&b->n_xruns, 1, memory_order_relaxed); // a number for people
    if (b->cycle && atomic_load(&b->gate) != GATE_SHUT) cycle_count_xrun(b->cycle);
}

void backend_count_own_xrun(struct backend *b)
{
    if (b->cycle && atomic_load(&b->gate) != GATE_SHUT) cycle_note_wake(b->cycle);
    backend_count_xrun(b);
}

void backend_tell(struct backend *b)
{
    // A full or missing counter changes nothing: control looks now and then without it.
    if (b->cycle && b->cycle->wake_fd >= 0) (void)eventfd_write(b->cycle->wake_fd, 1);
}

// ---- control ----

void backend_open_gate(struct backend *b, bool fades)
{
    uint64_t due_ns = cycle_due_ns(b->cycle);
    cycle_attach(b->cycle);
    atomic_store(&b->resume_ns, due_ns > 0 ? due_ns : cycle_now_ns());
    atomic_store(&b->gate, fades ? GATE_FADING_IN : GATE_OPEN);
    if (b->ops->wake) b->ops->wake(b);
}

bool backend_follow_rate(struct backend *b, struct backend *timer)
{
    uint32_t next = atomic_exchange_explicit(&b->next_rate, 0, memory_order_relaxed);
    if (next != 0) atomic_store_explicit(&b->rate, next, memory_order_relaxed);
    uint32_t rate = rate_of(b);
    if (rate == atomic_load_explicit(&b->cycle->rate, memory_order_relaxed)) return false;
    cycle_set_rate(b->cycle, rate);
    atomic_store_explicit(&timer->rate, rate, memory_order_relaxed);
    return true;
}

void backend_fade_out(struct backend *b)
{
    enum gate gate = atomic_load(&b->gate);
    while (gate != GATE_SHUT && !atomic_compare_exchange_strong(&b->gate, &gate, GATE_FADING_OUT))
        continue; // the audio thread goes from fading in to open once
}

bool backend_shut_gate(struct backend *b)
{
    atomic_store(&b->gate, GATE_SHUT);
    return !atomic_load(&b->in_cycle);
}
