// SPDX-License-Identifier: MIT
// packet.h - the gate: checks a datagram whole before anything looks inside, and hands out its messages.
//
// OSC 1.0 (Wright, "The Open Sound Control 1.0 Specification", 2002) with the argument types of OSC 1.1.
// Nothing here allocates or copies: messages point into the packet.
#ifndef ENGINE_OSC_PACKET_H
#define ENGINE_OSC_PACKET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"

#define OSC_MAX_PACKET_BYTES 65536
#define OSC_MAX_DEPTH        8           // bundles within bundles
#define OSC_MAX_ARGS         64          // of one message
#define OSC_NOW              UINT64_C(1) // the time tag that says "immediately"

/// One message of a packet that osc_packet_check() has passed.
struct osc_message {
    const char *path;  // or a pattern of paths, well formed
    const char *types; // without the comma; "" when the sender left it out
    const uint8_t *args;
    uint64_t
        time; // NTP time tag of the nearest bundle around it, or of an outer one that is later; else OSC_NOW
    uint32_t index;    // in its packet, counted from 0
    bool has_no_types; // its arguments, if any, cannot be read
};

/// An argument. Text and blobs point into the packet.
struct osc_arg {
    char type; // i h f d s S b t c r m T F N I [ ]
    union {
        int64_t i;     // i h c r m t T(1) F(0)
        double f;      // f d
        const char *s; // s S
    };
};

// ---- any thread ----

/// NULL when every byte of the packet is as it should be; else a sentence that says what is not.
NODISCARD const char *osc_packet_check(const uint8_t *packet, size_t n_bytes);

/// Calls `visit` for each message, in order. The packet must have passed the check.
void osc_packet_visit(const uint8_t *packet, size_t n_bytes,
                      void (*visit)(void *context, const struct osc_message *message), void *context);

/// Reads the argument that `*types` and `*data` stand at, and moves both on. False at the end.
bool osc_next_arg(const char **types, const uint8_t **data, struct osc_arg *arg);

#endif
