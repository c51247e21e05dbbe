// SPDX-License-Identifier: MIT
// pending.c - voices that wait for their sound to be loaded: each /play is answered when it has been.
#include "engine/handlers.h"

void pending_append(struct control *c, uint32_t sound, uint32_t slot)
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

static uint32_t take_first(struct control *c, uint32_t sound)
{
    struct sound_entry *e = &c->sounds.entries[sound];
    uint32_t slot = e->first_pending;
    if (slot != SOUND_NONE) e->first_pending = c->voices.entries[slot].next_pending;
    return slot;
}

/// Its /play comes to nothing, and the slot is free again.
static void fail(struct control *c, uint32_t slot, enum api_error error, const char *text)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    if (v->is_cancelled) {
        error = API_CANCELLED;
        text = "stopped before its sound was loaded";
    }
    answer_error(c, &v->client, v->request_id, METHOD_PLAY, error, text);
    voice_release(&c->voices, slot);
}

static void start(struct control *c, uint32_t slot)
{
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    struct command command;
    const struct voice_entry *v = &c->voices.entries[slot];
    if (v->is_cancelled || !voice_start_command(c, slot, &command, &why)) {
        fail(c, slot, API_OUT_OF_RANGE, text);
        return;
    }
    if (!control_push(c, &command)) {
        fail(c, slot, API_FULL, "the audio thread has not taken the commands before it; try again");
        return;
    }
    voice_has_sound(c, slot, SLOT_LIVE);
    voice_add_id(answer_begin(c, METHOD_PLAY), v);
    answer_send(c, &v->client, v->request_id);
}

void start_pending_voices(struct control *c, uint32_t sound)
{
    for (uint32_t slot; (slot = take_first(c, sound)) != VOICE_NONE;)
        start(c, slot);
}

void fail_pending_voices(struct control *c, uint32_t sound, enum api_error error, const char *text)
{
    for (uint32_t slot; (slot = take_first(c, sound)) != VOICE_NONE;)
        fail(c, slot, error, text);
}

void move_pending_voices(struct control *c, uint32_t from, uint32_t to)
{
    for (uint32_t slot; (slot = take_first(c, from)) != VOICE_NONE;)
        pending_append(c, to, slot);
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
    v->is_cancelled = true;
    fail(c, slot, API_CANCELLED, "");
}
