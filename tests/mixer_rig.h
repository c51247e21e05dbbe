// SPDX-License-Identifier: MIT
// mixer_rig.h - sounds made in code, and voices rendered into plain arrays.
#ifndef TESTS_MIXER_RIG_H
#define TESTS_MIXER_RIG_H
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/arena.h"
#include "mixer/kernel.h"
#include "mixer/pan.h"
#include "mixer/voices.h"
#include "tests/check.h"

#define RIG_VOICES  64
#define RIG_DECLICK 240
#define RIG_RATE    48000

/// A sound in memory of its own.
struct rig_sound {
    struct sound sound;
    void *memory;
};

/// A sound of `n_frames` from one function of channel and frame; -1 to 1.
static inline void rig_sound_make(struct rig_sound *s, uint32_t n_frames, uint32_t n_channels,
                                  enum sample_format format, float (*at)(uint32_t channel, uint32_t frame))
{
    s->memory = calloc(1, sound_bytes(n_frames, n_channels, format));
    assert_non_null(s->memory);
    sound_layout(&s->sound, s->memory, n_frames, n_channels, format);
    for (uint32_t c = 0; c < n_channels; c++) {
        void *plane = sound_channel(&s->sound, s->memory, c);
        for (uint32_t i = 0; i < n_frames; i++) {
            if (format == SAMPLE_S16)
                ((int16_t *)plane)[i] = (int16_t)lrintf(at(c, i) * 32767.0f);
            else
                ((float *)plane)[i] = at(c, i);
        }
    }
}

static inline void rig_sound_free(struct rig_sound *s)
{
    free(s->memory);
    *s = (struct rig_sound){0};
}

/// One sample; 0 outside of the sound, as its padding is.
static inline double rig_sample(const struct sound *s, uint32_t channel, int64_t frame)
{
    if (frame < 0 || frame >= s->n_frames) return 0.0;
    if (s->format == SAMPLE_S16) return (double)((const int16_t *)s->channels[channel])[frame] / 32768.0;
    return (double)((const float *)s->channels[channel])[frame];
}

static inline float rig_one(uint32_t channel, uint32_t frame)
{
    (void)channel, (void)frame;
    return 1.0f;
}

/// Two sines, so that neither channel repeats soon.
static inline float rig_tone(uint32_t channel, uint32_t frame)
{
    double t = (double)frame;
    return (float)(0.6 * sin(t * (0.05 + 0.013 * channel)) + 0.35 * cos(t * 0.0171));
}

/// Without any pattern.
static inline float rig_noise(uint32_t channel, uint32_t frame)
{
    uint32_t h = (frame * 2654435761u) ^ (channel * 40503u + 12345u);
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    return (float)(h >> 8) / 8388608.0f - 1.0f;
}

/// Voices on one bus.
struct rig {
    struct arena arena;
    struct voices voices;
    struct scratch scratch;
    float left[BLOCK_FRAMES], right[BLOCK_FRAMES];
};

/// Made once: it takes longer than most tests.
static inline const struct sinc *rig_sinc(void)
{
    static struct arena arena; // for the life of the program
    static struct sinc sinc;
    if (!arena.base) {
        assert_int_equal(arena_init(&arena, 4 << 20), STATUS_OK);
        assert_int_equal(sinc_init(&sinc, arena_allocator(&arena)), STATUS_OK);
    }
    return &sinc;
}

static inline void rig_open(struct rig *r)
{
    assert_int_equal(arena_init(&r->arena, 1 << 22), STATUS_OK);
    assert_int_equal(scratch_init(&r->scratch, arena_allocator(&r->arena), 16384), STATUS_OK);
    assert_int_equal(
        voices_init(&r->voices, arena_allocator(&r->arena), rig_sinc(), RIG_VOICES, RIG_RATE, RIG_DECLICK),
        STATUS_OK);
}

static inline void rig_close(struct rig *r)
{
    arena_fini(&r->arena);
}

/// A voice from the first frame to the last, exactly as loud as its sound: on both sides, or on the left
/// alone when it is mono.
static inline struct voice_start rig_start(const struct sound *s)
{
    return (struct voice_start){.sound = s,
                                .increment = FRAME_ONE,
                                .pan = s->n_channels == 1 ? -1.0f : 0.0f,
                                .end_frame = s->n_frames};
}

/// What a voice begins with.
static inline struct level rig_level(const struct voice_start *start)
{
    float gain = gain_from_db(start->gain_db);
    return start->sound->n_channels == 1 ? level_mono(gain, start->pan) : level_stereo(gain, start->pan);
}

static inline void rig_set_rate(struct rig *r, uint32_t slot, double rate)
{
    voices_set_rate(&r->voices, slot, &(struct change){.value = rate});
}

/// The next `n_frames` in blocks of `block`; `right` may be NULL.
static inline void rig_render(struct rig *r, float *left, float *right, uint32_t n_frames, uint32_t block)
{
    float *planes[2] = {r->left, r->right};
    for (uint32_t done = 0; done < n_frames;) {
        uint32_t n = n_frames - done < block ? n_frames - done : block;
        memset(r->left, 0, sizeof r->left);
        memset(r->right, 0, sizeof r->right);
        voices_render(&r->voices, &r->scratch, planes, n);
        if (left) memcpy(left + done, r->left, n * sizeof(float));
        if (right) memcpy(right + done, r->right, n * sizeof(float));
        done += n;
    }
}

/// Takes what ended; true when `slot` was among it.
static inline bool rig_ended(struct rig *r, uint32_t slot, enum voice_end *why)
{
    bool found = false;
    for (uint32_t i = 0; i < r->voices.n_ended; i++) {
        if (r->voices.ended[i] != slot) continue;
        if (why) *why = (enum voice_end)r->voices.ended_why[i];
        found = true;
    }
    r->voices.n_ended = 0;
    return found;
}

static inline int64_t rig_frames(double frames)
{
    return (int64_t)llround(frames * (double)FRAME_ONE);
}

#endif
