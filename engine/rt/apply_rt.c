// SPDX-License-Identifier: MIT
// apply_rt.c - carries out commands: one switch from the record to the mixer.
#include "engine/rt/engine_rt.h"

// ---- voices ----

RT_SAFE static void start_voice(struct engine_rt *e, const struct command *c)
{
    e->generation[c->slot] = c->generation;
    voices_start(&e->mixer.voices, c->slot, &c->start);
    emit_event(e, EVENT_VOICE_STARTED, c->slot, 0);
}

RT_SAFE static bool is_held(const struct voices *v, uint32_t slot)
{
    return v->state[slot] == VOICE_PAUSED || v->state[slot] == VOICE_CUED;
}

RT_SAFE static void fade_voice(struct engine_rt *e, enum command_type type, uint32_t slot, uint32_t frames)
{
    struct voices *v = &e->mixer.voices;
    bool was_held = is_held(v, slot);
    switch (type) {
    case COMMAND_VOICE_STOP: voices_stop(v, slot, frames); break;
    case COMMAND_VOICE_PAUSE: voices_pause(v, slot, frames); break;
    default: voices_resume(v, slot, frames); break;
    }
    if (type == COMMAND_VOICE_RESUME && was_held && v->report_loops)
        emit_spare_event(e, EVENT_VOICE_PAUSED, slot, 0);
}

/// As many steps as there are slots.
RT_SAFE static void fade_voices(struct engine_rt *e, const struct command *c)
{
    const struct voices *v = &e->mixer.voices;
    const struct fade *f = &c->fade;
    for (uint32_t slot = 0; slot < v->n_slots; slot++) {
        if (v->state[slot] == VOICE_FREE) continue;
        if (f->bus != BUS_ANY && f->bus != v->bus[slot]) continue;
        if (f->sound && f->serial != v->sound[slot]->serial) continue;
        fade_voice(e, (enum command_type)c->type, slot, f->frames);
    }
}

RT_SAFE static void seek_voice(struct voices *v, const struct command *c)
{
    const struct seek *seek = &c->seek;
    uint32_t slot = c->slot;
    struct voice_report now;
    int64_t to = seek->position;
    voices_report(v, slot, &now);
    if (c->rate != 0 && now.rate != 0 && c->rate != now.rate)
        to = rate_change_position((struct rate_change){.from = c->rate, .to = now.rate}, to);
    if (seek->relative && __builtin_add_overflow(now.position, to, &to))
        to = seek->position < 0 ? 0 : INT64_MAX;
    voices_seek(v, slot, to);
}

/// Those that name a voice which has ended do nothing.
RT_SAFE static void change_voice(struct engine_rt *e, const struct command *c)
{
    struct voices *v = &e->mixer.voices;
    if (e->generation[c->slot] != c->generation || v->state[c->slot] == VOICE_FREE) return;
    switch ((enum command_type)c->type) {
    case COMMAND_VOICE_SEEK: seek_voice(v, c); break;
    case COMMAND_VOICE_GAIN: voices_set_gain(v, c->slot, &c->change); break;
    case COMMAND_VOICE_PAN: voices_set_pan(v, c->slot, &c->change); break;
    case COMMAND_VOICE_RATE: voices_set_rate(v, c->slot, &c->change); break;
    case COMMAND_VOICE_INTERPOLATION:
        voices_set_interpolation(v, c->slot, (enum interpolation)c->interpolation);
        break;
    case COMMAND_VOICE_LEAVE_LOOP: voices_leave_loop(v, c->slot); break;
    case COMMAND_VOICE_LOOP: voices_loop(v, c->slot); break;
    default: fade_voice(e, (enum command_type)c->type, c->slot, c->fade.frames); break;
    }
}

RT_SAFE static void report_voice(struct engine_rt *e, const struct command *c)
{
    struct voice_report report = {.state = VOICE_FREE};
    if (e->generation[c->slot] == c->generation && e->mixer.voices.state[c->slot] != VOICE_FREE)
        voices_report(&e->mixer.voices, c->slot, &report);
    emit_voice_report(e, c->slot, c->token, &report);
}

// ---- all else ----

RT_SAFE static void set_graph(struct engine_rt *e, const struct command *c)
{
    const struct bus_graph *old = buses_set_graph(&e->mixer.buses, c->graph);
    emit_event(e, EVENT_GRAPH_RETIRED, old->index, 0);
}

