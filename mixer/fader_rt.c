// SPDX-License-Identifier: MIT
// fader_rt.c - the ways of gain, pan and mute, and the straight pieces that they are cut into.
#include <math.h> // sqrtf(), which is an instruction

#include "mixer/fader.h"
#include "mixer/numeric.h"

RT_SAFE double curve_way(uint8_t curve, double done, double total)
{
    double t = done / total;
    if (curve != CURVE_S) return t;
    double sine = numeric_sine(t);
    return sine * sine; // is (1 - cos) / 2
}

// ---- one way ----

RT_SAFE static void glide_set(struct glide *g, float from, float to, uint32_t n_frames, uint8_t curve)
{
    *g = (struct glide){.from = from, .to = to, .total = n_frames, .curve = curve};
}

RT_SAFE static uint32_t glide_left(const struct glide *g)
{
    return g->total - g->done;
}

RT_SAFE static void glide_advance(struct glide *g, uint32_t n_frames)
{
    g->done += n_frames < glide_left(g) ? n_frames : glide_left(g);
}

/// Its value `ahead` frames from here.
RT_SAFE static float glide_at(const struct glide *g, uint32_t ahead)
{
    if (ahead >= glide_left(g)) return g->to;
    double way = curve_way(g->curve, (double)g->done + (double)ahead, (double)g->total);
    return (float)((double)g->from + ((double)g->to - (double)g->from) * way);
}

// ---- all together ----

/// Linear gain `ahead` frames from here, without pan and mute.
RT_SAFE static float amplitude_at(const struct fader *f, uint32_t ahead)
{
    const struct glide *g = &f->ways.gain;
    if (ahead >= glide_left(g)) return f->gain_lin;
    float value = glide_at(g, ahead);
    return g->curve == CURVE_DB ? gain_from_db(value) : g->curve == CURVE_POWER ? sqrtf(value) : value;
}

RT_SAFE static struct level level_at(const struct fader *f, uint32_t ahead)
{
    float gain = amplitude_at(f, ahead) * glide_at(&f->ways.gate, ahead);
    bool is_there = ahead >= glide_left(&f->ways.pan);
    struct level law = is_there ? f->law : pan_law(glide_at(&f->ways.pan, ahead), f->is_mono);
    return (struct level){gain * law.left, gain * law.right};
}

/// Frames of the next piece; 0: nothing moves. Sets `goes_on`.
RT_SAFE static uint32_t next_piece(struct fader *f)
{
    const struct glide *const ways[] = {&f->ways.gain, &f->ways.pan, &f->ways.gate};
    uint32_t n_moving = 0, nearest = INT32_MAX, farthest = 0, longest = 0;
    bool is_straight = true;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t left = glide_left(ways[i]);
        if (left == 0) continue;
        n_moving++;
        if (left < nearest) nearest = left;
        if (left > farthest) farthest = left;
        if (ways[i]->total > longest) longest = ways[i]->total;
        is_straight = is_straight && ways[i]->curve == CURVE_LINEAR;
    }
    bool is_alone = n_moving == 1 && glide_left(&f->ways.pan) == 0;
    uint32_t n = n_moving == 0 ? 0 : nearest;
    if (!(is_straight && (is_alone || longest <= FADER_BRIEF_FRAMES)) && n > CURVE_PIECE_FRAMES)
        n = CURVE_PIECE_FRAMES;
    f->goes_on = farthest > n;
    return n;
}

RT_SAFE static void begin_piece(struct fader *f, struct ramp *left, struct ramp *right)
{
    uint32_t n = next_piece(f);
    struct level level = level_at(f, n);
    ramp_set(left, level.left, n);
    ramp_set(right, level.right, n);
}

/// Leaves the present piece behind, as far as it has come.
RT_SAFE static void leave_piece(struct fader *f, const struct ramp *left)
{
    glide_advance(&f->ways.gain, left->done);
    glide_advance(&f->ways.pan, left->done);
    glide_advance(&f->ways.gate, left->done);
}

