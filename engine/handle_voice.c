// SPDX-License-Identifier: MIT
// handle_voice.c - stops, holds, moves, changes and lists voices.
#include <math.h>

#include "engine/dispatch.h"
#include "engine/handlers.h"

/// Which voices a request is for.
struct selection {
    int64_t id;     // ALL_VOICES: all that match the other two
    uint32_t bus;   // BUS_NONE: any
    uint32_t sound; // SOUND_NONE: any
};

static bool is_selected(const struct voice_entry *v, const struct selection *s)
{
    return v->state != SLOT_FREE && (s->id == ALL_VOICES || v->id == s->id) &&
           (s->bus == BUS_NONE || v->play.bus == s->bus) && (s->sound == SOUND_NONE || v->sound == s->sound);
}

static void refuse_unknown_voice(struct control *c, const struct call *call, int64_t id)
{
    control_refuse(c, call, API_UNKNOWN_VOICE, "no voice %lld is playing; /voice/list tells which are",
                   (long long)id);
}

static bool read_selection(struct control *c, const struct call *call, struct selection *s)
{
    const char *bus = request_text(call->request, PARAM_BUS, NULL);
    const char *sound = request_text(call->request, PARAM_SOUND, NULL);
    s->id = request_int(call->request, PARAM_VOICES, ALL_VOICES);
    s->bus = bus ? bus_find(&c->buses, bus) : BUS_NONE;
    s->sound = sound ? sound_find(&c->sounds, sound) : SOUND_NONE;
    if (bus && s->bus == BUS_NONE)
        control_refuse(c, call, API_UNKNOWN_BUS, "no bus is called %.64s", bus);
    else if (sound && s->sound == SOUND_NONE)
        control_refuse(c, call, API_UNKNOWN_SOUND, "no sound is called %.300s", sound);
    else if (s->id != ALL_VOICES && voice_find(&c->voices, (int32_t)s->id) == VOICE_NONE)
        refuse_unknown_voice(c, call, s->id);
    else
        return true;
    return false;
}

/// What stop, pause and resume do to a voice that still waits for its sound.
static void change_pending(struct control *c, uint32_t slot, enum command_type type)
{
    if (type == COMMAND_VOICE_STOP)
        cancel_pending_voice(c, slot);
    else
        c->voices.entries[slot].play.paused = type == COMMAND_VOICE_PAUSE;
}

static void change_live(struct control *c, uint32_t slot, enum command_type type, uint32_t fade_frames)
{
    struct voice_entry *v = &c->voices.entries[slot];
    struct command command = {.type = type, .slot = slot, .fade_frames = fade_frames};
    if (!control_push(c, &command)) return; // room was made sure of
    if (type == COMMAND_VOICE_STOP)
        v->is_stopping = true;
    else
        v->play.paused = type == COMMAND_VOICE_PAUSE;
}

