// SPDX-License-Identifier: MIT
// numeric.h - the few functions of numbers that the audio thread needs, with the same bits on every machine.
#ifndef MIXER_NUMERIC_H
#define MIXER_NUMERIC_H
#include "alloc/attr.h"

// Series of Taylor, good to 1e-10, which is more than a float can tell. The C library's own differ
// from processor to processor in the last bit, and what is rendered would, too.

/// 2 to the power of x; -1000 to 1000. Exactly 1 at 0.
RT_SAFE double numeric_exp2(double x);

/// The power of 2 that x is; above 0. Exactly 0 at 1.
RT_SAFE double numeric_log2(double x);

/// The sine of `x` quarter turns; 0 to 1. Exact at both ends.
RT_SAFE double numeric_sine(double x);

#endif
