// SPDX-License-Identifier: MIT
// engine_rt_rig.h - sounds of each kind for the audio side behind its queues.
#ifndef TESTS_ENGINE_RT_RIG_H
#define TESTS_ENGINE_RT_RIG_H
#include "tests/engine_rig.h"

static struct rig_sound sounds[4];

static inline int make_sounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        rig_sound_make(&sounds[i], 5000, 1 + i % 2, i / 2 ? SAMPLE_S16 : SAMPLE_F32, rig_noise);
    return 0;
}

static inline int free_sounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        rig_sound_free(&sounds[i]);
    return 0;
}

#endif
