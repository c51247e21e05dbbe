// SPDX-License-Identifier: MIT
// motion.h - where a voice is in its sound after some time that nobody rendered. Pure.
#ifndef ENGINE_MOTION_H
#define ENGINE_MOTION_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

/// In frames of the sound. As the mixer has it (voice_wrap(), voices_edge_rt.c), with a steady speed.
struct motion {
    double position; // of the next frame
    double step;     // that a frame of output takes; negative: in reverse
    double start, end;
    double loop_start, loop_end;
    uint32_t passes_left; // of the loop, the present one included; 0: without end
    bool looping;
};

/// Moves on by so many frames of output. False when the voice has ended meanwhile.
NODISCARD bool motion_advance(struct motion *m, double n_frames);

#endif
