// SPDX-License-Identifier: MIT
// decode.h - turns a sound file into samples at the engine's rate, in the sample store. Worker thread.
#ifndef ENGINE_SOUNDS_DECODE_H
#define ENGINE_SOUNDS_DECODE_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/pages.h"
#include "engine/osc/methods.h"
#include "engine/sounds/files.h"
#include "mixer/sound.h"

/// A sound in the store. 16-bit sources stay 16-bit; a resampled one that goes beyond full scale, and all
/// other sources, are float.
struct decoded {
    struct sound sound;
    void *memory; // `bytes` of the store
    size_t bytes;
    uint32_t source_rate;
};

/// What all files of a worker are decoded with. Borrows everything.
struct decode_setup {
    uint32_t engine_rate; // Hz
    struct pages *store;
    struct allocator *temporary; // what a resampled file takes until it is in the store
    const _Atomic bool *cancel;  // set by another thread: ends the work early, with API_CANCELLED
};

/// Reads all of an open file (libsndfile: WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3 and more), 8 to 192 kHz,
/// mono or stereo, and resamples it (libsamplerate, best quality). Borrows `fd`. API_REFUSED when the store
/// has no room: nothing is kept then, and `d->bytes` is what it needs, at least. A file that ends before its
/// header says so is refused as a whole. On failure `reason` says why; `name` is what it calls the file.
NODISCARD enum api_error decode_file(const struct decode_setup *setup, int fd, const char *name,
                                     struct decoded *d, char *reason);

#endif
