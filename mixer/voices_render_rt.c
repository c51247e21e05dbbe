// SPDX-License-Identifier: MIT
// voices_render_rt.c - mixes all voices of a block: the calm ones many at a time, the others with care.
#include <assert.h>

#include "mixer/voices.h"
#include "mixer/voices_parts.h"

// ---- with care: a voice to which something happens in this block ----

RT_SAFE static bool is_steady(const struct kernel_ramps *r)
{
    return ramp_is_steady(&r->left) && ramp_is_steady(&r->right) && ramp_is_steady(&r->envelope) &&
           ramp_is_steady(&r->tail);
}

/// The gains of a voice whose ramps are steady, rounded as those of a moving one are.
RT_SAFE static void hold_gains(const struct kernel_ramps *r, struct kernel_voice *now)
{
    float both = r->envelope.to * r->tail.to;
    now->left = both * r->left.to;
    now->right = both * r->right.to;
}

/// Frames before the next ramp arrives; UINT32_MAX when none moves.
RT_SAFE static uint32_t frames_before_arrival(const struct kernel_ramps *r)
{
    const struct ramp *const ramps[] = {&r->left, &r->right, &r->envelope, &r->tail};
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < COUNT_OF(ramps); i++) {
        uint32_t left = ramps[i]->total - ramps[i]->done;
        if (left > 0 && left < least) least = left;
    }
    return least;
}

/// True when all that the voice could add is zero, now and until a ramp begins.
RT_SAFE static bool is_silent(const struct kernel_ramps *r)
{
    bool is_shut = r->envelope.to * r->tail.to == 0.0f || (r->left.to == 0.0f && r->right.to == 0.0f);
    return is_shut && is_steady(r);
}

/// Mixes with the gains that the voice has now, and moves the ramps on.
RT_SAFE static void mix(struct voices *v, uint32_t s, uint32_t kernel, struct kernel_voice *now, float *left,
                        float *right, uint32_t n_frames)
{
    struct kernel_ramps *r = &v->ramps[s];
    if (!is_steady(r)) {
        v->kernels->mix_ramped[kernel](left, right, &now, &r, 1, n_frames);
        return;
    }
    hold_gains(r, now);
    v->kernels->mix[kernel](left, right, &now, 1, n_frames);
}

/// Renders at most `max` frames, as many as one kernel can; returns how many.
RT_SAFE static uint32_t mix_run(struct voices *v, uint32_t s, bool in_loop, float *left, float *right,
                                uint32_t max)
{
    const struct sound *sound = v->sound[s];
    struct kernel_voice *now = &v->voices[s].now;
    uint32_t kernel = kernel_index(sound->format, sound->n_channels, voice_interpolation(v, s));
    if (is_silent(&v->ramps[s])) {
        now->position += now->increment * max;
        return max;
    }
    int64_t before_seam = voice_frames_before_seam(v, s, in_loop);
    if (before_seam > 0) {
        uint32_t n = before_seam < max ? (uint32_t)before_seam : max;
        mix(v, s, kernel, now, left, right, n);
        return n;
    }
    struct scratch_mark mark = scratch_begin(v->scratch);
    struct window *window = SCRATCH_PUSH(v->scratch, struct window, 1);
    assert(window); // as above
    struct kernel_voice through;
    uint32_t n = max < WINDOW_OUT_FRAMES ? max : WINDOW_OUT_FRAMES;
    voice_open_window(v, s, n, window, &through);
    mix(v, s, kernel, &through, left, right, n);
    scratch_end(v->scratch, mark);
    now->position += now->increment * n;
    return n;
}

/// Begins the fade-out when its time has come, and takes it back in a loop; else says how many frames may
/// pass before that. 1 to `max`.
RT_SAFE static uint32_t approach_fade_out(struct voices *v, uint32_t s, bool in_loop, int64_t left,
                                          uint32_t max)
{
    struct ramp *tail = &v->ramps[s].tail;
    bool has_begun = tail->to == 0.0f;
    if (in_loop && has_begun) ramp_set(tail, 1.0f, v->declick_frames);
    if (in_loop || has_begun || v->fade_out_frames[s] == 0) return max;
    int64_t before = left - v->fade_out_frames[s];
    if (before > 0) return before < max ? (uint32_t)before : max;
    ramp_set(tail, 0.0f, (uint32_t)left);
    return max;
}

