// SPDX-License-Identifier: MIT
// voices_rt.c - starts, changes and renders voices.
#include <assert.h>
#include <string.h>

#include "mixer/kernel.h"
#include "mixer/voices.h"

// ---- commands ----

RT_SAFE static uint32_t declick_at_least(const struct voices *v, uint32_t frames)
{
    return frames > v->declick_frames ? frames : v->declick_frames;
}

RT_SAFE static void set_envelope(struct voices *v, uint32_t slot, float to, uint32_t fade_frames)
{
    ramp_set(&v->envelope[slot], to, declick_at_least(v, fade_frames));
}

/// Shortens the way to silence; never makes it longer.
RT_SAFE static void hasten(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    const struct ramp *envelope = &v->envelope[slot];
    if (declick_at_least(v, fade_frames) < envelope->total - envelope->done)
        set_envelope(v, slot, 0.0f, fade_frames);
}

RT_SAFE void voices_start(struct voices *v, uint32_t slot, const struct voice_start *start)
{
    assert(v->state[slot] == VOICE_FREE);
    v->sound[slot] = start->sound;
    v->position[slot] = start->position;
    v->increment[slot] = start->increment;
    v->left[slot] = (struct ramp){.to = start->level.left};
    v->right[slot] = (struct ramp){.to = start->level.right};
    v->start_frame[slot] = start->start_frame;
    v->end_frame[slot] = start->end_frame;
    v->loop_start[slot] = start->loop_start;
    v->loop_end[slot] = start->loop_end;
    v->passes_left[slot] = start->loop_count;
    v->looping[slot] = start->looping && start->loop_count != 1;
    v->wrapped[slot] = false;
    v->fade_out_frames[slot] = start->fade_out_frames;
    v->seek_position[slot] = -1;
    v->bus[slot] = start->bus;

    v->state[slot] = start->paused ? VOICE_CUED : VOICE_PLAYING;
    v->envelope[slot] = (struct ramp){.to = 0.0f};
    v->tail[slot] = (struct ramp){.to = 1.0f};
    if (!start->paused) ramp_set(&v->envelope[slot], 1.0f, start->fade_in_frames);

    v->active[v->n_active++] = slot;
}

RT_SAFE void voices_stop(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    switch (v->state[slot]) {
    case VOICE_FREE: return;
    case VOICE_CUED:
    case VOICE_PAUSED: break; // silent already
    case VOICE_STOPPING: hasten(v, slot, fade_frames); return;
    default: set_envelope(v, slot, 0.0f, fade_frames); break;
    }
    v->state[slot] = VOICE_STOPPING;
}

RT_SAFE void voices_pause(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    if (v->state[slot] != VOICE_PLAYING && v->state[slot] != VOICE_SEEKING) return;
    v->state[slot] = VOICE_PAUSING;
    set_envelope(v, slot, 0.0f, fade_frames);
}

RT_SAFE void voices_resume(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    switch (v->state[slot]) {
    case VOICE_CUED:
        v->state[slot] = VOICE_PLAYING;
        ramp_set(&v->envelope[slot], 1.0f, fade_frames);
        return;
    case VOICE_PAUSING:
        if (v->seek_position[slot] >= 0) { // the jump that waits for silence comes first
            v->state[slot] = VOICE_SEEKING;
            hasten(v, slot, 0);
            return;
        }
        break;
    case VOICE_PAUSED: break;
    default: return;
    }
    v->state[slot] = VOICE_PLAYING;
    set_envelope(v, slot, 1.0f, fade_frames);
}

/// In silence.
RT_SAFE static void jump(struct voices *v, uint32_t slot, int64_t position)
{
    v->position[slot] = position;
    v->seek_position[slot] = -1;
    v->wrapped[slot] = false;
    v->tail[slot] = (struct ramp){.to = 1.0f};
}

RT_SAFE void voices_seek(struct voices *v, uint32_t slot, int64_t position)
{
    switch (v->state[slot]) {
    case VOICE_FREE:
    case VOICE_STOPPING: return;
    case VOICE_CUED:
    case VOICE_PAUSED: jump(v, slot, position); return;
    case VOICE_PLAYING:
        v->state[slot] = VOICE_SEEKING;
        set_envelope(v, slot, 0.0f, 0);
        break;
    default: break; // already on the way to silence
    }
    v->seek_position[slot] = position;
}

