// SPDX-License-Identifier: MIT
// voices_commands_rt.c - the states of voices, the commands that change them, and the lists of those that
// sound.
#include <assert.h>

#include "mixer/voices.h"
#include "mixer/voices_parts.h"

// ---- lists ----

/// Of a voice whose rate is on its way: the group where it will be at the end, so that the order of voices
/// never changes between two commands.
RT_SAFE static uint8_t group_of(const struct voices *v, uint32_t slot)
{
    const struct sound *sound = v->sound[slot];
    bool unity = voice_increment(v, sound, v->rates[slot].to) == FRAME_ONE;
    enum interpolation interpolation =
        unity ? INTERPOLATION_UNITY : (enum interpolation)v->interpolation[slot];
    return (uint8_t)kernel_index(sound->format, sound->n_channels, interpolation);
}

RT_SAFE void voice_link(struct voices *v, uint32_t slot)
{
    uint32_t bus = v->bus[slot], kind = group_of(v, slot);
    struct voice_group *g = &v->groups[bus * N_KERNELS + kind];
    bool is_first = !(v->used_groups[bus] >> kind & 1);
    v->group[slot] = (uint8_t)kind;
    v->next[slot] = VOICE_SLOT_NONE;
    v->previous[slot] = is_first ? VOICE_SLOT_NONE : g->last;
    if (is_first)
        g->first = slot;
    else
        v->next[g->last] = slot;
    g->last = slot;
    v->used_groups[bus] = (uint16_t)(v->used_groups[bus] | 1u << kind);
    if (bus >= v->n_buses) v->n_buses = bus + 1;
    v->voices[slot].calm_frames = 0;
}

RT_SAFE void voice_unlink(struct voices *v, uint32_t slot)
{
    uint32_t bus = v->bus[slot], kind = v->group[slot], next = v->next[slot], previous = v->previous[slot];
    struct voice_group *g = &v->groups[bus * N_KERNELS + kind];
    if (previous == VOICE_SLOT_NONE)
        g->first = next;
    else
        v->next[previous] = next;
    if (next == VOICE_SLOT_NONE)
        g->last = previous;
    else
        v->previous[next] = previous;
    if (g->first == VOICE_SLOT_NONE) v->used_groups[bus] = (uint16_t)(v->used_groups[bus] & ~(1u << kind));
}

RT_SAFE bool voice_is_linked(const struct voices *v, uint32_t slot)
{
    return v->state[slot] != VOICE_FREE && v->state[slot] != VOICE_CUED && v->state[slot] != VOICE_PAUSED;
}

// ---- what commands and rendering do to a voice ----

RT_SAFE uint32_t voice_declick_at_least(const struct voices *v, uint32_t frames)
{
    return frames > v->declick_frames ? frames : v->declick_frames;
}

RT_SAFE void voice_fade(struct voices *v, uint32_t slot, float to, uint32_t fade_frames)
{
    ramp_set(&v->ramps[slot].envelope, to, voice_declick_at_least(v, fade_frames));
    v->voices[slot].calm_frames = 0;
}

/// Shortens the way to silence; never makes it longer.
RT_SAFE static void hasten(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    const struct ramp *envelope = &v->ramps[slot].envelope;
    if (voice_declick_at_least(v, fade_frames) < envelope->total - envelope->done)
        voice_fade(v, slot, 0.0f, fade_frames);
}

RT_SAFE void voice_end(struct voices *v, uint32_t slot, enum voice_end why)
{
    voice_unlink(v, slot);
    v->state[slot] = VOICE_FREE;
    v->n_active--;
    v->ended[v->n_ended] = slot;
    v->ended_why[v->n_ended++] = (uint8_t)why;
}

RT_SAFE void voice_hold(struct voices *v, uint32_t slot)
{
    voice_unlink(v, slot);
    v->state[slot] = VOICE_PAUSED;
    if (v->n_paused < v->n_slots) v->paused[v->n_paused++] = slot;
}

RT_SAFE void voice_jump(struct voices *v, uint32_t slot, int64_t position)
{
    v->voices[slot].now.position = position;
    v->voices[slot].calm_frames = 0;
    v->seek_position[slot] = -1;
    v->passes_over[slot] = 0;
    v->ramps[slot].tail = (struct ramp){.to = 1.0f}; // it is silent
}

// ---- commands ----