/// Does what the envelope was on its way to. True when the voice goes on sounding.
RT_SAFE static bool arrive(struct voices *v, uint32_t s)
{
    if (!ramp_is_steady(&v->ramps[s].envelope)) return true;
    switch (v->state[s]) {
    case VOICE_PLAYING: return true;
    case VOICE_STOPPING: voice_end(v, s, VOICE_END_STOPPED); return false;
    case VOICE_PAUSING:
        voice_hold(v, s);
        if (v->seek_position[s] >= 0) voice_jump(v, s, v->seek_position[s]);
        return false;
    case VOICE_SEEKING:
        voice_jump(v, s, v->seek_position[s]);
        v->state[s] = VOICE_PLAYING;
        voice_fade(v, s, 1.0f, 0);
        return true;
    default: return false; // held: not in any list
    }
}

RT_SAFE static enum voice_calm calm_of(const struct kernel_ramps *r)
{
    return !is_steady(r) ? VOICE_RAMPING : is_silent(r) ? VOICE_SILENT : VOICE_STEADY;
}

/// Finds out for how long the voice needs no more care.
RT_SAFE static void settle(struct voices *v, uint32_t s)
{
    struct voice *voice = &v->voices[s];
    const struct ramp *envelope = &v->ramps[s].envelope;
    bool in_loop = voice_is_in_loop(v, s);
    int64_t before_edge = voice_frames_before_edge(v, s, in_loop), calm = before_edge - 1;
    int64_t before_seam = voice_frames_before_seam(v, s, in_loop);
    if (before_seam < calm) calm = before_seam;
    if (v->state[s] != VOICE_PLAYING) {
        int64_t left = envelope->total - envelope->done;
        if (left < calm) calm = left;
    }
    if (v->fade_out_frames[s] > 0) {
        bool has_begun = v->ramps[s].tail.to == 0.0f;
        int64_t left = in_loop     ? (has_begun ? 0 : calm)
                       : has_begun ? calm
                                   : before_edge - v->fade_out_frames[s];
        if (left < calm) calm = left;
    }
    uint32_t before_piece = voice_frames_before_piece(v, s);
    if (v->voices[s].glides & GLIDES_RATE) before_piece = 0; // care moves it on
    if (before_piece < calm) calm = before_piece;
    uint32_t before_arrival = frames_before_arrival(&v->ramps[s]);
    if (before_arrival < calm) calm = before_arrival;
    voice->calm_frames = calm <= 0 ? 0 : calm < UINT32_MAX ? (uint32_t)calm : UINT32_MAX;
    voice->kernel =
        (uint8_t)kernel_index(v->sound[s]->format, v->sound[s]->n_channels, voice_interpolation(v, s));
    voice->calm = (uint8_t)calm_of(&v->ramps[s]);
    if (voice->calm == VOICE_STEADY) hold_gains(&v->ramps[s], &voice->now);
}

/// Ends within `n_frames` runs: each takes at least one frame, but for at most one loop wrap in between.
RT_SAFE static void render_with_care(struct voices *v, uint32_t s, float *left, float *right,
                                     uint32_t n_frames)
{
    for (uint32_t done = 0; done < n_frames;) {
        if (!arrive(v, s)) return;
        voice_glide(v, s);
        bool in_loop = voice_is_in_loop(v, s);
        int64_t before_edge = voice_frames_before_edge(v, s, in_loop);
        if (before_edge == 0) {
            voice_end(v, s, VOICE_END_FINISHED);
            return;
        }
        uint32_t max = approach_fade_out(v, s, in_loop, before_edge, n_frames - done);
        uint32_t before_arrival = frames_before_arrival(&v->ramps[s]);
        if (before_arrival < max) max = before_arrival;
        if (before_edge < max) max = (uint32_t)before_edge;
        uint32_t before_piece = voice_frames_before_piece(v, s);
        if (before_piece < max) max = before_piece;

        uint32_t n = mix_run(v, s, in_loop, left + done, right + done, max);
        done += n;
        if (in_loop && n == before_edge) voice_wrap(v, s);
        voice_rate_advance(v, s, n);
    }
    settle(v, s);
}

// ---- calm voices ----

/// Voices that are mixed in one pass over the bus.
#define BATCH 8
/// How many voices ahead the samples are called for: memory answers in the time that these take.
#define AHEAD 24
/// Cache lines that are called for, at the most; a block at rate 1 of float samples is 5.
#define MAX_LINES_AHEAD 17

/// Inlined always: gcc takes a function that does nothing but prefetch for one that does nothing.
#define INLINED static inline __attribute__((always_inline))