RT_SAFE void voices_set_level(struct voices *v, uint32_t slot, const struct level *level)
{
    if (v->state[slot] == VOICE_FREE) return;
    uint32_t n = declick_at_least(v, level->ramp_frames);
    ramp_set(&v->left[slot], level->left, n);
    ramp_set(&v->right[slot], level->right, n);
}

RT_SAFE void voices_leave_loop(struct voices *v, uint32_t slot)
{
    if (v->state[slot] != VOICE_FREE) v->looping[slot] = false;
}

RT_SAFE void voices_loop(struct voices *v, uint32_t slot)
{
    if (v->state[slot] == VOICE_FREE || v->loop_end[slot] == 0) return;
    v->looping[slot] = true;
    v->passes_left[slot] = 0;
}

// ---- where a voice is in its sound ----

/// A stretch of frames that one kernel call renders.
struct run {
    uint32_t n_frames;
    enum { RUN_WHOLE, RUN_CUBIC, RUN_SEAM } kind;
};

RT_SAFE static int64_t at_frame(uint32_t frame)
{
    return (int64_t)frame << 32;
}

/// True while the voice moves towards the end of its loop, or is inside.
RT_SAFE static bool is_in_loop(const struct voices *v, uint32_t s)
{
    if (!v->looping[s]) return false;
    return v->increment[s] > 0 ? v->position[s] < at_frame(v->loop_end[s])
                               : v->position[s] >= at_frame(v->loop_start[s]);
}

/// Output frames that fit before `position` leaves the side of `edge` that it is on: forward it leaves by
/// reaching the edge, in reverse by falling below it. 0 when it has left.
RT_SAFE static int64_t frames_before(int64_t position, int64_t increment, int64_t edge)
{
    int64_t distance = increment > 0 ? edge - position : position - edge + 1;
    int64_t step = increment > 0 ? increment : -increment;
    return distance <= 0 ? 0 : (distance + step - 1) / step;
}

/// Output frames before the end of the loop pass or, outside of loops, of the voice.
RT_SAFE static int64_t frames_before_edge(const struct voices *v, uint32_t s, bool in_loop)
{
    uint32_t edge = v->increment[s] > 0 ? (in_loop ? v->loop_end[s] : v->end_frame[s])
                                        : (in_loop ? v->loop_start[s] : v->start_frame[s]);
    return frames_before(v->position[s], v->increment[s], at_frame(edge));
}

/// True when a tap of the cubic (one frame below, two above) lies across the loop's seam: ahead while the
/// voice loops, behind when it has come around.
RT_SAFE static bool is_at_seam(const struct voices *v, uint32_t s)
{
    int64_t frame = v->position[s] >> 32, first = v->loop_start[s], last = (int64_t)v->loop_end[s] - 1;
    bool forward = v->increment[s] > 0;
    bool below = frame >= first && frame - 1 < first && (forward ? v->wrapped[s] : v->looping[s]);
    bool above = frame <= last && frame + 2 > last && (forward ? v->looping[s] : v->wrapped[s]);
    return below || above;
}

/// The next stretch of at most `max` frames whose taps all lie on the same side of the seam.
RT_SAFE static struct run next_run(const struct voices *v, uint32_t s, bool in_loop, uint32_t max)
{
    int64_t position = v->position[s], increment = v->increment[s];
    if (increment == FRAME_ONE && (uint32_t)position == 0) return (struct run){max, RUN_WHOLE};
    if ((v->looping[s] || v->wrapped[s]) && is_at_seam(v, s)) return (struct run){1, RUN_SEAM};
    if (!in_loop) return (struct run){max, RUN_CUBIC};

    // The first frame whose taps reach over the seam ahead.
    int64_t edge = increment > 0 ? (int64_t)v->loop_end[s] - 2 : (int64_t)v->loop_start[s] + 1;
    int64_t n = frames_before(position, increment, edge * FRAME_ONE);
    return (struct run){n < max ? (uint32_t)n : max, RUN_CUBIC};
}

/// The frame that a tap at `frame` reads, folded into the loop where it lies across the seam.
RT_SAFE static int64_t tap_frame(const struct voices *v, uint32_t s, int64_t frame)
{
    int64_t start = v->loop_start[s], end = v->loop_end[s], length = end - start;
    bool forward = v->increment[s] > 0;
    if (frame >= end && (forward ? v->looping[s] : v->wrapped[s])) return start + (frame - start) % length;
    if (frame < start && (forward ? v->wrapped[s] : v->looping[s]))
        return end - 1 - (start - 1 - frame) % length;
    return frame;
}

