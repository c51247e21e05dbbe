// SPDX-License-Identifier: MIT
// decode_wire.h - what goes between the daemon and chimed-decode: one request, one answer, and the samples.
//
// The daemon starts the program with a socket as its descriptor 3. On it comes one request, with two
// descriptors: the sound, and an empty memfd for the samples. One answer goes back. When its `error` is
// API_OK the memfd holds exactly the samples, channel after channel, without padding, and is sealed for good.
#ifndef ENGINE_SOUNDS_DECODE_WIRE_H
#define ENGINE_SOUNDS_DECODE_WIRE_H
#include <fcntl.h>
#include <stdint.h>

/// The descriptors of the program, beside the first three.
enum { DECODE_SOCKET_FD = 3, DECODE_SOUND_FD, DECODE_RESULT_FD, DECODE_N_FDS };

/// What the memfd is sealed with.
#define DECODE_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/// With its closing 0.
#define DECODE_WHY_BYTES 192

/// Private memory that a decoder may take beside the samples: no file that was not made to harm needs a tenth
/// of it.
#define DECODE_PRIVATE_BYTES ((uint64_t)64 << 20)

/// No decoder is slower than this for long: bytes of samples a second, after so many seconds.
#define DECODE_SLOWEST_BYTES ((uint64_t)256 << 10)
#define DECODE_GRACE_S       10

/// Seconds of processor time that decoding may take when the largest sound has `max_bytes`: they may be
/// floats before they become 16-bit samples.
static inline uint64_t decode_cpu_seconds(uint64_t max_bytes)
{
    return DECODE_GRACE_S + 2 * max_bytes / DECODE_SLOWEST_BYTES;
}

/// Direction: daemon > chimed-decode. Without gaps, which would hold whatever the daemon's stack held.
struct decode_request {
    uint64_t file_bytes;
    uint64_t room_bytes;  // for the sound with its padding: sound_bytes()
    uint64_t engine_rate; // Hz
};

/// Direction: chimed-decode > daemon. Nothing in it can be trusted.
struct decode_answer {
    uint32_t error; // enum api_error: OK, BAD_SOUND, UNSUPPORTED, REFUSED (for want of room) or INTERNAL
    uint32_t n_frames, n_channels, format, source_rate; // OK
    uint64_t needed_bytes;                              // REFUSED: sound_bytes(), at least
    char why[DECODE_WHY_BYTES]; // what follows the name of the file in a sentence: ": holds no sound"
};

#endif
