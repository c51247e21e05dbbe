// SPDX-License-Identifier: MIT
// engine_rt.c - one cycle of the engine: take commands, carry out what is due, render, report.
#include "engine/rt/engine_rt.h"

#include <assert.h>

#include "engine/rt/float_mode.h"
#include "mixer/kernel.h"

/// Device channels that one call can serve.
#define MAX_PLANES 64

/// Voices or buses that a command can look at for the price of one that looks at none.
#define SLOTS_A_COMMAND 64
#define BUSES_A_COMMAND 8

/// Cuts of a cycle: one a frame without voices, half as many with this many voices.
#define VOICES_A_CUT 1000
/// After this many frames with arrivals the others of the cycle lie that far apart: a flood of messages, each
/// of which came at another frame, costs a few cuts.
#define EXACT_ARRIVALS(n_frames) (4 + (n_frames) / 32)
#define ARRIVAL_GAP_FRAMES       16

// ---- the cycle's beginning ----

/// What waits stays as far from now as it was, in the schedule and on its way there. What was put into the
/// queue between two steps that come within one queue's length is moved by both.
RT_SAFE static void shift_times(struct engine_rt *e, uint64_t jump)
{
    schedule_shift(&e->schedule, jump);
    if (e->has_next && e->next.when == WHEN_TIME) e->next.time += jump;
    e->step = e->n_stepped > 0 ? e->step + jump : jump;
    e->n_stepped = e->n_waiting;
}

RT_SAFE static void begin_cycle(struct engine_rt *e, const struct moment *now, uint32_t n_frames)
{
    assert(n_frames == 0 || now || e->clock.is_exact);
    e->budget = e->clock.is_exact ? INT64_MAX : (int64_t)engine_rt_budget(n_frames, e->clock.rate);
    e->n_waiting = queue_used(&e->commands);
    e->n_cuts = UINT32_MAX;
    e->n_exact = EXACT_ARRIVALS(n_frames);
    if (n_frames == 0) return;
    uint64_t n_voices = VOICES_A_CUT + e->mixer.voices.n_active;
    if (!e->clock.is_exact) e->n_cuts = 1 + (uint32_t)((uint64_t)n_frames * VOICES_A_CUT / n_voices);
    int64_t jump = clock_begin_cycle(&e->clock, now, e->frame, n_frames);
    if (jump != 0) shift_times(e, (uint64_t)jump);
    report_step(e, clock_ns_of_ntp(jump));
}

// ---- commands ----

RT_SAFE static uint32_t cost_of(const struct engine_rt *e, const struct command *c)
{
    switch ((enum command_type)c->type) {
    case COMMAND_VOICE_STOP:
    case COMMAND_VOICE_PAUSE:
    case COMMAND_VOICE_RESUME: return c->slot == SLOT_ALL ? 1 + e->mixer.voices.n_slots / SLOTS_A_COMMAND : 1;
    case COMMAND_REPLACE_SOUND: return 1 + (e->mixer.voices.n_slots + e->schedule.n_used) / SLOTS_A_COMMAND;
    case COMMAND_BUS_MUTE:
    case COMMAND_BUS_SOLO:
    case COMMAND_BUS_GRAPH:
    case COMMAND_FADE_OUT:
    case COMMAND_SNAPSHOT: return 1 + e->mixer.buses.graph->n_buses / BUSES_A_COMMAND;
    default: return 1;
    }
}

/// A command with a time, which has come or is over.
RT_SAFE static void carry_out_at(struct engine_rt *e, const struct command *c, int64_t frame)
{
    int64_t late = (int64_t)e->frame - frame;
    if (late <= e->clock.slack_frames) late = 0;
    bool was_held_back = e->frame == e->uncut_until && late < BLOCK_FRAMES; // it came in time
    bool dropped = late > 0 && c->drop_late && !was_held_back;
    if (!dropped) apply_command(e, c);
    emit_due(e, c->entry,
             (struct due){.outcome = dropped ? DUE_DROPPED : DUE_DONE,
                          .late_frames = late < UINT32_MAX ? (uint32_t)late : UINT32_MAX});
}

/// All that waits in the schedule for this frame or an earlier one.
RT_SAFE static void carry_out_scheduled(struct engine_rt *e)
{
    const struct command *c;
    while ((c = schedule_first(&e->schedule)) && (e->budget > 0 || c->joins)) {
        int64_t frame = clock_frame_of_ntp(&e->clock, schedule_first_time(&e->schedule));
        if (frame > (int64_t)e->frame) return;
        e->budget -= cost_of(e, c);
        schedule_pop(&e->schedule); // `c` stays as it is: nothing is pushed meanwhile
        carry_out_at(e, c, frame);
    }
}

