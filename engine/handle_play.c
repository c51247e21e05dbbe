// SPDX-License-Identifier: MIT
// handle_play.c - starts voices: now, or when their sound is loaded.
#include <math.h>
#include <string.h>

#include "engine/dispatch.h"
#include "engine/handlers.h"
#include "mixer/pan.h"

static int64_t increment_of(double rate)
{
    return (int64_t)llround(rate * (double)FRAME_ONE);
}

/// Seconds of a sound to a frame of it: `otherwise` when not given, the end of the sound at the most.
static uint32_t frame_of(const struct control *c, double seconds, uint32_t otherwise, uint32_t n_frames)
{
    if (seconds < 0) return otherwise;
    uint32_t frame = control_frames(c, seconds);
    return frame < n_frames ? frame : n_frames;
}

/// What /play asked for, in frames of the sound. False with a sentence when its times make no sense.
static bool place_in_sound(const struct control *c, const struct play *p, uint32_t n_frames,
                           struct voice_start *s, struct strbuf *why)
{
    bool forward = p->rate > 0;
    uint32_t begin = frame_of(c, p->start, forward ? 0 : n_frames - 1, n_frames);
    uint32_t stop = frame_of(c, p->end, forward ? n_frames : 0, n_frames);
    if (begin >= n_frames) {
        strbuf_format(why, "start is behind the end of the sound (%.3f s)", (double)n_frames / c->rate);
        return false;
    }
    if (forward ? stop <= begin : stop > begin) {
        strbuf_append(why, forward ? "end is not behind start"
                                   : "end is not before start, and the voice plays in reverse");
        return false;
    }
    s->position = (int64_t)begin << 32;
    s->start_frame = forward ? 0 : stop;
    s->end_frame = forward ? stop : n_frames;
    s->loop_start = frame_of(c, p->loop_start, s->start_frame, n_frames);
    s->loop_end = frame_of(c, p->loop_end, s->end_frame, s->end_frame);
    if (s->loop_end <= s->loop_start) {
        strbuf_append(why, "loop_end is not behind loop_start");
        return false;
    }
    bool is_cut = p->end >= 0 && (forward ? stop < n_frames : stop > 0);
    s->fade_out_frames = p->fade_out >= 0 ? control_frames(c, p->fade_out) : is_cut ? c->declick_frames : 0;
    return true;
}

struct level voice_level(const struct control *c, const struct voice_entry *v, uint32_t ramp_frames)
{
    const struct sound *sound = &c->sounds.entries[v->sound].decoded.sound;
    float gain = gain_from_db(v->play.gain_db);
    struct level level =
        sound->n_channels == 1 ? level_mono(gain, v->play.pan) : level_stereo(gain, v->play.pan);
    level.ramp_frames = ramp_frames;
    return level;
}

/// Starts a pending voice on its sound, which is ready. On failure the slot is free again.
static enum api_error start_voice(struct control *c, uint32_t slot, struct strbuf *why)
{
    struct voice_entry *v = &c->voices.entries[slot];
    const struct sound *sound = &c->sounds.entries[v->sound].decoded.sound;
    struct command command = {.type = COMMAND_VOICE_START, .slot = slot};
    command.start = (struct voice_start){.sound = sound,
                                         .increment = increment_of(v->play.rate),
                                         .level = voice_level(c, v, 0),
                                         .loop_count = v->play.loop_count,
                                         .fade_in_frames = control_frames(c, v->play.fade),
                                         .bus = v->play.bus,
                                         .interpolation = v->play.quality,
                                         .looping = v->play.loop,
                                         .paused = v->play.paused};
    enum api_error error = API_OK;
    if (!place_in_sound(c, &v->play, sound->n_frames, &command.start, why)) {
        error = API_OUT_OF_RANGE;
    } else if (!control_push(c, &command)) {
        strbuf_append(why, "refused commands: the audio thread has not taken those before; try again");
        error = API_REFUSED;
    }
    if (error) {
        voice_release(&c->voices, slot);
        return error;
    }
    sound_acquire(&c->sounds, v->sound);
    v->state = SLOT_LIVE;
    c->voices.n_started++;
    return API_OK;
}

static const char *play_path(void)
{
    return method_info(METHOD_PLAY)->path;
}

static void start_and_answer(struct control *c, uint32_t slot)
{
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    struct client client = c->voices.entries[slot].client; // the entry may go
    int32_t id = c->voices.entries[slot].id;
    enum api_error error = start_voice(c, slot, &why);
    if (error) {
        reply_error(&c->replies, &client, play_path(), error, text);
        return;
    }
    osc_add_int(reply_done(&c->replies, play_path()), id);
    reply_send(&c->replies, &client);
}

// ---- voices that wait for their sound ----

static void append_pending(struct control *c, uint32_t sound, uint32_t slot)
{
    struct sound_entry *e = &c->sounds.entries[sound];
    struct voice_entry *v = &c->voices.entries[slot];
    v->sound = sound;
    v->next_pending = VOICE_NONE;
    if (e->first_pending == SOUND_NONE)
        e->first_pending = slot;
    else
        c->voices.entries[e->last_pending].next_pending = slot;
    e->last_pending = slot;
}

static uint32_t take_pending(struct control *c, uint32_t sound)
{
    struct sound_entry *e = &c->sounds.entries[sound];
    uint32_t slot = e->first_pending;
    if (slot != SOUND_NONE) e->first_pending = c->voices.entries[slot].next_pending;
    return slot;
}

