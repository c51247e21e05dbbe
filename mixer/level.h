// SPDX-License-Identifier: MIT
// level.h - a stereo gain and the time that it takes to get there.
#ifndef MIXER_LEVEL_H
#define MIXER_LEVEL_H
#include <stdint.h>

struct level {
    float left, right;    // linear
    uint32_t ramp_frames; // 0: at once
};

#endif
