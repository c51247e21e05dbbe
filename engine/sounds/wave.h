// SPDX-License-Identifier: MIT
// wave.h - samples of the store as a sound file in memory, for the decoder to make them again at another
// rate.
#ifndef ENGINE_SOUNDS_WAVE_H
#define ENGINE_SOUNDS_WAVE_H
#include <stdint.h>

#include "mixer/sound.h"

/// A memfd with a WAV file of `bytes`, to be closed by the caller. -1 when there is no memory, or the sound
/// is longer than such a file can be (4 GiB). Worker thread.
int wave_of_sound(const struct sound *s, uint64_t *bytes);

#endif
