// SPDX-License-Identifier: MIT
// voices_edge_rt.c - where a voice is in its sound: ends, loop points, and the seam between two passes.
#include <string.h>

#include "mixer/voices_parts.h"

RT_SAFE static int64_t at_frame(uint32_t frame)
{
    return (int64_t)frame << 32;
}

RT_SAFE enum interpolation voice_interpolation(const struct voices *v, uint32_t s)
{
    const struct kernel_voice *now = &v->voices[s].now;
    bool unity = now->increment == FRAME_ONE && (uint32_t)now->position == 0;
    return unity ? INTERPOLATION_UNITY : (enum interpolation)v->interpolation[s];
}

RT_SAFE bool voice_is_in_loop(const struct voices *v, uint32_t s)
{
    const struct kernel_voice *now = &v->voices[s].now;
    if (!v->looping[s]) return false;
    return now->increment > 0 ? now->position < at_frame(v->loop_end[s])
                              : now->position >= at_frame(v->loop_start[s]);
}

/// Output frames that fit before `position` leaves the side of `edge` that it is on: forward it leaves by
/// reaching the edge, in reverse by falling below it. 0 when it has left.
RT_SAFE static int64_t frames_before(int64_t position, int64_t increment, int64_t edge)
{
    int64_t distance = increment > 0 ? edge - position : position - edge + 1;
    int64_t step = increment > 0 ? increment : -increment;
    return distance <= 0 ? 0 : (distance + step - 1) / step;
}

RT_SAFE int64_t voice_frames_before_edge(const struct voices *v, uint32_t s, bool in_loop)
{
    const struct kernel_voice *now = &v->voices[s].now;
    uint32_t edge = now->increment > 0 ? (in_loop ? v->loop_end[s] : v->end_frame[s])
                                       : (in_loop ? v->loop_start[s] : v->start_frame[s]);
    return frames_before(now->position, now->increment, at_frame(edge));
}

/// Frames that the interpolation reads below and above the one that it is at.
struct reach {
    int64_t below, above;
};

RT_SAFE static struct reach reach_of(const struct voices *v, uint32_t s)
{
    int64_t half = v->voices[s].now.bank->n_taps / 2;
    switch (voice_interpolation(v, s)) {
    case INTERPOLATION_LINEAR: return (struct reach){0, 1};
    case INTERPOLATION_CUBIC: return (struct reach){1, 2};
    case INTERPOLATION_SINC: return (struct reach){half - 1, half};
    default: return (struct reach){0, 0};
    }
}

/// True when a tap lies across the loop's seam: ahead while the voice loops, behind when it has come around.
RT_SAFE static bool is_at_seam(const struct voices *v, uint32_t s, struct reach reach)
{
    const struct kernel_voice *now = &v->voices[s].now;
    int64_t frame = now->position >> 32, first = v->loop_start[s], last = (int64_t)v->loop_end[s] - 1;
    bool forward = now->increment > 0;
    bool below =
        frame >= first && frame - reach.below < first && (forward ? v->passes_over[s] > 0 : v->looping[s]);
    bool above =
        frame <= last && frame + reach.above > last && (forward ? v->looping[s] : v->passes_over[s] > 0);
    return below || above;
}

RT_SAFE int64_t voice_frames_before_seam(const struct voices *v, uint32_t s, bool in_loop)
{
    const struct kernel_voice *now = &v->voices[s].now;
    struct reach reach = reach_of(v, s);
    if (reach.above == 0 || !(v->looping[s] || v->passes_over[s] > 0)) return INT64_MAX;
    if (is_at_seam(v, s, reach)) return 0;
    if (!in_loop) return INT64_MAX;
    // The first frame whose taps reach over the seam ahead.
    int64_t edge = now->increment > 0 ? v->loop_end[s] - reach.above : v->loop_start[s] + reach.below;
    return frames_before(now->position, now->increment, edge * FRAME_ONE);
}

/// A voice is done with one block before the next voice is: when it is among them, it is the last one.
RT_SAFE static void report_loop(struct voices *v, uint32_t s)
{
    if (!v->report_loops || v->n_looped == v->n_slots) return;
    if (v->n_looped == 0 || v->looped[v->n_looped - 1] != s) v->looped[v->n_looped++] = s;
}