RT_SAFE void voices_start(struct voices *v, uint32_t slot, const struct voice_start *start)
{
    assert(v->state[slot] == VOICE_FREE);
    const struct sound *sound = start->sound;
    int64_t increment = voice_increment(v, sound, start->increment);
    v->sound[slot] = sound;
    v->voices[slot].now =
        (struct kernel_voice){.samples = {sound->channels[0], sound->channels[sound->n_channels - 1]},
                              .position = start->position,
                              .increment = increment,
                              .bank = sinc_bank_for(v->sinc, increment)};
    v->rates[slot] = (struct voice_rate){.to = start->increment};
    fader_init(&v->faders[slot], &v->ramps[slot].left, &v->ramps[slot].right, start->gain_db, start->pan,
               sound->n_channels == 1);
    v->voices[slot].glides = 0;
    v->ramps[slot].envelope = (struct ramp){.to = 0.0f};
    v->ramps[slot].tail = (struct ramp){.to = 1.0f};
    v->start_frame[slot] = start->start_frame;
    v->end_frame[slot] = start->end_frame;
    v->loop_start[slot] = start->loop_start;
    v->loop_end[slot] = start->loop_end;
    v->passes_left[slot] = start->loop_count;
    v->looping[slot] = start->looping && start->loop_count != 1;
    v->passes_over[slot] = 0;
    v->fade_out_frames[slot] = start->fade_out_frames;
    v->seek_position[slot] = -1;
    v->bus[slot] = start->bus;
    v->interpolation[slot] = (uint8_t)start->interpolation;

    v->n_active++;
    v->state[slot] = start->paused ? VOICE_CUED : VOICE_PLAYING;
    if (start->paused) return;
    ramp_set(&v->ramps[slot].envelope, 1.0f, start->fade_in_frames);
    voice_link(v, slot);
}

RT_SAFE void voices_stop(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    switch (v->state[slot]) {
    case VOICE_FREE: return;
    case VOICE_CUED:
    case VOICE_PAUSED: voice_link(v, slot); break; // silent already
    case VOICE_STOPPING: hasten(v, slot, fade_frames); return;
    default: voice_fade(v, slot, 0.0f, fade_frames); break;
    }
    v->state[slot] = VOICE_STOPPING;
}

RT_SAFE void voices_pause(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    if (v->state[slot] != VOICE_PLAYING && v->state[slot] != VOICE_SEEKING) return;
    v->state[slot] = VOICE_PAUSING;
    voice_fade(v, slot, 0.0f, fade_frames);
}

RT_SAFE void voices_resume(struct voices *v, uint32_t slot, uint32_t fade_frames)
{
    switch (v->state[slot]) {
    case VOICE_CUED:
        v->state[slot] = VOICE_PLAYING;
        ramp_set(&v->ramps[slot].envelope, 1.0f, fade_frames);
        voice_link(v, slot);
        return;
    case VOICE_PAUSING:
        if (v->seek_position[slot] >= 0) { // the jump that waits for silence comes first
            v->state[slot] = VOICE_SEEKING;
            v->voices[slot].calm_frames = 0;
            hasten(v, slot, 0);
            return;
        }
        break;
    case VOICE_PAUSED: voice_link(v, slot); break;
    default: return;
    }
    v->state[slot] = VOICE_PLAYING;
    voice_fade(v, slot, 1.0f, fade_frames);
}

RT_SAFE void voices_seek(struct voices *v, uint32_t slot, int64_t position)
{
    if (v->state[slot] == VOICE_FREE) return;
    int64_t end = (int64_t)v->sound[slot]->n_frames << 32;
    if (position >= end) position = end - 1;
    if (position < 0) position = 0;
    switch (v->state[slot]) {
    case VOICE_STOPPING: return;
    case VOICE_CUED:
    case VOICE_PAUSED: voice_jump(v, slot, position); return;
    case VOICE_PLAYING:
        v->state[slot] = VOICE_SEEKING;
        voice_fade(v, slot, 0.0f, 0);
        break;
    default: break; // already on the way to silence
    }
    v->seek_position[slot] = position;
}

RT_SAFE void voices_set_interpolation(struct voices *v, uint32_t slot, enum interpolation interpolation)
{
    if (v->state[slot] == VOICE_FREE) return;
    bool moves = voice_is_linked(v, slot);
    if (moves) voice_unlink(v, slot);
    v->interpolation[slot] = (uint8_t)interpolation;
    if (moves) voice_link(v, slot);
}

RT_SAFE void voices_leave_loop(struct voices *v, uint32_t slot)
{
    if (v->state[slot] == VOICE_FREE) return;
    v->looping[slot] = false;
    v->voices[slot].calm_frames = 0;
}

RT_SAFE void voices_loop(struct voices *v, uint32_t slot)
{
    if (v->state[slot] == VOICE_FREE || v->loop_end[slot] == 0) return;
    v->looping[slot] = true;
    v->passes_left[slot] = 0;
    v->voices[slot].calm_frames = 0;
}
