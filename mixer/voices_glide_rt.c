// SPDX-License-Identifier: MIT
// voices_glide_rt.c - gain, pan and rate of voices: changes at once, along curves, and relative ones.
#include "mixer/voices_parts.h"

#define MIN_RATE 0.06 // of either sign
#define MAX_RATE 16.0

// ---- level ----

/// What is held is silent: it takes any change as it is.
RT_SAFE static uint32_t level_frames(const struct voices *v, uint32_t s, const struct change *change)
{
    return voice_is_linked(v, s) ? voice_declick_at_least(v, change->ramp_frames) : change->ramp_frames;
}

/// Takes note of what the fader will do next.
RT_SAFE static void follow_fader(struct voices *v, uint32_t s)
{
    struct voice *voice = &v->voices[s];
    uint32_t others = voice->glides & ~(uint32_t)GLIDES_LEVEL;
    voice->glides = (uint8_t)(others | (v->faders[s].goes_on ? GLIDES_LEVEL : 0));
    voice->calm_frames = 0;
}

RT_SAFE void voices_set_gain(struct voices *v, uint32_t s, const struct change *change)
{
    if (v->state[s] == VOICE_FREE) return;
    struct kernel_ramps *r = &v->ramps[s];
    fader_set_gain(&v->faders[s], &r->left, &r->right, change, level_frames(v, s, change));
    follow_fader(v, s);
}

RT_SAFE void voices_set_pan(struct voices *v, uint32_t s, const struct change *change)
{
    if (v->state[s] == VOICE_FREE) return;
    struct kernel_ramps *r = &v->ramps[s];
    fader_set_pan(&v->faders[s], &r->left, &r->right, change, level_frames(v, s, change));
    follow_fader(v, s);
}

// ---- rate ----

RT_SAFE static int64_t increment_of(double rate)
{
    double x = rate * (double)FRAME_ONE;
    return (int64_t)(x < 0 ? x - 0.5 : x + 0.5);
}

/// In range; `forward` says which one.
RT_SAFE static double rate_in_range(double rate, bool forward)
{
    double speed = forward ? rate : -rate;
    speed = !(speed > MIN_RATE) ? MIN_RATE : speed > MAX_RATE ? MAX_RATE : speed;
    return forward ? speed : -speed;
}

RT_SAFE static int64_t rate_target(const struct voice_rate *g, const struct change *change)
{
    if (!change->relative) return increment_of(rate_in_range(change->value, change->value >= 0.0));
    double base = (double)g->to / (double)FRAME_ONE;
    return increment_of(rate_in_range(base + change->value, g->to > 0));
}

/// The speed that the curve has reached after `done` frames. Never 0, which has no direction.
RT_SAFE static int64_t rate_at(const struct voice_rate *g, double done)
{
    if (done >= (double)g->total) return g->to;
    if (g->slides) return g->from;
    double x = (double)(g->to - g->from) * curve_way(g->curve, done, (double)g->total);
    int64_t increment = g->from + (int64_t)(x < 0 ? x - 0.5 : x + 0.5);
    return increment != 0 ? increment : g->from > 0 ? 1 : -1;
}

RT_SAFE int64_t voice_increment(const struct voices *v, const struct sound *sound, int64_t speed)
{
    if (sound->rate == v->rate || sound->rate == 0) return speed;
    const int64_t most = (int64_t)MAX_RATE * FRAME_ONE; // kernels read no further
    int64_t increment = speed * sound->rate / v->rate;  // below 2^55 before it is divided
    if (increment == 0) return speed > 0 ? 1 : -1;
    return increment > most ? most : increment < -most ? -most : increment;
}

