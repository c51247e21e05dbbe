// SPDX-License-Identifier: MIT
// engine_rt.c - one cycle of the engine: take commands, render, report.
#include "engine/rt/engine_rt.h"

#include <assert.h>
#include <string.h>

#include "engine/rt/float_mode.h"
#include "mixer/kernel.h"

/// Device channels that one call can serve.
#define MAX_PLANES 64

RT_SAFE bool emit_event(struct engine_rt *e, enum event_type type, uint32_t slot, uint64_t value)
{
    struct event event = {.type = type, .slot = slot, .frame = e->frame, .value = value};
    return queue_push(&e->events, &event);
}

RT_SAFE static void take_commands(struct engine_rt *e)
{
    struct command command;
    for (uint32_t i = 0; i < MAX_COMMANDS_A_CYCLE && queue_pop(&e->commands, &command); i++)
        apply_command(e, &command);
}

RT_SAFE static void report_ended(struct engine_rt *e)
{
    struct voices *v = &e->mixer.voices;
    for (uint32_t i = 0; i < v->n_ended; i++)
        emit_event(e, EVENT_VOICE_ENDED, v->ended[i], v->ended_why[i]);
    v->n_ended = 0;
}

/// Leaves the names of the buses in the ring and tells control where. Both may be full: then only the count
/// goes on.
RT_SAFE static void report_nonfinite(struct engine_rt *e)
{
    struct buses *b = &e->mixer.buses;
    if (b->n_nonfinite == 0) return;
    uint32_t bytes = nonfinite_report_bytes(b->n_nonfinite);
    struct nonfinite_report *report = scratch_push(&e->mixer.scratch, 1, bytes);
    if (report) report->n_buses = b->n_nonfinite;
    for (uint32_t i = 0; i < b->n_nonfinite; i++) {
        e->n_nonfinite += b->nonfinite_count[i];
        if (!report) continue;
        report->buses[i].bus = b->nonfinite_bus[i];
        report->buses[i].n_samples = b->nonfinite_count[i];
    }
    if (report && queue_room(&e->events) > e->owed_events) {
        struct event event = {.type = EVENT_NONFINITE, .frame = e->frame};
        event.report = ring_put(&e->reports, report, bytes);
        if (event.report.bytes == 0 || !queue_push(&e->events, &event)) e->n_reports_lost++;
    }
    b->n_nonfinite = 0;
}

RT_SAFE static void publish_snapshot(struct engine_rt *e)
{
    if (e->frame < e->next_snapshot_frame) return;
    e->next_snapshot_frame = e->frame + e->snapshot_interval;

    struct snapshot *s = latest_begin(&e->snapshot);
    const struct buses *b = &e->mixer.buses;
    *s = (struct snapshot){.frame = e->frame,
                           .n_clipped = e->mixer.n_clipped,
                           .n_nonfinite = e->n_nonfinite,
                           .n_active = e->mixer.voices.n_active,
                           .n_buses = b->graph->n_buses};
    memcpy(s->meters, b->meters, b->graph->n_buses * sizeof b->meters[0]);
    latest_publish(&e->snapshot);
}

RT_SAFE void engine_rt_process(struct engine_rt *e, float *const *out, uint32_t n_channels, uint32_t n_frames)
{
    assert(n_frames == 0 || n_channels == e->mixer.n_channels);
    float_mode_set();
    take_commands(e);
    for (uint32_t done = 0; done < n_frames;) {
        uint32_t n = BLOCK_FRAMES - (uint32_t)(e->frame % BLOCK_FRAMES);
        if (n > n_frames - done) n = n_frames - done;

        float *planes[MAX_PLANES];
        for (uint32_t c = 0; c < n_channels; c++)
            planes[c] = out[c] + done;
        mixer_render(&e->mixer, planes, n);
        e->frame += n;
        done += n;
        report_ended(e);
        report_nonfinite(e);
        ring_advance(&e->reports);
    }
    publish_snapshot(e);
}