RT_SAFE static void read_seam(const struct voices *v, uint32_t s, uint32_t channel, float *out)
{
    const struct sound *sound = v->sound[s];
    const char *samples = sound->channels[channel];
    int64_t bytes = sound->format == SAMPLE_S16 ? 2 : 4;
    float taps[4];
    for (int i = 0; i < 4; i++) {
        int64_t frame = tap_frame(v, s, (v->position[s] >> 32) + i - 1);
        kernel_read(&taps[i], samples + frame * bytes, sound->format, 1);
    }
    kernel_read_cubic(out, taps + 1, SAMPLE_F32, v->position[s] & (FRAME_ONE - 1), 0, 1);
}

RT_SAFE static void read_run(const struct voices *v, uint32_t s, struct run run, uint32_t channel, float *out)
{
    const struct sound *sound = v->sound[s];
    int64_t position = v->position[s];
    switch (run.kind) {
    case RUN_WHOLE: {
        int64_t bytes = sound->format == SAMPLE_S16 ? 2 : 4;
        kernel_read(out, (const char *)sound->channels[channel] + (position >> 32) * bytes, sound->format,
                    run.n_frames);
        return;
    }
    case RUN_CUBIC:
        kernel_read_cubic(out, sound->channels[channel], sound->format, position, v->increment[s],
                          run.n_frames);
        return;
    case RUN_SEAM: read_seam(v, s, channel, out); return;
    }
}

/// At the end of a pass: back by as many passes as it went beyond, which is more than one in short loops at
/// high rates. The last pass loops no more.
RT_SAFE static void wrap(struct voices *v, uint32_t s)
{
    int64_t start = at_frame(v->loop_start[s]), end = at_frame(v->loop_end[s]), length = end - start;
    bool forward = v->increment[s] > 0;
    int64_t beyond = forward ? v->position[s] - end : start - 1 - v->position[s];
    int64_t n = beyond / length + 1, most = (int64_t)v->passes_left[s] - 1;
    if (v->passes_left[s] > 0) {
        n = n < most ? n : most;
        v->passes_left[s] -= (uint32_t)n;
        v->looping[s] = v->passes_left[s] > 1;
    }
    v->position[s] += forward ? -n * length : n * length;
    v->wrapped[s] = true;
}

// ---- rendering ----

/// The seam that lay ahead lies behind, and the end that a fade-out was to meet is the other one.
RT_SAFE static void turn_round(struct voices *v, uint32_t s)
{
    bool inside = v->position[s] >= at_frame(v->loop_start[s]) && v->position[s] < at_frame(v->loop_end[s]);
    v->wrapped[s] = v->looping[s] && inside;
    if (v->tail[s].to == 0.0f) ramp_set(&v->tail[s], 1.0f, v->declick_frames);
}

RT_SAFE void voices_set_increment(struct voices *v, uint32_t slot, int64_t increment)
{
    if (v->state[slot] == VOICE_FREE) return;
    bool turns = (increment > 0) != (v->increment[slot] > 0);
    v->increment[slot] = increment;
    if (turns) {
        turn_round(v, slot);
    } else if (v->tail[slot].to == 0.0f) { // a fade-out that is under way meets the end at the new rate
        int64_t left = frames_before_edge(v, slot, false);
        ramp_set(&v->tail[slot], 0.0f, left < UINT32_MAX ? (uint32_t)left : UINT32_MAX);
    }
}

RT_SAFE static void mix_run(struct voices *v, uint32_t s, struct run run, float *left, float *right)
{
    float samples[SOUND_MAX_CHANNELS][BLOCK_FRAMES];
    uint32_t n_channels = v->sound[s]->n_channels, n = run.n_frames;
    for (uint32_t c = 0; c < n_channels; c++)
        read_run(v, s, run, c, samples[c]);
    const float *in_right = samples[n_channels - 1];

    struct ramp *l = &v->left[s], *r = &v->right[s], *envelope = &v->envelope[s], *tail = &v->tail[s];
    if (ramp_is_steady(l) && ramp_is_steady(r) && ramp_is_steady(envelope) && ramp_is_steady(tail)) {
        float gain = envelope->to * tail->to;
        kernel_mix(left, samples[0], gain * l->to, n);
        kernel_mix(right, in_right, gain * r->to, n);
        return;
    }
    float gains_left[BLOCK_FRAMES], gains_right[BLOCK_FRAMES];
    for (uint32_t i = 0; i < n; i++)
        gains_left[i] = 1.0f;
    ramp_multiply(envelope, gains_left, n);
    ramp_multiply(tail, gains_left, n);
    memcpy(gains_right, gains_left, n * sizeof gains_left[0]);
    ramp_multiply(l, gains_left, n);
    ramp_multiply(r, gains_right, n);
    kernel_mix_ramped(left, samples[0], gains_left, n);
    kernel_mix_ramped(right, in_right, gains_right, n);
    ramp_advance(l, n);
    ramp_advance(r, n);
    ramp_advance(envelope, n);
    ramp_advance(tail, n);
}

