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
/// What lies further from its time than that is not brought back to it.
#define MAX_GAP_NS INT64_C(1000000000)
/// Calls whose times are averaged: more would not follow a device whose clock is off.
#define MOST_AVERAGED 16

/// Relaxed: a number that stands for itself; the gate hands over all else.
static uint32_t rate_of(const struct backend *b)
{
    return atomic_load_explicit(&b->rate, memory_order_relaxed);
}

static void be_silent(const struct backend *b, float *const *out, uint32_t n_frames)
{
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

/// `shift_ns`: from now to the time that the frames are due, unless the backend itself knows that.
static void run(struct backend *b, float *const *out, uint32_t n_frames, int64_t shift_ns)
{
    b->cycle->due_ns = b->due_ns;
    b->cycle->shift_ns = b->due_ns > 0 ? (int64_t)(b->due_ns - cycle_now_ns()) : shift_ns;
    cycle_run(b->cycle, out, b->n_channels, n_frames);
}

static void pass_gate(struct backend *b, enum gate gate, float *const *out, uint32_t n_frames,
                      int64_t shift_ns)
{
    if (gate != b->last_gate) b->fade_at = 0;
    b->last_gate = gate;
    run(b, out, n_frames, shift_ns);
    if (gate == GATE_FADING_IN && fade(b, out, n_frames, true))
        atomic_compare_exchange_strong(&b->gate, &gate, GATE_OPEN); // fails when control shuts it just now
    else if (gate == GATE_FADING_OUT && fade(b, out, n_frames, false))
        atomic_compare_exchange_strong(&b->gate, &gate, GATE_SHUT); // likewise
}

// ---- audio thread: into the engine at the right frame ----
//
// What the engine makes next is due at `resume_ns`, and the calls of the backend that goes on come when they
// come. It is silent for as long as the engine is ahead, and what the engine is behind is made unheard: so
// the frames go on with the time, whoever made them.

/// When this call is due: an average of the last ones, for one wake-up that was late says nothing. It begins
/// anew with one that is far off, so that the burst that fills a device's buffer is forgotten; none is early
/// without a reason.
static int64_t call_ns(struct backend *b, uint32_t n_frames)
{
    int64_t off_ns = (int64_t)(cycle_now_ns() - b->next_call_ns);
    int64_t length_ns = n_frames * INT64_C(1000000000) / rate_of(b);
    if (off_ns > length_ns / 2 || off_ns < -length_ns / 8) b->n_calls_averaged = 0;
    if (b->n_calls_averaged < MOST_AVERAGED) b->n_calls_averaged++;
    int64_t due_ns = (int64_t)b->next_call_ns + off_ns / b->n_calls_averaged;
    b->next_call_ns = (uint64_t)(due_ns + length_ns);
    return due_ns;
}

/// Frames by which the engine is behind at a call; negative: ahead of it.
static int64_t frames_behind(const struct backend *b, int64_t call)
{
    int64_t gap_ns = call - (int64_t)atomic_load(&b->resume_ns);
    if (gap_ns > MAX_GAP_NS || gap_ns < -MAX_GAP_NS) return 0;
    int64_t half_ns = gap_ns < 0 ? -500000000 : 500000000;
    return (gap_ns * rate_of(b) + half_ns) / 1000000000;
}

/// Makes frames that nobody hears.
static void skip(struct backend *b, float *const *out, uint32_t n_frames)
{
    uint64_t due_ns = atomic_load(&b->resume_ns);
    run(b, out, n_frames, (int64_t)(due_ns - cycle_now_ns()));
    atomic_store(&b->resume_ns, due_ns + n_frames * UINT64_C(1000000000) / rate_of(b));
    be_silent(b, out, n_frames);
}

/// A call with the gate open that has not been passed yet. Half a period more than usual is made at the most.
static void enter(struct backend *b, float *const *out, uint32_t n_frames, int64_t call)
{
    int64_t behind = frames_behind(b, call), most = 1 + n_frames / 2;
    uint32_t n_silent = 0;
    if (behind > 0) skip(b, out, (uint32_t)(behind < most ? behind : most));
    if (behind > most) { // the rest of it next time
        skip(b, out, n_frames);
        return;
    }
    if (behind < 0) n_silent = -behind < n_frames ? (uint32_t)-behind : n_frames;
    be_silent(b, out, n_silent);
    if (n_silent == n_frames) return;
    float *rest[MAX_OUTPUT_CHANNELS];
    for (uint32_t i = 0; i < b->n_channels; i++)
        rest[i] = out[i] + n_silent;
    int64_t due_ns = call + n_silent * INT64_C(1000000000) / rate_of(b);
    pass_gate(b, GATE_FADING_IN, rest, n_frames - n_silent, due_ns - (int64_t)cycle_now_ns());
}

void backend_cycle(struct backend *b, float *const *out, uint32_t n_frames)
{
    int64_t call = call_ns(b, n_frames);
    // Sequentially consistent: either this cycle sees the gate shut, or who shuts it sees `in_cycle`.
    atomic_store(&b->in_cycle, true);
    enum gate gate = atomic_load(&b->gate);
    if (gate == GATE_SHUT) {
        b->last_gate = gate;
        be_silent(b, out, n_frames);
    } else if (gate == GATE_FADING_IN && b->last_gate != gate) {
        enter(b, out, n_frames, call);
    } else {
        pass_gate(b, gate, out, n_frames, 0);
    }
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
