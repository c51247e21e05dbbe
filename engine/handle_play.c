// SPDX-License-Identifier: MIT
// handle_play.c - starts voices: now, at their time, or when their sound is loaded.
#include <stdio.h>

#include "engine/handlers.h"
#include "engine/publish.h"

static struct play read_play(const struct request *r, uint32_t bus)
{
    return (struct play){.gain_db = (float)request_float(r, PARAM_GAIN, 0),
                         .pan = (float)request_float(r, PARAM_PAN, 0),
                         .rate = request_float(r, PARAM_RATE, 1),
                         .start = request_float(r, PARAM_START, -1),
                         .end = request_float(r, PARAM_END, -1),
                         .loop_start = request_float(r, PARAM_LOOP_START, -1),
                         .loop_end = request_float(r, PARAM_LOOP_END, -1),
                         .fade = request_float(r, PARAM_FADE, 0),
                         .fade_out = request_float(r, PARAM_FADE_OUT, -1),
                         .loop_count = (uint32_t)request_int(r, PARAM_LOOP_COUNT, 0),
                         .bus = (uint16_t)bus,
                         .quality = (uint8_t)request_quality(r, INTERPOLATION_CUBIC),
                         .loop = request_int(r, PARAM_LOOP, request_has(r, PARAM_LOOP_COUNT)),
                         .paused = request_int(r, PARAM_PAUSED, 0)};
}

enum interpolation request_quality(const struct request *r, enum interpolation otherwise)
{
    // In the order of api.def.
    static const enum interpolation qualities[] = {INTERPOLATION_LINEAR, INTERPOLATION_CUBIC,
                                                   INTERPOLATION_SINC};
    return request_has(r, PARAM_QUALITY) ? qualities[request_choice(r, PARAM_QUALITY, 0)] : otherwise;
}

// ---- the sound ----

/// The sound of a file that came as a descriptor, which is taken over. It is loaded unless the worker finds
/// that the one of this name is this very file.
static enum api_error find_or_load_handed(struct control *c, const char *name, int fd, uint32_t *sound,
                                          struct strbuf *why)
{
    uint32_t known = sound_find(&c->sounds, name);
    enum api_error error = sound_load(&c->sounds, name, name, fd, known, sound, why);
    if (!error) c->sounds.entries[*sound].is_cached = true;
    return error;
}

/// The sound of a name or path: one that is there, or one that begins to be loaded. A file that a /play
/// loaded is looked at again, as it may have changed; but once for each packet.
static enum api_error find_or_load(struct control *c, const struct call *call, const char *name,
                                   uint32_t *sound, struct strbuf *why)
{
    *sound = sound_find(&c->sounds, name);
    const struct sound_entry *e = *sound == SOUND_NONE ? NULL : &c->sounds.entries[*sound];
    if (e && (e->state == SOUND_LOADING || !e->is_cached || call->n_tries > 0)) return API_OK;
    enum api_error error = sound_load(&c->sounds, name, name, -1, *sound, sound, why);
    if (!error) c->sounds.entries[*sound].is_cached = true;
    return error;
}

/// SOUND_NONE when the call has been refused.
static uint32_t find_sound(struct control *c, const struct call *call)
{
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    const char *name = request_text(call->request, PARAM_SOUND, "");
    uint32_t sound;
    enum api_error error;
    if (*call->fd >= 0) {
        error = find_or_load_handed(c, name, *call->fd, &sound, &why);
        *call->fd = -1;
    } else {
        error = find_or_load(c, call, name, &sound, &why);
    }
    if (!error) return sound;
    control_refuse(c, call, error, "%s", text);
    return SOUND_NONE;
}

// ---- /play ----

static void undo_play(struct control *c, uint32_t slot, uint64_t unused)
{
    (void)unused;
    if (c->voices.entries[slot].state != SLOT_PENDING) {
        sound_release(&c->sounds, c->voices.entries[slot].sound);
        c->voices.n_started--;
    }
    voice_release(&c->voices, slot);
}

