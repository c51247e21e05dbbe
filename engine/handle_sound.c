// SPDX-License-Identifier: MIT
// handle_sound.c - loads, unloads and lists sounds.
#include <stdio.h>
#include <string.h>

#include "engine/handlers.h"

// ---- /sound/load ----

void handle_sound_load(struct control *c, const struct call *call)
{
    const char *name = request_text(call->request, PARAM_NAME, "");
    const char *path = request_text(call->request, PARAM_PATH, "");
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    uint32_t sound;
    int fd = *call->fd;
    *call->fd = -1;
    enum api_error error = sound_load(&c->sounds, name, path, fd, SOUND_NONE, &sound, &why);
    if (error) {
        control_refuse(c, call, error, "%s", text);
        return;
    }
    struct sound_entry *e = &c->sounds.entries[sound];
    e->client = *call->client;
    snprintf(e->request_id, sizeof e->request_id, "%s", call->request->id);
    control_answered_by_load(c, call, sound);
}

void drop_load(struct control *c, uint32_t sound)
{
    struct sound_entry *e = &c->sounds.entries[sound];
    e->client = (struct client){.kind = CLIENT_NONE};
    // A voice of another client may have come to wait for it; and what was waited for may be there.
    if (e->state == SOUND_READY)
        sound_unlist(&c->sounds, sound);
    else if (e->state == SOUND_LOADING && e->is_listed && e->first_pending == SOUND_NONE)
        sound_drop(&c->sounds, sound);
}

// ---- when a load has ended ----

static void answer_loaded(struct control *c, const struct sound_entry *e)
{
    if (e->client.kind == CLIENT_NONE) return;
    struct osc_writer *w = answer_begin(c, METHOD_SOUND_LOAD);
    osc_add_text(w, e->name);
    osc_add_int(w, (int32_t)e->decoded.sound.n_channels);
    osc_add_int(w, (int32_t)e->decoded.sound.n_frames);
    osc_add_int(w, (int32_t)e->decoded.sound.rate);
    answer_send(c, &e->client, e->request_id);
}

/// A word that is neither a loaded sound nor a file is more likely to be a misspelt name than a path.
static void name_unknown_sound(const struct sound_entry *e, struct load *load)
{
    if (load->error != API_NOT_FOUND || !e->is_cached || strchr(e->name, '/')) return;
    load->error = API_UNKNOWN_SOUND;
    snprintf(load->reason, LOAD_REASON_BYTES,
             "no sound is called %.200s, and no allowed folder holds such a file; /sound/list tells which "
             "there are",
             e->name);
}

static void load_failed(struct control *c, uint32_t sound, struct load *load)
{
    const struct sound_entry *e = &c->sounds.entries[sound];
    log_fields(LOG_LEVEL_WARNING, LOG_WITH({"CHIMED_SOUND", e->name}), "sound %s is not loaded: %s", e->name,
               load->reason);
    if (e->client.kind != CLIENT_NONE)
        answer_error(c, &e->client, e->request_id, METHOD_SOUND_LOAD, load->error, load->reason);
    name_unknown_sound(e, load);
    fail_pending_voices(c, sound, load->error, load->reason);
    holds_load_failed(&c->holds, sound, load->error, load->reason);
    sound_forget(&c->sounds, sound);
}

/// The file is what it was: the voices take the sound that is there. When that has gone meanwhile, or another
/// one has taken its name, the file is loaded after all.
static void load_unchanged(struct control *c, uint32_t sound, struct load *load)
{
    uint32_t ready = sound_find_file(&c->sounds, c->sounds.entries[sound].name, &load->id);
    if (ready != SOUND_NONE && c->sounds.entries[ready].state == SOUND_READY) {
        move_pending_voices(c, sound, ready);
        sound_forget(&c->sounds, sound);
        start_pending_voices(c, ready);
        return;
    }
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    uint32_t again;
    int fd = load->fd; // still open
    load->fd = -1;
    enum api_error error =
        sound_load(&c->sounds, c->sounds.entries[sound].name, load->path, fd, SOUND_NONE, &again, &why);
    if (error) {
        fail_pending_voices(c, sound, error, text);
    } else {
        c->sounds.entries[again].is_cached = true;
        move_pending_voices(c, sound, again);
    }
    sound_forget(&c->sounds, sound);
}

void finish_load(struct control *c, uint32_t sound, struct load *load)
{
    bool is_dropped = c->sounds.entries[sound].is_dropped;
    if (load->error == API_REFUSED && !is_dropped && sound_retry_load(&c->sounds, sound, load)) return;
    if (is_dropped) {
        if (!load->error) c->sounds.entries[sound].decoded = load->decoded; // freed with the entry
        sound_forget(&c->sounds, sound);
    } else if (load->error) {
        load_failed(c, sound, load);
    } else if (load->unchanged) {
        load_unchanged(c, sound, load);
    } else {
        sound_publish(&c->sounds, sound, load);
        c->journal.n_changes++;
        if (load->engine_rate != c->rate) resample_want(c);
        answer_loaded(c, &c->sounds.entries[sound]);
        start_pending_voices(c, sound);
    }
    sound_release_load(&c->sounds, load);
}

