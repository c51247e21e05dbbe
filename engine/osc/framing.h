// SPDX-License-Identifier: MIT
// framing.h - cuts the bytes of a connection into packets, and wraps answers in the same manner.
//
// The first byte tells which of three it is: 0 begins the four bytes of a length up to 65536 (OSC 1.0), 0xC0
// a SLIP frame (RFC 1055, with END at both ends as OSC 1.1 has it), anything else that can be printed a line
// of text. A connection keeps to the one that it began with. Nothing here allocates or makes system calls.
#ifndef ENGINE_OSC_FRAMING_H
#define ENGINE_OSC_FRAMING_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/osc/packet.h"

enum framing_kind { FRAMING_UNKNOWN, FRAMING_LENGTH, FRAMING_SLIP, FRAMING_TEXT };

/// Longest line, without its end.
#define FRAMING_MAX_LINE_BYTES 4096

/// Room for the longest packet and its length, and for more behind it to be read in one go.
#define FRAMING_BYTES (OSC_MAX_PACKET_BYTES + 16384)

struct framing {
    enum framing_kind kind;
    uint8_t *bytes;   // borrowed; FRAMING_BYTES
    uint32_t begin;   // first byte of the packet under way
    uint32_t n_plain; // SLIP: its bytes so far, written over those that they were made of
    uint32_t at;      // first byte that was not looked at
    uint32_t end;     // behind the last byte
    bool is_escaped;  // SLIP: the byte before was ESC
    bool is_skipping; // text: inside of a line that is too long
};

enum frame {
    FRAME_NONE,      // not before more bytes come
    FRAME_PACKET,    // an OSC packet
    FRAME_LINE,      // a line of text, without its end; neither empty nor a comment
    FRAME_LONG_LINE, // a line that is too long; what follows it is good
    FRAME_LOST,      // no packet can be told from here on
};

/// Where the next bytes go, at most `*n_bytes`, at least 16380. Call it when framing_next() has no more.
uint8_t *framing_room(struct framing *f, uint32_t *n_bytes);
/// So many bytes came.
void framing_add(struct framing *f, uint32_t n_bytes);

/// The next packet or line, which stays until framing_room() is called. On FRAME_LOST `*why` says what was
/// wrong.
NODISCARD enum frame framing_next(struct framing *f, const uint8_t **bytes, uint32_t *n_bytes,
                                  const char **why);

/// What is left when the sender has closed its end: a line without its end is one all the same.
NODISCARD enum frame framing_last(struct framing *f, const uint8_t **bytes, uint32_t *n_bytes);

/// Messages in a packet that has not been checked yet: never less than it has if it is good. 1 for a message.
uint32_t packet_count_messages(const uint8_t *packet, uint32_t n_bytes);

// ---- answers ----

/// Most bytes that a message of `n` has as a frame; as a line, in which each byte of a text may take four.
#define FRAMING_WRAPPED_BYTES(n) (2 * (n) + 64)
#define FRAMING_LINE_BYTES(n)    (4 * (n) + 64)

/// Wraps a message. `out`: FRAMING_WRAPPED_BYTES(n), or FRAMING_LINE_BYTES(n) for a line. Returns the length.
/// A connection whose kind is not known yet gets lengths.
uint32_t framing_wrap(enum framing_kind kind, const uint8_t *message, uint32_t n_bytes, uint8_t *out);

/// Where the frame ends that the byte at `at` is in: `bytes` begin and end with whole frames of this kind.
uint32_t framing_end_of(enum framing_kind kind, const uint8_t *bytes, uint32_t n_bytes, uint32_t at);

#endif