/// A slot for the voice; VOICE_NONE when the call has been refused.
static uint32_t reserve_slot(struct control *c, const struct call *call)
{
    const struct request *r = call->request;
    const char *bus_name = request_text(r, PARAM_BUS, "master");
    uint32_t bus = bus_find(&c->buses, bus_name);
    struct voice_id id = voice_id_requested(r, PARAM_ID);
    char text[VOICE_NAME_BYTES];
    if (bus == BUS_NONE) {
        control_refuse(c, call, API_UNKNOWN_BUS, "no bus is called %.64s; /bus/new makes one", bus_name);
        return VOICE_NONE;
    }
    if (request_has(r, PARAM_ID) && voice_find(&c->voices, id) != VOICE_NONE) {
        control_refuse(c, call, API_TAKEN, "voice %s is playing, or about to", voice_id_text(id, text));
        return VOICE_NONE;
    }
    uint32_t slot = voice_acquire(&c->voices, id);
    if (slot == VOICE_NONE) {
        control_refuse(c, call, API_REFUSED, "refused voices %u/%u", c->voices.n_used, c->voices.n_slots);
        return VOICE_NONE;
    }
    control_undo_later(c, undo_play, slot, 0);
    c->voices.entries[slot].play = read_play(r, bus);
    voice_set_client(&c->voices, slot, call->client, request_int(r, PARAM_NOTIFY, 0));
    return slot;
}

/// The sound is there.
static void start_voice(struct control *c, const struct call *call, uint32_t slot)
{
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    struct command command;
    if (!voice_start_command(c, slot, &command, &why)) {
        control_refuse(c, call, API_OUT_OF_RANGE, "%s", text);
        return;
    }
    voice_has_sound(c, slot, call->when == WHEN_TIME ? SLOT_SCHEDULED : SLOT_LIVE);
    if (control_stage(c, call, &command)) call_done_voice(c, call, slot);
}

void handle_play(struct control *c, const struct call *call)
{
    uint32_t slot = reserve_slot(c, call);
    uint32_t sound = slot == VOICE_NONE ? SOUND_NONE : find_sound(c, call);
    if (sound == SOUND_NONE) return;
    struct voice_entry *v = &c->voices.entries[slot];
    v->sound = sound;
    if (c->sounds.entries[sound].state == SOUND_READY) {
        start_voice(c, call, slot);
    } else if (call->is_alone) { // answered when it starts
        snprintf(v->request_id, sizeof v->request_id, "%s", call->request->id);
        pending_append(c, sound, slot);
    } else {
        control_wait_for_load(c, call, sound);
    }
}

// ---- what rt and the schedule tell ----

static void tell_end(struct control *c, uint32_t slot, const char *why)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    publish_voice(c, OSC_EVENT_ENDED, slot, why);
    if (!v->notify) return;
    struct osc_writer *w = reply_begin(&c->replies, "/ended");
    voice_add_id(w, v);
    osc_add_text(w, why);
    reply_send(&c->replies, &v->client);
}

static void release_slot(struct control *c, uint32_t slot)
{
    sound_release(&c->sounds, c->voices.entries[slot].sound);
    voice_release(&c->voices, slot);
}

void begin_voice(struct control *c, uint32_t slot)
{
    struct voice_entry *v = &c->voices.entries[slot];
    v->state = SLOT_LIVE;
    publish_voice(c, OSC_EVENT_STARTED, slot, NULL);
    if (!v->notify) return;
    voice_add_id(reply_begin(&c->replies, "/started"), v);
    reply_send(&c->replies, &v->client);
}

void finish_voice(struct control *c, uint32_t slot, enum voice_end why)
{
    const char *stopped = c->voices.entries[slot].is_shed ? "shed" : "stopped";
    tell_end(c, slot, why == VOICE_END_FINISHED ? "finished" : stopped);
    c->n_finished++;
    release_slot(c, slot);
}

void finish_unstarted_voice(struct control *c, uint32_t slot, const char *why)
{
    tell_end(c, slot, why);
    c->voices.n_started--;
    release_slot(c, slot);
}
