// SPDX-License-Identifier: MIT
// report_rt.c - what rt tells control: events that are owed, events that may be left out, and the newest
// figures.
#include <assert.h>

#include "engine/rt/engine_rt.h"
#include "mixer/kernel.h"

// ---- events ----

RT_SAFE static void push_event(struct engine_rt *e, const struct event *event)
{
    bool has_room = queue_push(&e->events, event);
    assert(has_room); // setup.c counts them all
    (void)has_room;
}

RT_SAFE void emit_event(struct engine_rt *e, enum event_type type, uint32_t slot, uint64_t value)
{
    push_event(e, &(struct event){.type = type, .slot = slot, .frame = e->frame, .value = value});
}

RT_SAFE static bool has_spare_room(struct engine_rt *e)
{
    return queue_room(&e->events) > e->owed_events;
}

RT_SAFE bool emit_spare_event(struct engine_rt *e, enum event_type type, uint32_t slot, uint64_t value)
{
    bool has_room = has_spare_room(e);
    if (has_room)
        emit_event(e, type, slot, value);
    else
        e->n_reports_lost++;
    return has_room;
}

RT_SAFE void emit_due(struct engine_rt *e, uint32_t entry, struct due due)
{
    push_event(e, &(struct event){.type = EVENT_DUE, .slot = entry, .frame = e->frame, .due = due});
}

RT_SAFE void emit_voice_report(struct engine_rt *e, uint32_t slot, uint64_t token,
                               const struct voice_report *r)
{
    push_event(
        e, &(struct event){
               .type = EVENT_VOICE_REPORT, .slot = slot, .frame = e->frame, .token = token, .report = *r});
}

RT_SAFE void report_step(struct engine_rt *e, int64_t step_ns)
{
    e->step_ns = (int64_t)((uint64_t)e->step_ns + (uint64_t)step_ns); // may wrap: a clock set from end to end
    if (e->step_ns == 0 || !has_spare_room(e)) return;
    emit_event(e, EVENT_CLOCK_STEP, 0, (uint64_t)e->step_ns);
    e->step_ns = 0;
}

// ---- what a block has brought ----

RT_SAFE static void report_loops_and_pauses(struct engine_rt *e)
{
    struct voices *v = &e->mixer.voices;
    for (uint32_t i = 0; i < v->n_looped; i++)
        emit_spare_event(e, EVENT_VOICE_LOOPED, v->looped[i], 0);
    for (uint32_t i = 0; v->report_loops && i < v->n_paused; i++)
        emit_spare_event(e, EVENT_VOICE_PAUSED, v->paused[i], 1);
    v->n_looped = v->n_paused = 0;
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
    if (report && has_spare_room(e)) {
        struct event event = {.type = EVENT_NONFINITE, .frame = e->frame};
        event.ring = ring_put(&e->reports, report, bytes);
        if (event.ring.bytes == 0 || !queue_push(&e->events, &event)) e->n_reports_lost++;
    }
    b->n_nonfinite = 0;
}

RT_SAFE void report_block(struct engine_rt *e)
{
    report_loops_and_pauses(e); // before the ends: a slot may be told of in both
    report_ended(e);
    report_nonfinite(e);
    if (e->frame % BLOCK_FRAMES == 0) ring_advance(&e->reports); // blocks that commands have cut are one
}

// ---- the newest figures ----

/// Voices of one list that are looked at: one that is heard is soon found.
#define VOICES_LOOKED_AT 8
/// What is quieter than that may well be silence in 16 bits.
#define HEARD_DB (-90.0f)

RT_SAFE static bool is_bus_up(const struct engine_rt *e, uint32_t bus)
{
    const struct buses *b = &e->mixer.buses;
    for (uint32_t n = 0; n < b->graph->n_buses && bus < b->graph->n_buses;
         n++) { // no further than to the root
        struct bus_report report;
        buses_report(b, bus, &report);
        if (report.is_silenced || report.gain_db < HEARD_DB) return false;
        if (b->graph->out[bus] > 0) return !b->is_faded_out;
        if (bus == BUS_MASTER) return false;
        bus = b->graph->parent[bus];
    }
    return false;
}

RT_SAFE static bool has_loud_voice(const struct voices *v, uint32_t bus)
{
    for (uint32_t kernel = 0; kernel < N_KERNELS; kernel++) {
        if (!(v->used_groups[bus] >> kernel & 1)) continue;
        uint32_t slot = v->groups[bus * N_KERNELS + kernel].first;
        for (uint32_t n = 0; n < VOICES_LOOKED_AT && slot != VOICE_SLOT_NONE; n++) {
            const struct kernel_voice *now = &v->voices[slot].now;
            if (v->state[slot] == VOICE_PLAYING && (now->left > 1e-4f || now->right > 1e-4f)) return true;
            slot = v->next[slot];
        }
    }
    return false;
}

/// Bounded by the buses that are in use.
RT_SAFE static bool should_sound(const struct engine_rt *e)
{
    const struct voices *v = &e->mixer.voices;
    for (uint32_t bus = 0; bus < v->n_buses; bus++)
        if (v->used_groups[bus] != 0 && has_loud_voice(v, bus) && is_bus_up(e, bus)) return true;
    return false;
}

RT_SAFE void publish_snapshot(struct engine_rt *e)
{
    e->next_snapshot_frame = e->frame + e->snapshot_interval;
    struct snapshot *s = latest_begin(&e->snapshot);
    const struct buses *b = &e->mixer.buses;
    *s = (struct snapshot){.frame = e->frame,
                           .n_clipped = e->mixer.n_clipped,
                           .n_nonfinite = e->n_nonfinite,
                           .n_active = e->mixer.voices.n_active,
                           .should_sound = should_sound(e),
                           .n_buses = b->graph->n_buses};
    for (uint32_t bus = 0; bus < s->n_buses; bus++)
        buses_report(b, bus, &s->buses[bus]);
    latest_publish(&e->snapshot);
}

RT_SAFE void publish_clock(struct engine_rt *e)
{
    struct clock_state *s = latest_begin(&e->clock_state);
    clock_read(&e->clock, s);
    s->n_scheduled = e->schedule.n_used;
    latest_publish(&e->clock_state);
}
