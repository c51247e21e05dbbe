// SPDX-License-Identifier: MIT
// handle_voice.c - stops, holds and moves voices.
#include <math.h>
#include <string.h>

#include "engine/handlers.h"

/// Voices of one message of a bundle that may still be waiting for their sounds, so that it can be undone.
#define MAX_PENDING_IN_BUNDLE (UNDOS_OF_A_CALL / 2)

/// Which voices a request is for.
struct selection {
    uint32_t slot;  // SLOT_ALL: all that match the other two
    uint32_t bus;   // BUS_NONE: any
    uint32_t sound; // SOUND_NONE: any
};

static bool is_selected(const struct voice_entry *v, const struct selection *s)
{
    return v->state != SLOT_FREE && (s->bus == BUS_NONE || v->play.bus == s->bus) &&
           (s->sound == SOUND_NONE || v->sound == s->sound);
}

uint32_t find_voice(struct control *c, const struct call *call, enum param p)
{
    struct voice_id id = voice_id_requested(call->request, p);
    uint32_t slot = voice_find(&c->voices, id);
    char text[VOICE_NAME_BYTES];
    if (slot == VOICE_NONE) {
        control_refuse(c, call, API_UNKNOWN_VOICE, "no voice %s is playing; /voice/list tells which are",
                       voice_id_text(id, text));
    } else if (c->voices.entries[slot].state == SLOT_SCHEDULED && call->when != WHEN_TIME) {
        control_refuse(
            c, call, API_UNKNOWN_VOICE,
            "voice %s is scheduled and has not started; schedule this, too, or take it back with /clear",
            voice_id_text(id, text));
        slot = VOICE_NONE;
    }
    return slot;
}

static bool read_selection(struct control *c, const struct call *call, struct selection *s)
{
    const struct request *r = call->request;
    const char *bus = request_text(r, PARAM_BUS, NULL);
    const char *sound = request_text(r, PARAM_SOUND, NULL);
    bool all = !request_is_text(r, PARAM_VOICES) && request_int(r, PARAM_VOICES, 0) == ALL_VOICES;
    s->slot = SLOT_ALL;
    s->bus = bus ? bus_find(&c->buses, bus) : BUS_NONE;
    s->sound = sound ? sound_find(&c->sounds, sound) : SOUND_NONE;
    if (bus && s->bus == BUS_NONE)
        control_refuse(c, call, API_UNKNOWN_BUS, "no bus is called %.64s", bus);
    else if (sound && s->sound == SOUND_NONE)
        control_refuse(c, call, API_UNKNOWN_SOUND, "no sound is called %.300s", sound);
    else
        return all || (s->slot = find_voice(c, call, PARAM_VOICES)) != VOICE_NONE;
    return false;
}

// ---- voices that still wait for their sound ----

static void undo_cancel(struct control *c, uint32_t slot, uint64_t unused)
{
    (void)unused;
    c->voices.entries[slot].is_cancelled = false;
}

static void undo_paused(struct control *c, uint32_t slot, uint64_t old)
{
    c->voices.entries[slot].play.paused = old;
}

static void change_pending(struct control *c, const struct call *call, uint32_t slot, enum command_type type)
{
    struct voice_entry *v = &c->voices.entries[slot];
    if (type != COMMAND_VOICE_STOP) {
        control_undo_later(c, undo_paused, slot, v->play.paused);
        v->play.paused = type == COMMAND_VOICE_PAUSE;
    } else if (call->is_alone) {
        cancel_pending_voice(c, slot);
    } else if (!v->is_cancelled) { // it goes when its load has ended
        control_undo_later(c, undo_cancel, slot, 0);
        v->is_cancelled = true;
    }
}

static void change_all_pending(struct control *c, const struct call *call, const struct selection *s,
                               enum command_type type)
{
    uint32_t first = s->slot == SLOT_ALL ? 0 : s->slot;
    uint32_t end = s->slot == SLOT_ALL ? c->voices.n_slots : s->slot + 1;
    for (uint32_t slot = first; slot < end; slot++) {
        const struct voice_entry *v = &c->voices.entries[slot];
        if (v->state == SLOT_PENDING && is_selected(v, s)) change_pending(c, call, slot, type);
    }
}

// ---- stop, pause and resume ----

/// How many voices are selected, by the state of their slots.
static void count_selected(const struct control *c, const struct selection *s, uint32_t n[4])
{
    memset(n, 0, 4 * sizeof n[0]);
    if (s->slot != SLOT_ALL) {
        n[c->voices.entries[s->slot].state]++;
        return;
    }
    for (uint32_t slot = 0; slot < c->voices.n_slots; slot++)
        if (is_selected(&c->voices.entries[slot], s)) n[c->voices.entries[slot].state]++;
}

static bool stage_fade(struct control *c, const struct call *call, const struct selection *s,
                       enum command_type type)
{
    struct command command = {.type = (uint8_t)type, .slot = s->slot};
    command.fade.frames = control_frames(c, request_float(call->request, PARAM_FADE, 0));
    command.fade.bus = s->bus == BUS_NONE ? BUS_ANY : (uint16_t)s->bus;
    if (s->sound != SOUND_NONE) {
        command.fade.sound = sound_lent(&c->sounds.entries[s->sound]);
        command.fade.serial = command.fade.sound->serial;
    }
    if (s->slot != SLOT_ALL) command.generation = c->voices.entries[s->slot].generation;
    return control_stage(c, call, &command);
}

