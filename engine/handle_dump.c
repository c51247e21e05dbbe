// SPDX-License-Identifier: MIT
// handle_dump.c - the messages that rebuild the state: sounds, buses, and voices that loop or are held.
#include <math.h>
#include <string.h>

#include "engine/handlers.h"

static bool is_for_journal(const struct query *q)
{
    return q->client.kind == CLIENT_JOURNAL;
}

static void send_message(struct control *c, struct query *q)
{
    if (is_for_journal(q))
        journal_take_message(c);
    else
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
static void add_frame(const struct sound *sound, struct osc_writer *w, enum param p, uint32_t frame)
{
    add_key(w, p, (double)frame / sound->rate);
}

// ---- sounds and buses ----

/// A client's path of a file that it handed over may lead nowhere for the daemon: the journal tries.
static bool can_be_loaded(const struct query *q, const struct sound_entry *e)
{
    return e->path[0] && (!e->is_handed || is_for_journal(q));
}

void dump_sound(struct control *c, struct query *q, uint32_t sound)
{
    const struct sound_entry *e = &c->sounds.entries[sound];
    bool is_needed = e->is_listed && !e->is_cached; // what a /play of a path loads, it loads again
    if (is_for_journal(q)) is_needed = e->is_listed && (!e->is_cached || sound_n_voices(e) > 0);
    if (!is_needed) return;
    if (!can_be_loaded(q, e)) {
        q->n_left_out++;
        return;
    }
    struct osc_writer *w = begin(c, METHOD_SOUND_LOAD);
    osc_add_text(w, e->name);
    osc_add_text(w, e->path);
    send_message(c, q);
}

/// How a bus begins that nobody has changed: what the configuration says of it.
static struct config_bus bus_begins(const struct control *c, uint32_t bus)
{
    const struct bus_entry *e = &c->buses.entries[bus];
    for (uint32_t i = 0; i < c->config->n_bus; i++)
        if (strcmp(c->config->bus[i].name, e->name) == 0) return c->config->bus[i];
    return (struct config_bus){0};
}

static void add_output(struct osc_writer *w, const struct bus_entry *e)
{
    osc_add_text(w, param_infos[PARAM_OUT].name);
    osc_add_int(w, (int32_t)e->out);
    osc_add_text(w, param_infos[PARAM_WIDTH].name);
    osc_add_int(w, (int32_t)e->width);
}

static void send_bus_state(struct control *c, struct query *q, uint32_t bus)
{
    const struct bus_entry *e = &c->buses.entries[bus];
    const struct bus_report *r = bus_report_of(c, bus);
    struct osc_writer *w = begin(c, METHOD_BUS_SET);
    osc_add_text(w, e->name);
    add_key(w, PARAM_GAIN, (double)r->gain_db);
    add_key(w, PARAM_PAN, (double)r->pan);
    add_flag(w, PARAM_MUTE, r->mute);
    add_flag(w, PARAM_SOLO, r->solo);
    add_output(w, e);
    send_message(c, q);
}

/// What differs from how the bus began: what the configuration says is left to it, as it may say something
/// else by then. The output by itself: a device with fewer channels must not keep the levels from being
/// taken.
static void send_bus_changes(struct control *c, struct query *q, uint32_t bus)
{
    const struct bus_entry *e = &c->buses.entries[bus];
    const struct bus_report *r = bus_report_of(c, bus);
    struct config_bus b = bus_begins(c, bus);
    struct osc_writer *w = begin(c, METHOD_BUS_SET);
    osc_add_text(w, e->name);
    size_t n_args = w->n_args;
    if (r->gain_db != b.gain_db) add_key(w, PARAM_GAIN, (double)r->gain_db);
    if (r->pan != b.pan) add_key(w, PARAM_PAN, (double)r->pan);
    if (r->mute != b.mute) add_flag(w, PARAM_MUTE, r->mute);
    if (r->solo) add_flag(w, PARAM_SOLO, r->solo);
    if (w->n_args > n_args) send_message(c, q);
    if (!e->is_output_set) return;
    w = begin(c, METHOD_BUS_SET);
    osc_add_text(w, e->name);
    add_output(w, e);
    send_message(c, q);
}

void dump_bus(struct control *c, struct query *q, uint32_t bus)
{
    const struct bus_entry *e = &c->buses.entries[bus];
    if (bus != BUS_MASTER) {
        struct osc_writer *w = begin(c, METHOD_BUS_NEW);
        osc_add_text(w, e->name);
        osc_add_text(w, c->buses.entries[e->parent].name);
        send_message(c, q);
    }
    if (is_for_journal(q))
        send_bus_changes(c, q, bus);
    else
        send_bus_state(c, q, bus);
}

// ---- voices ----

static bool is_held(const struct voice_report *r)
{
    return r->state == VOICE_CUED || r->state == VOICE_PAUSING || r->state == VOICE_PAUSED;
}

/// True when a name stands for the sound that the voice plays, and a load for that sound.
static bool can_be_rebuilt(const struct control *c, const struct query *q, const struct voice_entry *v)
{
    const struct sound_entry *e = &c->sounds.entries[v->sound];
    return e->is_listed && can_be_loaded(q, e);
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

/// For people the nearest whole frame is taken.
static void add_start(struct control *c, const struct query *q, const struct voice_start *s,
                      const struct voice_report *r)
{
    struct osc_writer *w = &c->replies.writer;
    double frame = (double)r->position / (double)FRAME_ONE;
    if (r->rate != s->sound->rate)
        frame *= (double)s->sound->rate / r->rate; // it was being moved to this one
    if (!is_for_journal(q)) frame = floor(frame + 0.5);
    frame = fmin(fmax(frame, s->start_frame), s->end_frame - 1.0);
    osc_add_text(w, param_infos[PARAM_START].name);
    if (is_for_journal(q) && !is_held(r)) journal_note_motion(c);
    osc_add_double(w, frame / s->sound->rate);
}

/// Where it is, where it ends, and its loop, in frames of the sound.
static void add_place(struct control *c, const struct query *q, const struct voice_entry *v,
                      const struct voice_report *r)
{
    struct osc_writer *w = &c->replies.writer;
    const struct sound *sound = &c->sounds.entries[v->sound].decoded.sound;
    struct voice_start s = {.sound = sound};
    char text[128];
    struct strbuf why = strbuf_make(text, sizeof text);
    if (!voice_place(c, &v->play, sound, &s, &why)) return; // it was started, so it can be placed
    add_start(c, q, &s, r);
    // An end stands before or behind the start; which one there is depends on the way that the voice goes
    // now.
    if (r->increment > 0 && s.end_frame < sound->n_frames) add_frame(sound, w, PARAM_END, s.end_frame);
    if (r->increment < 0 && s.start_frame > 0) add_frame(sound, w, PARAM_END, s.start_frame);
    if (s.fade_out_frames > 0) add_key(w, PARAM_FADE_OUT, (double)s.fade_out_frames / c->rate);
    add_flag(w, PARAM_LOOP, r->looping);
    add_frame(sound, w, PARAM_LOOP_START, s.loop_start);
    add_frame(sound, w, PARAM_LOOP_END, s.loop_end);
    if (!r->looping || r->passes_left == 0) return;
    osc_add_text(w, param_infos[PARAM_LOOP_COUNT].name);
    osc_add_int(w, (int32_t)r->passes_left);
}

void dump_voice(struct control *c, struct query *q, uint32_t slot, const struct voice_report *r)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    if (r->state == VOICE_STOPPING || (!r->looping && !is_held(r))) return;
    if (!can_be_rebuilt(c, q, v)) {
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
    add_place(c, q, v, r);
    add_flag(w, PARAM_PAUSED, is_held(r));
    send_message(c, q);
}
