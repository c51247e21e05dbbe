// SPDX-License-Identifier: MIT
// change.h - a new value of a parameter, and the way that it takes to get there.
#ifndef MIXER_CHANGE_H
#define MIXER_CHANGE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

/// The way from one value to another.
enum curve {
    CURVE_LINEAR, // straight in what is heard: amplitude, position, speed
    CURVE_DB,     // straight in dB; a gain alone, all else takes it as LINEAR
    CURVE_POWER,  // straight in power (amplitude squared); a gain alone
    CURVE_S,      // slow, fast, slow: (1 - cos) / 2 of the way
    N_CURVES
};

/// What a curve other than LINEAR is made of: straight pieces of so many frames, counted from its start,
/// whose ends lie on it. So it does not depend on how blocks are cut.
#define CURVE_PIECE_FRAMES 32

/// Units are the parameter's own: dB, pan -1 to 1, frames a frame.
struct change {
    double value;
    uint32_t ramp_frames; // the declick ramp at least, for what would click
    uint8_t curve;        // enum curve
    bool relative;        // to the value that holds, or that a ramp leads to; the sum is kept in range
};

/// How much of the way lies behind after `done` of `total` frames: 0 to 1.
RT_SAFE double curve_way(uint8_t curve, double done, double total);

#endif