RT_SAFE void voice_wrap(struct voices *v, uint32_t s)
{
    struct kernel_voice *now = &v->voices[s].now;
    int64_t start = at_frame(v->loop_start[s]), end = at_frame(v->loop_end[s]), length = end - start;
    bool forward = now->increment > 0;
    int64_t beyond = forward ? now->position - end : start - 1 - now->position;
    int64_t n = beyond / length + 1, most = (int64_t)v->passes_left[s] - 1;
    if (v->passes_left[s] > 0) {
        n = n < most ? n : most;
        v->passes_left[s] -= (uint32_t)n;
        v->looping[s] = v->passes_left[s] > 1;
    }
    now->position += forward ? -n * length : n * length;
    uint64_t over = v->passes_over[s] + (uint64_t)n;
    v->passes_over[s] = over < UINT32_MAX ? (uint32_t)over : UINT32_MAX;
    report_loop(v, s);
}

RT_SAFE void voice_turn_round(struct voices *v, uint32_t s)
{
    int64_t position = v->voices[s].now.position;
    bool inside = position >= at_frame(v->loop_start[s]) && position < at_frame(v->loop_end[s]);
    v->passes_over[s] = v->looping[s] && inside ? UINT32_MAX : 0;
    struct ramp *tail = &v->ramps[s].tail;
    if (tail->to == 0.0f) ramp_set(tail, 1.0f, v->declick_frames);
}

// ---- the window over the seam ----

/// The frame that a tap at `frame` reads: inside the loop as often as passes lie ahead or behind, and beyond
/// them what comes after the last one, or came before the first.
RT_SAFE static int64_t tap_frame(const struct voices *v, uint32_t s, int64_t frame)
{
    int64_t start = v->loop_start[s], end = v->loop_end[s], length = end - start;
    int64_t left = v->passes_left[s], endless = INT64_C(1) << 31; // more than taps can reach
    int64_t ahead = !v->looping[s] ? 0 : left > 0 ? left - 1 : endless, behind = v->passes_over[s];
    bool forward = v->voices[s].now.increment > 0;
    if (frame >= end) {
        int64_t passes = forward ? ahead : behind, wanted = (frame - end) / length + 1;
        return frame - (wanted < passes ? wanted : passes) * length;
    }
    if (frame < start) {
        int64_t passes = forward ? behind : ahead, wanted = (start - 1 - frame) / length + 1;
        return frame + (wanted < passes ? wanted : passes) * length;
    }
    return frame;
}

RT_SAFE void voice_open_window(const struct voices *v, uint32_t s, uint32_t n_frames, struct window *w,
                               struct kernel_voice *out)
{
    const struct sound *sound = v->sound[s];
    const struct kernel_voice *now = &v->voices[s].now;
    struct reach reach = reach_of(v, s);
    int64_t begin = now->position >> 32, end = (now->position + (n_frames - 1) * now->increment) >> 32;
    int64_t first = (begin < end ? begin : end) - reach.below,
            last = (begin < end ? end : begin) + reach.above;
    // Kernels read past the taps; what stands there does not matter.
    memset(w, 0, sizeof *w);
    for (int64_t frame = first; frame <= last; frame++) {
        int64_t from = tap_frame(v, s, frame), at = frame - first + KERNEL_SLACK_FRAMES;
        for (uint32_t c = 0; c < sound->n_channels; c++) {
            if (sound->format == SAMPLE_S16)
                ((int16_t *)w->samples[c])[at] = ((const int16_t *)sound->channels[c])[from];
            else
                w->samples[c][at] = ((const float *)sound->channels[c])[from];
        }
    }
    *out = *now;
    out->position = now->position - first * FRAME_ONE;
    for (uint32_t c = 0; c < SOUND_MAX_CHANNELS; c++) {
        const float *samples = w->samples[c < sound->n_channels ? c : 0];
        out->samples[c] = sound->format == SAMPLE_S16
                              ? (const void *)((const int16_t *)samples + KERNEL_SLACK_FRAMES)
                              : samples + KERNEL_SLACK_FRAMES;
    }
}
