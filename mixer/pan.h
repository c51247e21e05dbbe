// SPDX-License-Identifier: MIT
// pan.h - gain and pan as people say them, turned into the gains of left and right. Any thread.
#ifndef MIXER_PAN_H
#define MIXER_PAN_H
#include <stdbool.h>

#include "alloc/attr.h"

/// Gains at or below this are silence.
#define SILENCE_DB (-200.0f)

/// Linear gains of both sides.
struct level {
    float left, right;
};

/// Linear gain of a level in dB: exactly 1 at 0 dB, exactly 0 at SILENCE_DB and below.
RT_SAFE float gain_from_db(float db);

/// Level in dB of a linear gain; SILENCE_DB at the least.
RT_SAFE float gain_to_db(float lin);

/// What a gain of 1 comes to on both sides.
RT_SAFE struct level pan_law(float pan, bool is_mono);

/// Equal-power pan (-1 left to 1 right) of a mono source: left = cos, right = sin of an angle from 0 to 90
/// degrees, 0.7071 each in the middle.
RT_SAFE struct level level_mono(float gain_lin, float pan);

/// The same law for a stereo source or bus, scaled so that the middle is exactly 1: left and right keep their
/// summed power, and a channel panned to its own side rises by 3 dB.
RT_SAFE struct level level_stereo(float gain_lin, float pan);

#endif
