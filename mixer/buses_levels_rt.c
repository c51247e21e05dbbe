// SPDX-License-Identifier: MIT
// buses_levels_rt.c - gain, pan, mute and solo of buses, and the end of all sound.
#include "mixer/buses_parts.h"

RT_SAFE static uint32_t ramp_of(const struct buses *b, uint32_t bus, uint32_t ramp_frames)
{
    bool is_short = ramp_frames < b->declick_frames;
    return is_short && b->switches[bus].has_sounded ? b->declick_frames : ramp_frames;
}

RT_SAFE void buses_set_gain(struct buses *b, uint32_t bus, const struct change *change)
{
    fader_set_gain(&b->faders[bus], &b->left[bus], &b->right[bus], change,
                   ramp_of(b, bus, change->ramp_frames));
}

RT_SAFE void buses_set_pan(struct buses *b, uint32_t bus, const struct change *change)
{
    fader_set_pan(&b->faders[bus], &b->left[bus], &b->right[bus], change,
                  ramp_of(b, bus, change->ramp_frames));
}

// ---- mute and solo ----

/// Marks the buses that are soloed, or lie above or below one that is: once through the tree from its leaves,
/// and once from its root.
RT_SAFE static void mark_heard_in_solo(struct buses *b)
{
    const struct bus_graph *g = b->graph;
    struct bus_switches *s = b->switches;
    for (uint32_t bus = 0; bus < g->n_buses; bus++)
        s[bus].is_above_solo = s[bus].solo;
    for (uint32_t i = 0; i + 1 < g->n_buses; i++) { // the last one is master
        uint32_t bus = g->order[i];
        s[g->parent[bus]].is_above_solo |= s[bus].is_above_solo;
    }
    for (uint32_t i = g->n_buses; i-- > 0;) {
        uint32_t bus = g->order[i];
        s[bus].is_below_solo = s[bus].solo || (bus != BUS_MASTER && s[g->parent[bus]].is_below_solo);
    }
}

/// Opens and shuts what mutes and solos have changed.
RT_SAFE static void update_silenced(struct buses *b, uint32_t ramp_frames)
{
    mark_heard_in_solo(b);
    bool any_solo = b->switches[BUS_MASTER].is_above_solo;
    for (uint32_t bus = 0; bus < b->graph->n_buses; bus++) {
        struct bus_switches *s = &b->switches[bus];
        s->is_silenced = s->mute || (any_solo && !s->is_below_solo && !s->is_above_solo);
        bool is_open = !s->is_silenced && !(b->is_faded_out && b->graph->out[bus] != 0);
        if (is_open != b->faders[bus].is_open)
            fader_set_open(&b->faders[bus], &b->left[bus], &b->right[bus], is_open,
                           ramp_of(b, bus, ramp_frames));
    }
}

RT_SAFE const struct bus_graph *buses_set_graph(struct buses *b, const struct bus_graph *graph)
{
    const struct bus_graph *old = b->graph;
    b->graph = graph;
    update_silenced(b, 0);
    return old;
}

RT_SAFE void buses_set_mute(struct buses *b, uint32_t bus, bool on, uint32_t ramp_frames)
{
    b->switches[bus].mute = on;
    update_silenced(b, ramp_frames);
}

RT_SAFE void buses_set_solo(struct buses *b, uint32_t bus, bool on, uint32_t ramp_frames)
{
    b->switches[bus].solo = on;
    update_silenced(b, ramp_frames);
}

RT_SAFE void buses_fade_out(struct buses *b, uint32_t ramp_frames)
{
    b->is_faded_out = true;
    update_silenced(b, ramp_frames);
}

RT_SAFE void buses_change_rate(struct buses *b, struct rate_change change, uint32_t window_frames,
                               uint32_t declick_frames)
{
    for (uint32_t bus = 0; bus < b->max_buses; bus++)
        fader_change_rate(&b->faders[bus], &b->left[bus], &b->right[bus], change);
    b->window_frames = window_frames;
    b->declick_frames = declick_frames;
}

// ---- rendering ----

RT_SAFE static void multiply(const struct ramp *gain, float *plane, uint32_t n_frames)
{
    uint32_t left = gain->total - gain->done;
    for (uint32_t i = 0; i < n_frames; i++)
        plane[i] *= i < left ? gain->from + gain->step * (float)(gain->done + i) : gain->to;
}

RT_SAFE void bus_glide(struct buses *b, uint32_t bus, float *left, float *right, uint32_t n_frames)
{
    struct ramp *l = &b->left[bus], *r = &b->right[bus];
    struct fader *f = &b->faders[bus];
    for (uint32_t done = 0; done < n_frames;) { // pieces have one frame at least
        uint32_t n = n_frames - done, piece = l->total - l->done;
        if (f->goes_on && piece < n) n = piece;
        if (left) multiply(l, left + done, n);
        if (right) multiply(r, right + done, n);
        ramp_advance(l, n);
        ramp_advance(r, n);
        done += n;
        if (f->goes_on && ramp_is_steady(l)) fader_next(f, l, r);
    }
}

// ---- reports ----

RT_SAFE void buses_report(const struct buses *b, uint32_t bus, struct bus_report *report)
{
    const struct bus_switches *s = &b->switches[bus];
    *report = (struct bus_report){.meter = b->meters[bus],
                                  .gain_db = b->faders[bus].gain_db,
                                  .pan = b->faders[bus].pan,
                                  .mute = s->mute,
                                  .solo = s->solo,
                                  .is_silenced = s->is_silenced};
}