/// Begins the fade-out when its time has come, and takes it back in a loop; else says how many frames may
/// pass before that. 1 to `max`.
RT_SAFE static uint32_t approach_fade_out(struct voices *v, uint32_t s, bool in_loop, int64_t left,
                                          uint32_t max)
{
    struct ramp *tail = &v->tail[s];
    bool has_begun = tail->to == 0.0f;
    if (in_loop && has_begun) ramp_set(tail, 1.0f, v->declick_frames);
    if (in_loop || has_begun || v->fade_out_frames[s] == 0) return max;
    int64_t before = left - v->fade_out_frames[s];
    if (before > 0) return before < max ? (uint32_t)before : max;
    ramp_set(tail, 0.0f, (uint32_t)left);
    return max;
}

RT_SAFE static void end_voice(struct voices *v, uint32_t slot, enum voice_end why)
{
    v->state[slot] = VOICE_FREE;
    v->ended[v->n_ended] = slot;
    v->ended_why[v->n_ended++] = (uint8_t)why;
}

/// Does what the envelope was on its way to. True when the voice goes on sounding.
RT_SAFE static bool arrive(struct voices *v, uint32_t s)
{
    if (!ramp_is_steady(&v->envelope[s])) return true;
    switch (v->state[s]) {
    case VOICE_PLAYING: return true;
    case VOICE_STOPPING: end_voice(v, s, VOICE_END_STOPPED); return false;
    case VOICE_PAUSING:
        v->state[s] = VOICE_PAUSED;
        if (v->seek_position[s] >= 0) jump(v, s, v->seek_position[s]);
        return false;
    case VOICE_SEEKING:
        jump(v, s, v->seek_position[s]);
        v->state[s] = VOICE_PLAYING;
        set_envelope(v, s, 1.0f, 0);
        return true;
    default: return false; // cued or paused
    }
}

/// Ends within `n_frames` runs: each takes at least one frame, but for at most one loop wrap in between.
RT_SAFE static void render_voice(struct voices *v, uint32_t s, float *left, float *right, uint32_t n_frames)
{
    uint32_t done = 0;
    while (done < n_frames && arrive(v, s)) {
        bool in_loop = is_in_loop(v, s);
        int64_t before_edge = frames_before_edge(v, s, in_loop);
        if (before_edge == 0) {
            end_voice(v, s, VOICE_END_FINISHED);
            return;
        }
        uint32_t max = approach_fade_out(v, s, in_loop, before_edge, n_frames - done);
        const struct ramp *envelope = &v->envelope[s];
        if (!ramp_is_steady(envelope) && envelope->total - envelope->done < max)
            max = envelope->total - envelope->done;
        if (before_edge < max) max = (uint32_t)before_edge;

        struct run run = next_run(v, s, in_loop, max);
        mix_run(v, s, run, left + done, right + done);
        v->position[s] += v->increment[s] * run.n_frames;
        done += run.n_frames;
        if (in_loop && run.n_frames == before_edge) wrap(v, s);
    }
}

RT_SAFE void voices_render(struct voices *v, float *const *planes, uint32_t n_frames)
{
    assert(n_frames > 0 && n_frames <= BLOCK_FRAMES);
    // The order is kept when a voice ends: rounding then does not depend on how the frames were cut.
    uint32_t n_kept = 0;
    for (uint32_t i = 0; i < v->n_active; i++) {
        uint32_t slot = v->active[i], bus = v->bus[slot];
        render_voice(v, slot, planes[2 * bus], planes[2 * bus + 1], n_frames);
        if (v->state[slot] != VOICE_FREE) v->active[n_kept++] = slot;
    }
    v->n_active = n_kept;
}
