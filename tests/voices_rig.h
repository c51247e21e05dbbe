// SPDX-License-Identifier: MIT
// voices_rig.h - voices with sounds to play, one steady and one of noise.
#ifndef TESTS_VOICES_RIG_H
#define TESTS_VOICES_RIG_H
#include "mixer/voices.h"
#include "tests/mixer_rig.h"

static struct rig_sound ones, noise;

static inline int make_sounds(void **state)
{
    (void)state;
    rig_sound_make(&ones, 200000, 2, SAMPLE_F32, rig_one);
    rig_sound_make(&noise, 5000, 1, SAMPLE_S16, rig_noise);
    return 0;
}

static inline int free_sounds(void **state)
{
    (void)state;
    rig_sound_free(&ones);
    rig_sound_free(&noise);
    return 0;
}

static struct rig r;

static inline int set_up(void **state)
{
    (void)state;
    rig_open(&r);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    rig_close(&r);
    return 0;
}

static inline void start(uint32_t slot, const struct voice_start *s)
{
    voices_start(&r.voices, slot, s);
}

static inline struct voice_report report(uint32_t slot)
{
    struct voice_report report;
    voices_report(&r.voices, slot, &report);
    return report;
}

#endif
