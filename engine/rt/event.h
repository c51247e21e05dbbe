// SPDX-License-Identifier: MIT
// event.h - what the audio thread tells control. Flat records, copied through a queue; nothing else comes up
// but the `latest` snapshot.
#ifndef ENGINE_RT_EVENT_H
#define ENGINE_RT_EVENT_H
#include <stdint.h>

#include "alloc/ring.h"
#include "mixer/buses.h"

/// Direction: rt > control.
enum event_type {
    EVENT_VOICE_STARTED,
    EVENT_VOICE_ENDED,   // value: enum voice_end; the slot may be used again
    EVENT_SYNCED,        // value: the token
    EVENT_GRAPH_RETIRED, // slot: the index of the graph that is used no more
    EVENT_NONFINITE,     // report: a struct nonfinite_report in the ring
};

/// Samples of one block that were NaN or infinite and were set to 0.
struct nonfinite_report {
    uint32_t n_buses;
    struct {
        uint32_t bus, n_samples;
    } buses[]; // n_buses of them
};

static inline uint32_t nonfinite_report_bytes(uint32_t n_buses)
{
    return (uint32_t)(sizeof(struct nonfinite_report) +
                      n_buses * sizeof((struct nonfinite_report *)0)->buses[0]);
}

struct event {
    uint32_t type;
    uint32_t slot;
    uint64_t frame; // engine time
    union {
        uint64_t value;
        struct ring_ref report; // NONFINITE
    };
};

#endif
