// SPDX-License-Identifier: MIT
// voices_rates_rt.c - voices go on where they are when the engine, or their sound, takes another sample rate.
#include "mixer/voices_parts.h"

/// Output frames over which a voice that will be mixed without interpolation slides to the next whole frame:
/// half a frame at the most, which is 0.2 cents for a tenth of a second. A power of 2.
#define SLIDE_FRAMES 4096

// ---- sliding to a whole frame ----

/// A position between two frames would be interpolated for ever, at the full price and with less treble.
RT_SAFE static void slide(struct voices *v, uint32_t s)
{
    struct kernel_voice *now = &v->voices[s].now;
    struct voice_rate *g = &v->rates[s];
    int32_t off = (int32_t)(uint32_t)now->position; // from the nearest whole frame
    bool is_plain = now->increment == FRAME_ONE && g->to == FRAME_ONE && g->done == g->total;
    if (!is_plain || off == 0) return;
    int32_t rest = off & (SLIDE_FRAMES - 1), step = (off - rest) / SLIDE_FRAMES;
    now->position -=
        rest; // a millionth of a frame, and no whole one lies between: it divides into equal steps
    if (step == 0) return;
    *g = (struct voice_rate){.from = g->to - step, .to = g->to, .total = SLIDE_FRAMES, .slides = true};
    v->voices[s].glides |= GLIDES_RATE;
}

// ---- the engine ----

RT_SAFE static void change_rate(struct voices *v, uint32_t s, struct rate_change change)
{
    struct kernel_ramps *r = &v->ramps[s];
    struct voice_rate *g = &v->rates[s];
    fader_change_rate(&v->faders[s], &r->left, &r->right, change);
    ramp_change_rate(&r->envelope, change);
    ramp_change_rate(&r->tail, change);
    v->fade_out_frames[s] = rate_change_some_frames(change, v->fade_out_frames[s]);
    if (g->slides)
        *g = (struct voice_rate){.to = g->to};
    else if (g->done < g->total) {
        g->total = rate_change_some_frames(change, g->total);
        g->done = rate_change_frames(change, g->done);
    }
    voice_renew_increment(v, s);
    slide(v, s);
    uint32_t rate = (uint32_t)v->voices[s].glides & GLIDES_RATE;
    v->voices[s].glides = (uint8_t)(rate | (v->faders[s].goes_on ? GLIDES_LEVEL : 0));
    v->voices[s].calm_frames = 0;
}

RT_SAFE void voices_change_rate(struct voices *v, struct rate_change change, uint32_t declick_frames)
{
    for (uint32_t s = 0; s < v->n_slots; s++)
        if (voice_is_linked(v, s)) voice_unlink(v, s);
    v->rate = change.to;
    v->declick_frames = declick_frames;
    for (uint32_t s = 0; s < v->n_slots; s++) {
        if (v->state[s] == VOICE_FREE) continue;
        change_rate(v, s, change);
        if (voice_is_linked(v, s)) voice_link(v, s);
    }
}

// ---- a sound ----

struct exchange {
    const struct sound *old, *sound;
    struct rate_change change;
};

RT_SAFE static struct exchange exchange_of(const struct sound *old, const struct sound *sound)
{
    return (struct exchange){old, sound, {old->rate, sound->rate}};
}

/// The ends stay the ends: rounding has made the length of a sound another one than that of any part of it.
RT_SAFE static uint32_t new_frame(const struct exchange *x, uint32_t frame)
{
    uint32_t n_frames = x->sound->n_frames, at = rate_change_frames(x->change, frame);
    return frame == x->old->n_frames || at > n_frames ? n_frames : at;
}

/// From `first` to in front of `end`; one frame stays at the least.
RT_SAFE static void exchange_region(const struct exchange *x, uint32_t *first, uint32_t *end)
{
    *first = new_frame(x, *first);
    *end = new_frame(x, *end);
    if (*first >= x->sound->n_frames) *first = x->sound->n_frames - 1;
    if (*end <= *first) *end = *first + 1;
}

/// Rounding must not put a voice on the other side of its loop's edge.
RT_SAFE static void keep_side(struct voices *v, uint32_t s, bool was_in_loop)
{
    struct kernel_voice *now = &v->voices[s].now;
    if (!v->looping[s] || voice_is_in_loop(v, s) == was_in_loop) return;
    if (was_in_loop)
        voice_wrap(v, s);
    else if (now->increment > 0)
        now->position = v->loop_end[s] * FRAME_ONE;
    else
        now->position = v->loop_start[s] * FRAME_ONE - 1;
}

RT_SAFE static void replace_sound(struct voices *v, uint32_t s, const struct exchange *x)
{
    struct kernel_voice *now = &v->voices[s].now;
    bool was_in_loop = voice_is_in_loop(v, s), moves = voice_is_linked(v, s);
    if (moves) voice_unlink(v, s);
    v->sound[s] = x->sound;
    now->samples[0] = x->sound->channels[0];
    now->samples[1] = x->sound->channels[x->sound->n_channels - 1];
    now->position = rate_change_position(x->change, now->position);
    exchange_region(x, &v->start_frame[s], &v->end_frame[s]);
    if (v->loop_end[s] > 0) exchange_region(x, &v->loop_start[s], &v->loop_end[s]);
    if (v->seek_position[s] >= 0) v->seek_position[s] = rate_change_position(x->change, v->seek_position[s]);
    voice_renew_increment(v, s);
    keep_side(v, s, was_in_loop);
    slide(v, s);
    if (moves) voice_link(v, s);
}

RT_SAFE void voices_replace_sound(struct voices *v, const struct sound *old, const struct sound *sound)
{
    struct exchange x = exchange_of(old, sound);
    for (uint32_t s = 0; s < v->n_slots; s++)
        if (v->state[s] != VOICE_FREE && v->sound[s] == old) replace_sound(v, s, &x);
}

RT_SAFE void voice_start_replace_sound(struct voice_start *start, const struct sound *sound)
{
    struct exchange x = exchange_of(start->sound, sound);
    start->sound = sound;
    start->position = rate_change_position(x.change, start->position);
    exchange_region(&x, &start->start_frame, &start->end_frame);
    if (start->loop_end > 0) exchange_region(&x, &start->loop_start, &start->loop_end);
}
