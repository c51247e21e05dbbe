// SPDX-License-Identifier: MIT
// handle_dump.c - the messages that rebuild the state: sounds, buses, and voices that loop or are held.
#include <string.h>

#include "engine/handlers.h"

static void send_message(struct control *c, struct query *q)
{
    reply_add_item(&c->replies, &q->client);
    q->n_items++;
}

static struct osc_writer *begin(struct control *c, enum method m)
{
    return reply_begin(&c->replies, method_info(m)->path);
}

static void add_key(struct osc_writer *w, enum param p, double value)
{
    osc_add_text(w, param_infos[p].name);
    osc_add_double(w, value);
}

static void add_flag(struct osc_writer *w, enum param p, bool on)
{
    osc_add_text(w, param_infos[p].name);
    osc_add_int(w, on);
}

/// A frame in seconds that come to the same frame again.
static void add_frame(const struct control *c, struct osc_writer *w, enum param p, uint32_t frame)
{
    add_key(w, p, (double)frame / c->rate);
}

// ---- sounds and buses ----

void dump_sound(struct control *c, struct query *q, uint32_t sound)
{
    const struct sound_entry *e = &c->sounds.entries[sound];
    if (!e->is_listed || e->is_cached) return; // what a /play of a path loads, it loads again
    if (!e->path[0]) {
        q->n_left_out++;
        return;
    }
    struct osc_writer *w = begin(c, METHOD_SOUND_LOAD);
    osc_add_text(w, e->name);
    osc_add_text(w, e->path);
    send_message(c, q);
}

void dump_bus(struct control *c, struct query *q, uint32_t bus)
{
    const struct bus_entry *e = &c->buses.entries[bus];
    const struct bus_report *r = bus_report_of(c, bus);
    struct osc_writer *w;
    if (bus != BUS_MASTER) {
        w = begin(c, METHOD_BUS_NEW);
        osc_add_text(w, e->name);
        osc_add_text(w, c->buses.entries[e->parent].name);
        send_message(c, q);
    }
    w = begin(c, METHOD_BUS_SET);
    osc_add_text(w, e->name);
    add_key(w, PARAM_GAIN, (double)r->gain_db);
    add_key(w, PARAM_PAN, (double)r->pan);
    add_flag(w, PARAM_MUTE, r->mute);
    add_flag(w, PARAM_SOLO, r->solo);
    osc_add_text(w, param_infos[PARAM_OUT].name);
    osc_add_int(w, (int32_t)e->out);
    osc_add_text(w, param_infos[PARAM_WIDTH].name);
    osc_add_int(w, (int32_t)e->width);
    send_message(c, q);
}

// ---- voices ----

static bool is_held(const struct voice_report *r)
{
    return r->state == VOICE_CUED || r->state == VOICE_PAUSING || r->state == VOICE_PAUSED;
}

/// True when a name stands for the sound that the voice plays, and a load for that sound.
static bool can_be_rebuilt(const struct control *c, const struct voice_entry *v)
{
    const struct sound_entry *e = &c->sounds.entries[v->sound];
    return e->is_listed && e->path[0];
}

static void add_level(struct osc_writer *w, const struct voice_report *r)
{
    static const char *const qualities[] = {
        [INTERPOLATION_LINEAR] = "linear", [INTERPOLATION_CUBIC] = "cubic", [INTERPOLATION_SINC] = "sinc"};
    add_key(w, PARAM_GAIN, (double)r->gain_db);
    add_key(w, PARAM_PAN, (double)r->pan);
    add_key(w, PARAM_RATE, (double)r->increment / (double)FRAME_ONE);
    osc_add_text(w, param_infos[PARAM_QUALITY].name);
    osc_add_text(w, qualities[r->interpolation]);
}

/// Where it is, where it ends, and its loop, in frames of the sound. The nearest whole frame is taken.
static void add_place(const struct control *c, struct osc_writer *w, const struct voice_entry *v,
                      const struct voice_report *r)
{
    uint32_t n_frames = c->sounds.entries[v->sound].decoded.sound.n_frames;
    struct voice_start s;
    char text[128];
    struct strbuf why = strbuf_make(text, sizeof text);
    if (!voice_place(c, &v->play, n_frames, &s, &why)) return; // it was started, so it can be placed
    int64_t frame = (r->position + FRAME_ONE / 2) / FRAME_ONE;
    if (frame < s.start_frame) frame = s.start_frame;
    if (frame >= s.end_frame) frame = s.end_frame - 1;
    add_frame(c, w, PARAM_START, (uint32_t)frame);
    // An end stands before or behind the start; which one there is depends on the way that the voice goes
    // now.
    if (r->increment > 0 && s.end_frame < n_frames) add_frame(c, w, PARAM_END, s.end_frame);
    if (r->increment < 0 && s.start_frame > 0) add_frame(c, w, PARAM_END, s.start_frame);
    if (s.fade_out_frames > 0) add_frame(c, w, PARAM_FADE_OUT, s.fade_out_frames);
    add_flag(w, PARAM_LOOP, r->looping);
    add_frame(c, w, PARAM_LOOP_START, s.loop_start);
    add_frame(c, w, PARAM_LOOP_END, s.loop_end);
    if (!r->looping || r->passes_left == 0) return;
    osc_add_text(w, param_infos[PARAM_LOOP_COUNT].name);
    osc_add_int(w, (int32_t)r->passes_left);
}

void dump_voice(struct control *c, struct query *q, uint32_t slot, const struct voice_report *r)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    if (r->state == VOICE_STOPPING || (!r->looping && !is_held(r))) return;
    if (!can_be_rebuilt(c, v)) {
        q->n_left_out++;
        return;
    }
    struct osc_writer *w = begin(c, METHOD_PLAY);
    osc_add_text(w, c->sounds.entries[v->sound].name);
    osc_add_text(w, param_infos[PARAM_ID].name);
    voice_add_id(w, v);
    add_level(w, r);
    osc_add_text(w, param_infos[PARAM_BUS].name);
    osc_add_text(w, c->buses.entries[v->play.bus].name);
    add_place(c, w, v, r);
    add_flag(w, PARAM_PAUSED, is_held(r));
    send_message(c, q);
}