RT_SAFE static void unschedule(struct engine_rt *e, uint32_t entry)
{
    if (schedule_remove(&e->schedule, entry)) emit_due(e, entry, (struct due){.outcome = DUE_UNSCHEDULED});
}

RT_SAFE static void replace_sound(struct engine_rt *e, const struct replacement *r)
{
    voices_replace_sound(&e->mixer.voices, r->old, r->sound);
    schedule_replace_sound(&e->schedule, r->old, r->sound);
    emit_event(e, EVENT_SOUND_REPLACED, 0, 0);
}

// ---- commands that were made when the engine had another sample rate ----

RT_SAFE static void change_rate(struct command *c, struct rate_change change)
{
    switch ((enum command_type)c->type) {
    case COMMAND_VOICE_START:
        c->start.fade_in_frames = rate_change_some_frames(change, c->start.fade_in_frames);
        c->start.fade_out_frames = rate_change_some_frames(change, c->start.fade_out_frames);
        break;
    case COMMAND_VOICE_STOP:
    case COMMAND_VOICE_PAUSE:
    case COMMAND_VOICE_RESUME:
    case COMMAND_DECLICK:
    case COMMAND_FADE_OUT: c->fade.frames = rate_change_some_frames(change, c->fade.frames); break;
    case COMMAND_VOICE_GAIN:
    case COMMAND_VOICE_PAN:
    case COMMAND_VOICE_RATE:
    case COMMAND_BUS_GAIN:
    case COMMAND_BUS_PAN:
        c->change.ramp_frames = rate_change_some_frames(change, c->change.ramp_frames);
        break;
    case COMMAND_BUS_MUTE:
    case COMMAND_BUS_SOLO: c->flag.ramp_frames = rate_change_some_frames(change, c->flag.ramp_frames); break;
    default: break; // has no lengths
    }
}

RT_SAFE static void carry_out(struct engine_rt *e, const struct command *c)
{
    struct buses *buses = &e->mixer.buses;
    switch ((enum command_type)c->type) {
    case COMMAND_VOICE_START: start_voice(e, c); break;
    case COMMAND_VOICE_STOP:
    case COMMAND_VOICE_PAUSE:
    case COMMAND_VOICE_RESUME:
        if (c->slot == SLOT_ALL)
            fade_voices(e, c);
        else
            change_voice(e, c);
        break;
    case COMMAND_VOICE_SEEK:
    case COMMAND_VOICE_GAIN:
    case COMMAND_VOICE_PAN:
    case COMMAND_VOICE_RATE:
    case COMMAND_VOICE_INTERPOLATION:
    case COMMAND_VOICE_LEAVE_LOOP:
    case COMMAND_VOICE_LOOP: change_voice(e, c); break;
    case COMMAND_VOICE_REPORT: report_voice(e, c); break;
    case COMMAND_BUS_GAIN: buses_set_gain(buses, c->slot, &c->change); break;
    case COMMAND_BUS_PAN: buses_set_pan(buses, c->slot, &c->change); break;
    case COMMAND_BUS_MUTE: buses_set_mute(buses, c->slot, c->flag.on, c->flag.ramp_frames); break;
    case COMMAND_BUS_SOLO: buses_set_solo(buses, c->slot, c->flag.on, c->flag.ramp_frames); break;
    case COMMAND_BUS_GRAPH: set_graph(e, c); break;
    case COMMAND_DECLICK: e->mixer.voices.declick_frames = buses->declick_frames = c->fade.frames; break;
    case COMMAND_FADE_OUT: buses_fade_out(buses, c->fade.frames); break;
    case COMMAND_SNAPSHOT:
        publish_snapshot(e);
        emit_event(e, EVENT_SYNCED, 0, c->token);
        break;
    case COMMAND_UNSCHEDULE: unschedule(e, c->unscheduled); break;
    case COMMAND_WATCH_VOICES: e->mixer.voices.report_loops = c->flag.on; break;
    case COMMAND_SYNC: emit_event(e, EVENT_SYNCED, 0, c->token); break;
    case COMMAND_REPLACE_SOUND: replace_sound(e, &c->replacement); break;
    }
}

RT_SAFE void apply_command(struct engine_rt *e, const struct command *c)
{
    if (c->rate == e->clock.rate || c->rate == 0) {
        carry_out(e, c);
        return;
    }
    struct command changed = *c;
    change_rate(&changed, (struct rate_change){.from = c->rate, .to = e->clock.rate});
    carry_out(e, &changed);
}
