// SPDX-License-Identifier: MIT
// event.h - what the audio thread tells control. Flat records, copied through a queue; nothing else comes up
// but the `latest` snapshot.
#ifndef ENGINE_RT_EVENT_H
#define ENGINE_RT_EVENT_H
#include <stdint.h>

#include "mixer/buses.h"

/// Direction: rt > control.
enum event_type {
    EVENT_VOICE_STARTED,
    EVENT_VOICE_ENDED,   // value: enum voice_end; the slot may be used again
    EVENT_SYNCED,        // value: the token
    EVENT_GRAPH_RETIRED, // slot: index of the graph that is used no more
    EVENT_NONFINITE,     // slot: the bus; value: samples that were NaN or infinite in this block
};

struct event {
    uint32_t type;
    uint32_t slot;
    uint64_t frame; // engine time
    uint64_t value;
};

#endif
