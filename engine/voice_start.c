// SPDX-License-Identifier: MIT
// voice_start.c - what /play asked for, turned into a command that starts a voice.
#include <math.h>

#include "engine/handlers.h"

/// Seconds of a sound to a frame of it: `otherwise` when not given, the end of the sound at the most.
static uint32_t frame_of(const struct sound *sound, double seconds, uint32_t otherwise)
{
    if (seconds < 0) return otherwise;
    double frame = round(seconds * sound->rate);
    return frame < sound->n_frames ? (uint32_t)frame : sound->n_frames;
}

bool voice_place(const struct control *c, const struct play *p, const struct sound *sound,
                 struct voice_start *s, struct strbuf *why)
{
    bool forward = p->rate > 0;
    uint32_t n_frames = sound->n_frames;
    uint32_t begin = frame_of(sound, p->start, forward ? 0 : n_frames - 1);
    uint32_t stop = frame_of(sound, p->end, forward ? n_frames : 0);
    if (begin >= n_frames) {
        strbuf_format(why, "start is behind the end of the sound (%.3f s)", (double)n_frames / sound->rate);
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
    s->loop_start = frame_of(sound, p->loop_start, s->start_frame);
    s->loop_end = frame_of(sound, p->loop_end, s->end_frame);
    if (s->loop_end > s->end_frame) s->loop_end = s->end_frame;
    if (s->loop_end <= s->loop_start) {
        strbuf_append(why, "loop_end is not behind loop_start");
        return false;
    }
    bool is_cut = p->end >= 0 && (forward ? stop < n_frames : stop > 0);
    s->fade_out_frames = p->fade_out >= 0 ? control_frames(c, p->fade_out) : is_cut ? c->declick_frames : 0;
    return true;
}

bool voice_start_command(struct control *c, uint32_t slot, struct command *command, struct strbuf *why)
{
    const struct voice_entry *v = &c->voices.entries[slot];
    const struct sound *sound = sound_lent(&c->sounds.entries[v->sound]);
    *command = (struct command){.type = COMMAND_VOICE_START, .slot = slot, .generation = v->generation};
    command->start = (struct voice_start){.sound = sound,
                                          .increment = (int64_t)llround(v->play.rate * (double)FRAME_ONE),
                                          .gain_db = v->play.gain_db,
                                          .pan = v->play.pan,
                                          .loop_count = v->play.loop_count,
                                          .fade_in_frames = control_frames(c, v->play.fade),
                                          .bus = v->play.bus,
                                          .interpolation = (enum interpolation)v->play.quality,
                                          .looping = v->play.loop,
                                          .paused = v->play.paused};
    return voice_place(c, &v->play, sound, &command->start, why);
}

void voice_has_sound(struct control *c, uint32_t slot, enum voice_slot_state state)
{
    struct voice_entry *v = &c->voices.entries[slot];
    sound_acquire(&c->sounds, v->sound);
    v->state = (uint8_t)state;
    c->voices.n_started++;
}
