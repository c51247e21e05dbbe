// SPDX-License-Identifier: MIT
// resample.h - when the engine's sample rate has changed: makes all sounds again, one after the other, and
// moves the voices over to them. Control thread.
//
// Until its turn comes, a sound plays at the pitch that it has, interpolated (mixer/voices.h). Those that
// play come first. When there is no room for both, or it cannot be made, it stays as it is until the rate
// changes again.
#ifndef ENGINE_RESAMPLE_H
#define ENGINE_RESAMPLE_H
#include <stdbool.h>
#include <stdint.h>

#include "engine/sounds/worker.h"

enum resample_step {
    RESAMPLE_IDLE,
    RESAMPLE_MAKING, // the worker does
    RESAMPLE_MADE,   // to be told to rt
    RESAMPLE_MOVING, // rt moves the voices
};

struct resample {
    enum resample_step step;
    bool is_wanted;          // there may be sounds with another rate
    uint32_t sound;          // that is being made; else SOUND_NONE
    struct decoded made;     // MADE
    struct decoded old;      // MOVING: voices may still borrow it
    uint64_t n_made, n_left; // since the rate changed; left: as they are
};

#endif