RT_SAFE static void set_speed(struct voices *v, uint32_t s, int64_t speed)
{
    struct kernel_voice *now = &v->voices[s].now;
    int64_t increment = voice_increment(v, v->sound[s], speed);
    struct ramp *tail = &v->ramps[s].tail;
    bool turns = (increment > 0) != (now->increment > 0);
    now->increment = increment;
    now->bank = sinc_bank_for(v->sinc, increment);
    v->voices[s].calm_frames = 0;
    if (turns) {
        voice_turn_round(v, s);
    } else if (tail->to == 0.0f) { // a fade-out that is under way meets the end at the new rate
        int64_t left = voice_frames_before_edge(v, s, false);
        ramp_set(tail, 0.0f, left < UINT32_MAX ? (uint32_t)left : UINT32_MAX);
    }
}

RT_SAFE void voices_set_rate(struct voices *v, uint32_t s, const struct change *change)
{
    if (v->state[s] == VOICE_FREE) return;
    struct voice_rate *g = &v->rates[s];
    bool moves = voice_is_linked(v, s);
    if (moves) voice_unlink(v, s);
    *g = (struct voice_rate){.from = rate_at(g, (double)g->done),
                             .to = rate_target(g, change),
                             .total = change->ramp_frames,
                             .curve = change->curve};
    if (g->total == 0)
        set_speed(v, s, g->to); // a way that was under way ends with the next block
    else
        v->voices[s].glides |= GLIDES_RATE;
    if (moves) voice_link(v, s);
}

RT_SAFE void voice_renew_increment(struct voices *v, uint32_t s)
{
    const struct voice_rate *g = &v->rates[s];
    set_speed(v, s, rate_at(g, (double)g->done));
}

// ---- the hooks of rendering ----

/// Frames before the rate takes its next step: 1 to CURVE_PIECE_FRAMES.
RT_SAFE static uint32_t frames_of_step(const struct voice_rate *g)
{
    uint32_t left = g->total - g->done, piece = CURVE_PIECE_FRAMES - g->done % CURVE_PIECE_FRAMES;
    return left < piece ? left : piece;
}

RT_SAFE static void glide_rate(struct voices *v, uint32_t s)
{
    const struct voice_rate *g = &v->rates[s];
    if (g->done == g->total) {
        v->voices[s].glides = (uint8_t)(v->voices[s].glides & ~(uint32_t)GLIDES_RATE);
        set_speed(v, s, g->to);
    } else if (g->done % CURVE_PIECE_FRAMES == 0) {
        set_speed(v, s, rate_at(g, (double)g->done + 0.5 * (double)frames_of_step(g)));
    }
}

RT_SAFE void voice_glide(struct voices *v, uint32_t s)
{
    struct voice *voice = &v->voices[s];
    if (voice->glides == 0) return;
    struct kernel_ramps *r = &v->ramps[s];
    if (voice->glides & GLIDES_LEVEL && ramp_is_steady(&r->left)) {
        fader_next(&v->faders[s], &r->left, &r->right);
        follow_fader(v, s);
    }
    if (voice->glides & GLIDES_RATE) glide_rate(v, s);
}

RT_SAFE uint32_t voice_frames_before_piece(const struct voices *v, uint32_t s)
{
    uint32_t glides = v->voices[s].glides, n = UINT32_MAX;
    if (glides & GLIDES_LEVEL) n = v->ramps[s].left.total - v->ramps[s].left.done;
    if (glides & GLIDES_RATE && frames_of_step(&v->rates[s]) < n) n = frames_of_step(&v->rates[s]);
    return n;
}

RT_SAFE void voice_rate_advance(struct voices *v, uint32_t s, uint32_t n_frames)
{
    if (v->voices[s].glides & GLIDES_RATE) v->rates[s].done += n_frames;
}

// ---- reports ----

RT_SAFE void voices_report(const struct voices *v, uint32_t s, struct voice_report *report)
{
    *report = (struct voice_report){.state = v->state[s]};
    if (report->state == VOICE_FREE) return;
    report->position = v->voices[s].now.position;
    report->rate = v->sound[s]->rate;
    report->increment = v->rates[s].to;
    report->gain_db = v->faders[s].gain_db;
    report->pan = v->faders[s].pan;
    report->passes_left = v->passes_left[s];
    report->looping = v->looping[s];
    report->interpolation = v->interpolation[s];
}