/// From the line of one address to that of the other; both are called for whatever lies between.
RT_SAFE INLINED void call_for_lines(const char *one, const char *other)
{
    __builtin_prefetch(one);
    __builtin_prefetch(other);
    ptrdiff_t bytes = other - one; // negative in reverse
    if (bytes <= CACHE_LINE && bytes >= -CACHE_LINE) return;
    const char *first = bytes > 0 ? one : other;
    if (bytes < 0) bytes = -bytes;
    if (bytes > MAX_LINES_AHEAD * CACHE_LINE) bytes = MAX_LINES_AHEAD * CACHE_LINE;
    for (ptrdiff_t at = CACHE_LINE; at < bytes; at += CACHE_LINE)
        __builtin_prefetch(first + at);
}

RT_SAFE INLINED void call_ahead(const struct voices *v, uint32_t s, uint32_t n_frames)
{
    const struct voice *voice = &v->voices[s];
    if (voice->calm == VOICE_SILENT) return;
    const char *ramps = (const char *)&v->ramps[s];
    if (voice->calm == VOICE_RAMPING) call_for_lines(ramps, ramps + sizeof v->ramps[s] - 1);
    uint32_t width_log2 = voice->kernel < N_KERNELS / 2 ? 1 : 2; // kernel_index() begins with the format
    ptrdiff_t first = (voice->now.position >> 32) * (1 << width_log2);
    ptrdiff_t last = ((voice->now.position + voice->now.increment * n_frames) >> 32) * (1 << width_log2);
    const char *left = voice->now.samples[0], *right = voice->now.samples[1];
    call_for_lines(left + first, left + last);
    if (right != left) call_for_lines(right + first, right + last);
}

/// Voices of one bus that wait to be mixed by the same kernel, all with or all without ramps: one after the
/// other, as the group has them.
struct batch {
    struct kernel_voice *voices[BATCH];
    struct kernel_ramps *ramps[BATCH];
    uint32_t n_voices;
    uint8_t kernel, calm;
};

RT_SAFE static void mix_batch(const struct voices *v, struct batch *b, float *left, float *right,
                              uint32_t n_frames)
{
    if (b->n_voices == 0) return;
    if (b->calm == VOICE_RAMPING)
        v->kernels->mix_ramped[b->kernel](left, right, b->voices, b->ramps, b->n_voices, n_frames);
    else
        v->kernels->mix[b->kernel](left, right, b->voices, b->n_voices, n_frames);
    b->n_voices = 0;
}

RT_SAFE static bool fits(const struct batch *b, const struct voice *voice)
{
    return b->n_voices < BATCH && voice->kernel == b->kernel && voice->calm == b->calm;
}

RT_SAFE static void render_group(struct voices *v, uint32_t first, float *left, float *right,
                                 uint32_t n_frames)
{
    struct batch batch = {.n_voices = 0};
    uint32_t ahead = first;
    for (uint32_t i = 0; i < AHEAD && ahead != VOICE_SLOT_NONE; i++, ahead = v->next[ahead])
        call_ahead(v, ahead, n_frames);
    for (uint32_t s = first, next; s != VOICE_SLOT_NONE; s = next) {
        next = v->next[s]; // this voice may end
        if (ahead != VOICE_SLOT_NONE) {
            call_ahead(v, ahead, n_frames);
            ahead = v->next[ahead];
        }
        struct voice *voice = &v->voices[s];
        if (voice->calm_frames < n_frames) {
            mix_batch(v, &batch, left, right, n_frames);
            render_with_care(v, s, left, right, n_frames);
            continue;
        }
        voice->calm_frames -= n_frames;
        if (voice->calm == VOICE_SILENT) {
            voice->now.position += voice->now.increment * n_frames;
            continue;
        }
        if (!fits(&batch, voice)) mix_batch(v, &batch, left, right, n_frames);
        batch.kernel = voice->kernel;
        batch.calm = voice->calm;
        batch.ramps[batch.n_voices] = &v->ramps[s];
        batch.voices[batch.n_voices++] = &voice->now;
    }
    mix_batch(v, &batch, left, right, n_frames);
}

RT_SAFE void voices_render(struct voices *v, struct scratch *scratch, float *const *planes, uint32_t n_frames)
{
    v->scratch = scratch;
    assert(n_frames > 0 && n_frames <= BLOCK_FRAMES);
    for (uint32_t bus = 0; bus < v->n_buses; bus++) {
        for (uint32_t left = v->used_groups[bus]; left != 0; left &= left - 1) {
            uint32_t kind = (uint32_t)__builtin_ctz(left);
            render_group(v, v->groups[bus * N_KERNELS + kind].first, planes[2 * bus], planes[2 * bus + 1],
                         n_frames);
        }
    }
}
