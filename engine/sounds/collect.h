// SPDX-License-Identifier: MIT
// collect.h - takes the samples of a decoder into the sample store. Worker thread.
#ifndef ENGINE_SOUNDS_COLLECT_H
#define ENGINE_SOUNDS_COLLECT_H
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/pages.h"
#include "engine/osc/methods.h"
#include "engine/sounds/decode_wire.h"
#include "mixer/sound.h"

/// A sound in the store.
struct decoded {
    struct sound sound;
    void *memory; // `bytes` of the store
    size_t bytes;
    uint32_t source_rate;
};

/// Checks what an answer says, and the memfd that came with it, and copies the samples. Borrows `result`.
/// API_REFUSED when the store has no room: `d->bytes` is what the sound needs then. On any other failure
/// `answer->why` says why.
NODISCARD enum api_error collect_sound(struct decode_answer *answer, int result, struct pages *store,
                                       struct decoded *d);

#endif