/// One command for all selected voices; the answer is how many they are now. Those that are to start at their
/// time are left alone by what is done now.
static void change_voices(struct control *c, const struct call *call, enum command_type type)
{
    struct selection s;
    uint32_t n[4]; // of each enum voice_slot_state
    bool is_scheduled = call->when == WHEN_TIME;
    if (!read_selection(c, call, &s)) return;
    count_selected(c, &s, n);
    if (!is_scheduled && !call->is_alone && n[SLOT_PENDING] > MAX_PENDING_IN_BUNDLE) {
        control_refuse(
            c, call, API_FULL,
            "%u voices are still waiting for their sounds, too many for a message of a bundle: send it "
            "by itself",
            n[SLOT_PENDING]);
        return;
    }
    if ((is_scheduled || n[SLOT_LIVE] > 0) && !stage_fade(c, call, &s, type)) return;
    if (!is_scheduled && n[SLOT_PENDING] > 0) change_all_pending(c, call, &s, type);
    call_done_int(c, call,
                  (int32_t)(n[SLOT_LIVE] + n[SLOT_PENDING] + (is_scheduled ? n[SLOT_SCHEDULED] : 0)));
}

void handle_stop(struct control *c, const struct call *call)
{
    change_voices(c, call, COMMAND_VOICE_STOP);
}

void handle_pause(struct control *c, const struct call *call)
{
    change_voices(c, call, COMMAND_VOICE_PAUSE);
}

void handle_resume(struct control *c, const struct call *call)
{
    change_voices(c, call, COMMAND_VOICE_RESUME);
}

// ---- seek ----

static void undo_start(struct control *c, uint32_t slot, uint64_t old)
{
    memcpy(&c->voices.entries[slot].play.start, &old, sizeof old);
}

/// The voice will start there.
static void seek_pending(struct control *c, uint32_t slot, double seconds, bool relative)
{
    struct play *p = &c->voices.entries[slot].play;
    uint64_t old;
    memcpy(&old, &p->start, sizeof old);
    control_undo_later(c, undo_start, slot, old);
    if (relative) seconds += fmax(p->start, 0);
    p->start = fmax(seconds, 0);
}

/// Whole frames, 32.32; as far as a sound can be long.
static int64_t position_of(const struct control *c, double seconds)
{
    double frames = round(seconds * c->rate);
    return (int64_t)fmax(fmin(frames, INT32_MAX), -INT32_MAX) * FRAME_ONE;
}

void handle_seek(struct control *c, const struct call *call)
{
    uint32_t slot = find_voice(c, call, PARAM_ID);
    if (slot == VOICE_NONE) return;
    const struct voice_entry *v = &c->voices.entries[slot];
    double seconds = request_float(call->request, PARAM_POSITION, 0);
    bool relative = request_is_relative(call->request, PARAM_POSITION);
    if (v->state == SLOT_PENDING && call->when != WHEN_TIME) {
        seek_pending(c, slot, seconds, relative);
        call_done_voice(c, call, slot);
        return;
    }
    const struct sound *sound = &c->sounds.entries[v->sound].decoded.sound; // no frames: it is being loaded
    if (!relative && sound->n_frames > 0 && round(seconds * sound->rate) >= sound->n_frames) {
        control_refuse(c, call, API_OUT_OF_RANGE, "position is %g s; the sound ends at %.3f s", seconds,
                       (double)sound->n_frames / sound->rate);
        return;
    }
    struct command command = {.type = COMMAND_VOICE_SEEK,
                              .slot = slot,
                              .generation = v->generation,
                              .seek = {.position = position_of(c, seconds), .relative = relative}};
    if (control_stage(c, call, &command)) call_done_voice(c, call, slot);
}

// ---- /voice/list ----

static const char *state_of(const struct voice_entry *v, const struct voice_report *r)
{
    if (!r) return v->state == SLOT_SCHEDULED ? "scheduled" : "loading";
    switch ((enum voice_state)r->state) {
    case VOICE_CUED:
    case VOICE_PAUSING:
    case VOICE_PAUSED: return "paused";
    case VOICE_STOPPING: return "stopping";
    default: return "playing";
    }
}

void voice_send_info(struct control *c, uint32_t slot, const struct voice_report *r, const struct client *to)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    struct osc_writer *w = reply_begin(&c->replies, "/voice/info");
    voice_add_id(w, v);
    osc_add_text(w, c->sounds.entries[v->sound].name);
    osc_add_text(w, c->buses.entries[v->play.bus].name);
    osc_add_float(w, r ? r->gain_db : v->play.gain_db);
    osc_add_float(w, r ? r->pan : v->play.pan);
    osc_add_float(w, r ? (float)((double)r->increment / (double)FRAME_ONE) : (float)v->play.rate);
    osc_add_text(w, state_of(v, r));
    reply_add_item(&c->replies, to);
}