void start_pending_voices(struct control *c, uint32_t sound)
{
    for (uint32_t slot; (slot = take_pending(c, sound)) != VOICE_NONE;)
        start_and_answer(c, slot);
}

void fail_pending_voices(struct control *c, uint32_t sound, enum api_error error, const char *text)
{
    for (uint32_t slot; (slot = take_pending(c, sound)) != VOICE_NONE;) {
        reply_error(&c->replies, &c->voices.entries[slot].client, play_path(), error, text);
        voice_release(&c->voices, slot);
    }
}

void move_pending_voices(struct control *c, uint32_t from, uint32_t to)
{
    for (uint32_t slot; (slot = take_pending(c, from)) != VOICE_NONE;)
        append_pending(c, to, slot);
}

void cancel_pending_voice(struct control *c, uint32_t slot)
{
    struct voice_entry *v = &c->voices.entries[slot];
    struct sound_entry *e = &c->sounds.entries[v->sound];
    uint32_t before = SOUND_NONE, s = e->first_pending;
    for (; s != slot; s = c->voices.entries[s].next_pending)
        before = s;
    if (before == SOUND_NONE)
        e->first_pending = v->next_pending;
    else
        c->voices.entries[before].next_pending = v->next_pending;
    if (e->last_pending == slot) e->last_pending = before;
    reply_error(&c->replies, &v->client, play_path(), API_CANCELLED, "stopped before its sound was loaded");
    voice_release(&c->voices, slot);
}

// ---- /play ----

bool read_quality(struct control *c, const struct call *call, enum interpolation *quality)
{
    static const struct {
        const char *name;
        enum interpolation interpolation;
    } qualities[] = {
        {"linear", INTERPOLATION_LINEAR}, {"cubic", INTERPOLATION_CUBIC}, {"sinc", INTERPOLATION_SINC}};
    const char *name = request_text(call->request, PARAM_QUALITY, NULL);
    for (size_t i = 0; name && i < COUNT_OF(qualities); i++) {
        if (strcmp(name, qualities[i].name) != 0) continue;
        *quality = qualities[i].interpolation;
        return true;
    }
    if (name)
        control_refuse(c, call, API_BAD_ARGUMENTS, "quality is %.40s; it must be linear, cubic or sinc",
                       name);
    return !name;
}

static struct play read_play(const struct request *r, uint32_t bus, enum interpolation quality)
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
                         .quality = quality,
                         .loop = request_int(r, PARAM_LOOP, request_has(r, PARAM_LOOP_COUNT)),
                         .paused = request_int(r, PARAM_PAUSED, 0)};
}

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
/// loaded is looked at again: it may have changed.
static enum api_error find_or_load(struct control *c, const char *name, uint32_t *sound, struct strbuf *why)
{
    *sound = sound_find(&c->sounds, name);
    const struct sound_entry *e = *sound == SOUND_NONE ? NULL : &c->sounds.entries[*sound];
    if (e && (e->state == SOUND_LOADING || !e->is_cached)) return API_OK;
    enum api_error error = sound_load(&c->sounds, name, name, -1, *sound, sound, why);
    if (!error) c->sounds.entries[*sound].is_cached = true;
    return error;
}

static bool check_play(struct control *c, const struct call *call, uint32_t *bus)
{
    const struct request *r = call->request;
    const char *bus_name = request_text(r, PARAM_BUS, "master");
    *bus = bus_find(&c->buses, bus_name);
    int32_t id = (int32_t)request_int(r, PARAM_ID, -1);
    if (*bus == BUS_NONE) {
        control_refuse(c, call, API_UNKNOWN_BUS, "no bus is called %.64s; /bus/new makes one", bus_name);
    } else if (id >= 0 && voice_find(&c->voices, id) != VOICE_NONE) {
        control_refuse(c, call, API_TAKEN, "voice %d is playing", id);
    } else {
        return true;
    }
    return false;
}

void handle_play(struct control *c, const struct call *call)
{
    const struct request *r = call->request;
    uint32_t bus, sound;
    enum interpolation quality = INTERPOLATION_CUBIC;
    control_drain_events(c); // slots of voices that have ended
    if (!check_play(c, call, &bus) || !read_quality(c, call, &quality)) return;
    uint32_t slot = voice_acquire(&c->voices, (int32_t)request_int(r, PARAM_ID, -1));
    if (slot == VOICE_NONE) {
        control_refuse(c, call, API_REFUSED, "refused voices %u/%u", c->voices.n_used, c->voices.n_slots);
        return;
    }
    struct voice_entry *v = &c->voices.entries[slot];
    v->play = read_play(r, bus, quality);
    voice_set_client(&c->voices, slot, call->client, request_int(r, PARAM_NOTIFY, 0));

    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    const char *name = request_text(r, PARAM_SOUND, "");
    enum api_error error;
    if (*call->fd >= 0) {
        error = find_or_load_handed(c, name, *call->fd, &sound, &why);
        *call->fd = -1;
    } else {
        error = find_or_load(c, name, &sound, &why);
    }
    if (error) {
        voice_release(&c->voices, slot);
        reply_error(&c->replies, call->client, call->path, error, text);
        return;
    }
    v->sound = sound;
    if (c->sounds.entries[sound].state == SOUND_READY)
        start_and_answer(c, slot);
    else
        append_pending(c, sound, slot);
}
