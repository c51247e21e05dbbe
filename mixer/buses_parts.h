// SPDX-License-Identifier: MIT
// buses_parts.h - what the files of the buses share with one another. Audio thread.
#ifndef MIXER_BUSES_PARTS_H
#define MIXER_BUSES_PARTS_H
#include "mixer/buses.h"

/// Multiplies the level of the next frames into both planes, piece by piece, and moves it on. NULL: there is
/// nothing to multiply.
RT_SAFE void bus_glide(struct buses *b, uint32_t bus, float *left, float *right, uint32_t n_frames);

#endif