RT_SAFE void fader_init(struct fader *f, struct ramp *left, struct ramp *right, float gain_db, float pan,
                        bool is_mono)
{
    *f = (struct fader){.gain_db = gain_db,
                        .pan = pan,
                        .gain_lin = gain_from_db(gain_db),
                        .law = pan_law(pan, is_mono),
                        .ways.pan.to = pan,
                        .ways.gate.to = 1.0f,
                        .is_mono = is_mono,
                        .is_open = true};
    begin_piece(f, left, right);
}

RT_SAFE static float in_range(double value, float least, float most)
{
    float x = (float)value;
    return !(x > least) ? least : x > most ? most : x; // what is no number is the least
}

RT_SAFE static float floor_below(float db)
{
    return db < FADER_FLOOR_DB ? db : FADER_FLOOR_DB;
}

RT_SAFE void fader_set_gain(struct fader *f, struct ramp *left, struct ramp *right,
                            const struct change *change, uint32_t n_frames)
{
    leave_piece(f, left);
    float from = amplitude_at(f, 0);
    double base = change->relative ? (double)f->gain_db : 0.0;
    f->gain_db = in_range(base + change->value, FADER_MIN_DB, FADER_MAX_DB);
    float to = f->gain_lin = gain_from_db(f->gain_db);
    if (change->curve == CURVE_DB) {
        float from_db = gain_to_db(from), to_db = f->gain_db;
        if (to == 0.0f) to_db = floor_below(from_db);
        if (from_db <= FADER_MIN_DB) from_db = floor_below(to_db);
        from = from_db;
        to = to_db;
    } else if (change->curve == CURVE_POWER) {
        from *= from;
        to *= to;
    }
    glide_set(&f->ways.gain, from, to, n_frames, change->curve);
    begin_piece(f, left, right);
}

/// Curves that belong to gains are LINEAR for all else.
RT_SAFE static uint8_t plain_curve(uint8_t curve)
{
    return curve == CURVE_S ? CURVE_S : CURVE_LINEAR;
}

RT_SAFE void fader_set_pan(struct fader *f, struct ramp *left, struct ramp *right,
                           const struct change *change, uint32_t n_frames)
{
    leave_piece(f, left);
    float from = glide_at(&f->ways.pan, 0);
    double base = change->relative ? (double)f->pan : 0.0;
    f->pan = in_range(base + change->value, -1.0f, 1.0f);
    f->law = pan_law(f->pan, f->is_mono);
    glide_set(&f->ways.pan, from, f->pan, n_frames, plain_curve(change->curve));
    begin_piece(f, left, right);
}

RT_SAFE void fader_set_open(struct fader *f, struct ramp *left, struct ramp *right, bool is_open,
                            uint32_t n_frames)
{
    leave_piece(f, left);
    f->is_open = is_open;
    glide_set(&f->ways.gate, glide_at(&f->ways.gate, 0), is_open ? 1.0f : 0.0f, n_frames, CURVE_LINEAR);
    begin_piece(f, left, right);
}

RT_SAFE static void glide_change_rate(struct glide *g, struct rate_change change)
{
    if (glide_left(g) == 0) return;
    g->total = rate_change_some_frames(change, g->total);
    g->done = rate_change_frames(change, g->done);
    if (g->done >= g->total) g->done = g->total - 1;
}

RT_SAFE void fader_change_rate(struct fader *f, struct ramp *left, struct ramp *right,
                               struct rate_change change)
{
    leave_piece(f, left);
    glide_change_rate(&f->ways.gain, change);
    glide_change_rate(&f->ways.pan, change);
    glide_change_rate(&f->ways.gate, change);
    begin_piece(f, left, right);
}

RT_SAFE void fader_next(struct fader *f, struct ramp *left, struct ramp *right)
{
    leave_piece(f, left);
    begin_piece(f, left, right);
}