/// Sends one command to each selected voice and answers how many there were.
static void change_voices(struct control *c, const struct call *call, enum command_type type)
{
    struct selection selection;
    control_drain_events(c); // voices that have ended are not counted
    if (!read_selection(c, call, &selection)) return;
    if (!control_has_room(c, selection.id == ALL_VOICES ? c->voices.n_used : 1)) {
        control_refuse_full(c, call);
        return;
    }
    uint32_t fade_frames = control_frames(c, request_float(call->request, PARAM_FADE, 0));
    uint32_t first = 0, end = c->voices.n_slots;
    int32_t n = 0;
    if (selection.id != ALL_VOICES) {
        first = voice_find(&c->voices, (int32_t)selection.id);
        end = first + 1;
    }
    for (uint32_t slot = first; slot < end; slot++) {
        const struct voice_entry *v = &c->voices.entries[slot];
        if (!is_selected(v, &selection)) continue;
        if (v->state == SLOT_PENDING)
            change_pending(c, slot, type);
        else
            change_live(c, slot, type, fade_frames);
        n++;
    }
    osc_add_int(reply_done(&c->replies, call->path), n);
    reply_send(&c->replies, call->client);
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

/// The voice that the request names by id; answers when there is none.
static struct voice_entry *find_voice(struct control *c, const struct call *call, uint32_t *slot)
{
    control_drain_events(c);
    int64_t id = request_int(call->request, PARAM_ID, -1);
    *slot = voice_find(&c->voices, (int32_t)id);
    if (*slot != VOICE_NONE) return &c->voices.entries[*slot];
    refuse_unknown_voice(c, call, id);
    return NULL;
}

static void answer_id(struct control *c, const struct call *call, const struct voice_entry *v)
{
    osc_add_int(reply_done(&c->replies, call->path), v->id);
    reply_send(&c->replies, call->client);
}

void handle_seek(struct control *c, const struct call *call)
{
    uint32_t slot;
    struct voice_entry *v = find_voice(c, call, &slot);
    if (!v) return;
    double seconds = request_float(call->request, PARAM_POSITION, 0);
    if (v->state == SLOT_PENDING) {
        v->play.start = seconds;
        answer_id(c, call, v);
        return;
    }
    uint32_t n_frames = c->sounds.entries[v->sound].decoded.sound.n_frames;
    uint32_t frame = control_frames(c, seconds);
    if (frame >= n_frames) {
        control_refuse(c, call, API_OUT_OF_RANGE, "position is %g s; the sound ends at %.3f s", seconds,
                       (double)n_frames / c->rate);
        return;
    }
    struct command command = {.type = COMMAND_VOICE_SEEK, .slot = slot, .position = (int64_t)frame << 32};
    if (control_push(c, &command))
        answer_id(c, call, v);
    else
        control_refuse_full(c, call);
}

/// Tells rt what /voice/set changed.
static bool push_voice_changes(struct control *c, const struct request *r, uint32_t slot)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    struct command command = {.slot = slot};
    if (request_has(r, PARAM_GAIN) || request_has(r, PARAM_PAN)) {
        command.type = COMMAND_VOICE_LEVEL;
        command.level = voice_level(c, v, control_frames(c, request_float(r, PARAM_RAMP, 0)));
        if (!control_push(c, &command)) return false;
    }
    if (request_has(r, PARAM_RATE)) {
        command.type = COMMAND_VOICE_RATE;
        command.increment = (int64_t)llround(v->play.rate * (double)FRAME_ONE);
        if (!control_push(c, &command)) return false;
    }
    if (request_has(r, PARAM_QUALITY)) {
        command.type = COMMAND_VOICE_INTERPOLATION;
        command.interpolation = v->play.quality;
        if (!control_push(c, &command)) return false;
    }
    if (request_has(r, PARAM_LOOP)) {
        command.type = v->play.loop ? COMMAND_VOICE_LOOP : COMMAND_VOICE_LEAVE_LOOP;
        if (!control_push(c, &command)) return false;
    }
    return true;
}

void handle_voice_set(struct control *c, const struct call *call)
{
    uint32_t slot;
    struct voice_entry *v = find_voice(c, call, &slot);
    if (!v) return;
    if (!control_has_room(c, 4)) {
        control_refuse_full(c, call);
        return;
    }
    const struct request *r = call->request;
    if (!read_quality(c, call, &v->play.quality)) return;
    v->play.gain_db = (float)request_float(r, PARAM_GAIN, (double)v->play.gain_db);
    v->play.pan = (float)request_float(r, PARAM_PAN, (double)v->play.pan);
    v->play.rate = request_float(r, PARAM_RATE, v->play.rate);
    v->play.loop = request_int(r, PARAM_LOOP, v->play.loop);
    if (v->state == SLOT_LIVE && !push_voice_changes(c, r, slot))
        control_refuse_full(c, call);
    else
        answer_id(c, call, v);
}

static const char *state_of(const struct voice_entry *v)
{
    if (v->state == SLOT_PENDING) return "loading";
    if (v->is_stopping) return "stopping";
    return v->play.paused ? "paused" : "playing";
}

void handle_voice_list(struct control *c, const struct call *call)
{
    control_drain_events(c);
    int32_t n = 0;
    for (uint32_t slot = 0; slot < c->voices.n_slots; slot++) {
        const struct voice_entry *v = &c->voices.entries[slot];
        if (v->state == SLOT_FREE) continue;
        struct osc_writer *w = reply_begin(&c->replies, "/voice/info");
        osc_add_int(w, v->id);
        osc_add_text(w, c->sounds.entries[v->sound].name);
        osc_add_text(w, c->buses.entries[v->play.bus].name);
        osc_add_float(w, v->play.gain_db);
        osc_add_float(w, v->play.pan);
        osc_add_float(w, (float)v->play.rate);
        osc_add_text(w, state_of(v));
        reply_add_item(&c->replies, call->client);
        n++;
    }
    osc_add_int(reply_done(&c->replies, call->path), n);
    reply_send(&c->replies, call->client);
}

void finish_voice(struct control *c, uint32_t slot, enum voice_end why)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    if (v->notify) {
        struct osc_writer *w = reply_begin(&c->replies, "/ended");
        osc_add_int(w, v->id);
        osc_add_text(w, why == VOICE_END_FINISHED ? "finished" : "stopped");
        reply_send(&c->replies, &v->client);
    }
    c->n_finished++;
    sound_release(&c->sounds, v->sound);
    voice_release(&c->voices, slot);
}
