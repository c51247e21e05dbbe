// SPDX-License-Identifier: MIT
// command.h - what control tells the audio thread. Flat records, copied through a queue; nothing else goes
// down.
#ifndef ENGINE_RT_COMMAND_H
#define ENGINE_RT_COMMAND_H
#include <stdint.h>

#include "mixer/buses.h"
#include "mixer/voices.h"

/// Direction: control > rt.
enum command_type {
    COMMAND_VOICE_START,
    COMMAND_VOICE_STOP,
    COMMAND_VOICE_PAUSE,
    COMMAND_VOICE_RESUME,
    COMMAND_VOICE_SEEK,
    COMMAND_VOICE_LEVEL,
    COMMAND_VOICE_RATE,
    COMMAND_VOICE_INTERPOLATION,
    COMMAND_VOICE_LEAVE_LOOP,
    COMMAND_VOICE_LOOP,
    COMMAND_BUS_LEVEL,
    COMMAND_BUS_GRAPH,
    COMMAND_SYNC,
};

struct command {
    uint32_t type;
    uint32_t slot; // the voice or bus it is for
    union {
        struct voice_start start;      // VOICE_START
        uint32_t fade_frames;          // VOICE_STOP, _PAUSE, _RESUME
        int64_t position;              // VOICE_SEEK: 32.32 frames
        struct level level;            // VOICE_LEVEL, BUS_LEVEL
        int64_t increment;             // VOICE_RATE: 32.32 frames a frame
        uint32_t interpolation;        // VOICE_INTERPOLATION: enum interpolation
        const struct bus_graph *graph; // BUS_GRAPH: immutable; handed back by EVENT_GRAPH_RETIRED
        uint64_t token;                // SYNC: comes back in EVENT_SYNCED
    };
};

#endif
