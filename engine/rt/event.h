// SPDX-License-Identifier: MIT
// event.h - what the audio thread tells control. Flat records, copied through a queue; nothing else comes up
// but the `latest` snapshot and clock.
#ifndef ENGINE_RT_EVENT_H
#define ENGINE_RT_EVENT_H
#include <stdint.h>

#include "alloc/ring.h"
#include "mixer/buses.h"
#include "mixer/voices.h"

/// Direction: rt > control.
enum event_type {
    EVENT_VOICE_STARTED,
    EVENT_VOICE_ENDED,    // value: enum voice_end; the slot may be used again
    EVENT_VOICE_LOOPED,   // may be left out; only after COMMAND_WATCH_VOICES
    EVENT_VOICE_PAUSED,   // likewise; value: 1 when it is held, 0 when it goes on
    EVENT_VOICE_REPORT,   // report and token; its state is VOICE_FREE and all else 0 when the voice has ended
    EVENT_SYNCED,         // value: the token
    EVENT_GRAPH_RETIRED,  // slot: the index of the graph that is used no more
    EVENT_NONFINITE,      // ring: a struct nonfinite_report
    EVENT_DUE,            // slot: the entry of the schedule, which is free again; due
    EVENT_SOUND_REPLACED, // after COMMAND_REPLACE_SOUND, one at a time
    EVENT_CLOCK_STEP, // value: nanoseconds that the system's clock jumped by, signed; several may come as one
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

/// What became of a scheduled command.
struct due {
    enum { DUE_DONE, DUE_DROPPED, DUE_UNSCHEDULED } outcome;
    uint32_t late_frames; // behind its frame; 0 when it was in time
};

struct event {
    uint32_t type;
    uint32_t slot;
    uint64_t frame; // engine time
    uint64_t token; // VOICE_REPORT
    union {
        uint64_t value;
        struct ring_ref ring;       // NONFINITE
        struct due due;             // DUE
        struct voice_report report; // VOICE_REPORT
    };
};

#endif