/// The head of the queue. False when it must wait for its frame.
RT_SAFE static bool carry_out_next(struct engine_rt *e)
{
    const struct command *c = &e->next;
    int64_t now = (int64_t)e->frame, frame;
    switch ((enum when)c->when) {
    case WHEN_NOW: apply_command(e, c); return true;
    case WHEN_ARRIVAL:
        if (clock_frame_of_ns(&e->clock, c->time) > now) return false;
        if (e->last_arrival != e->frame && e->n_exact > 0) e->n_exact--;
        e->last_arrival = e->frame;
        apply_command(e, c);
        return true;
    case WHEN_TIME:
        frame = clock_frame_of_ntp(&e->clock, c->time);
        if (frame > now)
            schedule_push(&e->schedule, c);
        else
            carry_out_at(e, c, frame);
    }
    return true;
}

/// Takes the head of the queue. False when there is none for this cycle.
RT_SAFE static bool take_next(struct engine_rt *e)
{
    if (e->n_waiting == 0 || !queue_pop(&e->commands, &e->next)) return false;
    e->n_waiting--;
    e->has_next = true;
    if (e->n_stepped == 0) return true;
    e->n_stepped--;
    if (e->next.when == WHEN_TIME) e->next.time += e->step;
    return true;
}

/// The queue in its order, as far as it had come when the cycle began.
RT_SAFE static void carry_out_queued(struct engine_rt *e)
{
    for (;;) {
        if (!e->has_next && !take_next(e)) return;
        if (e->budget <= 0 && !e->next.joins) return;
        uint32_t cost = cost_of(e, &e->next);
        if (!carry_out_next(e)) return;
        e->budget -= cost;
        e->has_next = false;
    }
}

RT_SAFE static void carry_out_due(struct engine_rt *e)
{
    carry_out_scheduled(e);
    carry_out_queued(e);
}

/// The next frame, behind this one, at which the head of the queue wants to be done: it has arrived, and
/// waits.
RT_SAFE static int64_t next_arrival(const struct engine_rt *e)
{
    int64_t frame = clock_frame_of_ns(&e->clock, e->next.time);
    int64_t earliest = (int64_t)e->last_arrival + ARRIVAL_GAP_FRAMES;
    return e->n_exact > 0 || frame > earliest ? frame : earliest;
}

/// The next frame, behind this one, at which something is to be done.
RT_SAFE static int64_t next_due(const struct engine_rt *e)
{
    int64_t due = INT64_MAX;
    if (e->budget <= 0 || e->n_cuts == 0) return due; // what comes has to wait
    if (e->schedule.n_used > 0) due = clock_frame_of_ntp(&e->clock, schedule_first_time(&e->schedule));
    if (e->has_next) {
        int64_t frame = next_arrival(e);
        if (frame < due) due = frame;
    }
    return due;
}

// ---- all of it ----

/// Frames until a block must end.
RT_SAFE static uint32_t block_frames(struct engine_rt *e, uint32_t n_left)
{
    uint32_t n = BLOCK_FRAMES - (uint32_t)(e->frame % BLOCK_FRAMES);
    if (n > n_left) n = n_left;
    if (e->n_cuts == 0) e->uncut_until = e->frame + n;
    int64_t until_due = next_due(e) - (int64_t)e->frame;
    assert(until_due > 0); // what is due has been done
    if (until_due >= n) return n;
    e->n_cuts--;
    return (uint32_t)until_due;
}

RT_SAFE void engine_rt_process(struct engine_rt *e, const struct moment *now, float *const *out,
                               uint32_t n_channels, uint32_t n_frames)
{
    assert(n_frames == 0 || n_channels == e->mixer.n_channels);
    float_mode_set();
    begin_cycle(e, now, n_frames);
    carry_out_due(e);
    for (uint32_t done = 0; done < n_frames;) {
        uint32_t n = block_frames(e, n_frames - done);
        float *planes[MAX_PLANES];
        for (uint32_t c = 0; c < n_channels; c++)
            planes[c] = out[c] + done;
        mixer_render(&e->mixer, planes, n);
        e->frame += n;
        e->n_blocks++;
        done += n;
        report_block(e);
        if (done < n_frames) carry_out_due(e);
    }
    if (e->frame >= e->next_snapshot_frame) publish_snapshot(e);
    if (n_frames > 0) publish_clock(e);
}