// ---- /sound/unload ----

/// Fades the voices of a sound, or lets them finish. False when the command queue is full: then nothing is
/// done.
static bool release_voices(struct control *c, uint32_t sound, const struct call *call)
{
    if (request_has(call->request, PARAM_FADE)) {
        struct fade fade = {.frames = control_frames(c, request_float(call->request, PARAM_FADE, 0)),
                            .bus = BUS_ANY,
                            .sound = sound_lent(&c->sounds.entries[sound]),
                            .serial = c->sounds.entries[sound].decoded.sound.serial};
        return control_push(c, &(struct command){.type = COMMAND_VOICE_STOP, .slot = SLOT_ALL, .fade = fade});
    }
    if (!control_has_room(c, sound_n_voices(&c->sounds.entries[sound]))) return false;
    for (uint32_t slot = 0; slot < c->voices.n_slots; slot++) {
        const struct voice_entry *v = &c->voices.entries[slot];
        if (v->state != SLOT_LIVE || v->sound != sound) continue;
        struct command command = {
            .type = COMMAND_VOICE_LEAVE_LOOP, .slot = slot, .generation = v->generation};
        if (!control_push(c, &command)) return false;
    }
    return true;
}

/// The sound that a call unloads; SOUND_NONE when it has been refused.
static uint32_t find_loaded(struct control *c, const struct call *call, const char *name)
{
    uint32_t sound = sound_find(&c->sounds, name);
    const struct sound_entry *e = &c->sounds.entries[sound != SOUND_NONE ? sound : 0];
    if (sound == SOUND_NONE)
        control_refuse(c, call, API_UNKNOWN_SOUND,
                       "no sound is called %.300s; /sound/list tells which there are", name);
    else if (e->state == SOUND_LOADING)
        control_refuse(c, call, API_UNKNOWN_SOUND, "%.300s is still being loaded; /sync waits for that",
                       name);
    else if (e->is_leaving)
        control_refuse(c, call, API_UNKNOWN_SOUND, "%.300s is unloaded by an earlier message of the bundle",
                       name);
    else
        return sound;
    return SOUND_NONE;
}

static void undo_leaving(struct control *c, uint32_t sound, uint64_t old)
{
    c->sounds.entries[sound].is_leaving = (bool)old;
}

void check_sound_unload(struct control *c, const struct call *call)
{
    uint32_t sound = find_loaded(c, call, request_text(call->request, PARAM_NAME, ""));
    if (sound == SOUND_NONE) return;
    struct sound_entry *e = &c->sounds.entries[sound];
    if (!control_reserve(c, call, request_has(call->request, PARAM_FADE) ? 1 : sound_n_voices(e))) return;
    e->is_leaving = true;
    control_undo_later(c, undo_leaving, sound, false);
}

void handle_sound_unload(struct control *c, const struct call *call)
{
    const char *name = request_text(call->request, PARAM_NAME, "");
    uint32_t listed = sound_find(&c->sounds, name);
    if (listed != SOUND_NONE) c->sounds.entries[listed].is_leaving = false; // its check has said so
    uint32_t sound = find_loaded(c, call, name);
    if (sound == SOUND_NONE) return;
    uint32_t n_voices = sound_n_voices(&c->sounds.entries[sound]);
    if (!release_voices(c, sound, call)) {
        control_refuse_full(c, call);
        return;
    }
    sound_unlist(&c->sounds, sound);
    c->journal.n_changes++;
    struct osc_writer *w = call_answer(c, call);
    osc_add_text(w, name);
    osc_add_int(w, (int32_t)n_voices);
    call_send(c, call);
}

// ---- /sound/list ----

void sound_send_info(struct control *c, uint32_t sound, const struct client *to)
{
    const struct sound_entry *e = &c->sounds.entries[sound];
    const char *state = e->state == SOUND_LOADING ? "loading" : !e->is_listed ? "unloading" : "ready";
    struct osc_writer *w = reply_begin(&c->replies, "/sound/info");
    osc_add_text(w, e->name);
    osc_add_int(w, (int32_t)e->decoded.sound.n_channels);
    osc_add_int(w, (int32_t)e->decoded.sound.n_frames);
    osc_add_int(w, (int32_t)(e->state == SOUND_READY ? e->decoded.sound.rate : c->rate));
    osc_add_text(w, e->decoded.sound.format == SAMPLE_S16 ? "s16" : "f32");
    osc_add_long(w, (int64_t)e->decoded.bytes);
    osc_add_int(w, (int32_t)sound_n_voices(e));
    osc_add_text(w, state);
    osc_add_int(w, (int32_t)e->decoded.source_rate);
    reply_add_item(&c->replies, to);
}
