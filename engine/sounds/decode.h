// SPDX-License-Identifier: MIT
// decode.h - turns a sound file into samples at the engine's rate. In the process chimed-decode, and in
// tests.
#ifndef ENGINE_SOUNDS_DECODE_H
#define ENGINE_SOUNDS_DECODE_H
#include "engine/sounds/decode_wire.h"

/// Reads all of an open file (libsndfile: WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3 and more), 8 to 192 kHz,
/// mono or stereo, and resamples it (libsamplerate, best quality). 16-bit sources stay 16-bit; a resampled
/// one that goes beyond full scale, and all other sources, become float. A file that ends before its header
/// says so is refused as a whole. Borrows `sound` and `result`, an empty memfd, which it fills and seals.
void decode_sound(const struct decode_request *request, int sound, int result, struct decode_answer *answer);

#endif
