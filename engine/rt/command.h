// SPDX-License-Identifier: MIT
// command.h - what control tells the audio thread. Flat records, copied through a queue; nothing else goes
// down.
#ifndef ENGINE_RT_COMMAND_H
#define ENGINE_RT_COMMAND_H
#include <stdbool.h>
#include <stdint.h>

#include "mixer/buses.h"
#include "mixer/change.h"
#include "mixer/voices.h"

/// Direction: control > rt.
enum command_type {
    COMMAND_VOICE_START,
    COMMAND_VOICE_STOP,
    COMMAND_VOICE_PAUSE,
    COMMAND_VOICE_RESUME,
    COMMAND_VOICE_SEEK,
    COMMAND_VOICE_GAIN,
    COMMAND_VOICE_PAN,
    COMMAND_VOICE_RATE,
    COMMAND_VOICE_INTERPOLATION,
    COMMAND_VOICE_LEAVE_LOOP,
    COMMAND_VOICE_LOOP,
    COMMAND_VOICE_REPORT, // answered by EVENT_VOICE_REPORT
    COMMAND_BUS_GAIN,
    COMMAND_BUS_PAN,
    COMMAND_BUS_MUTE,
    COMMAND_BUS_SOLO,
    COMMAND_BUS_GRAPH,
    COMMAND_DECLICK,  // the shortest time that a change of level takes, from now on
    COMMAND_FADE_OUT, // everything that goes to the device, for good
    COMMAND_SNAPSHOT, // publishes one now, then EVENT_SYNCED
    COMMAND_UNSCHEDULE,
    COMMAND_WATCH_VOICES,
    COMMAND_SYNC,
    COMMAND_REPLACE_SOUND, // answered by EVENT_SOUND_REPLACED
};

/// When a command is carried out.
enum when {
    WHEN_NOW,     // at the first frame of the next cycle
    WHEN_ARRIVAL, // one period after `time`, CLOCK_MONOTONIC in ns: when its message came in
    WHEN_TIME,    // one period after `time`, an NTP time stamp; waits in the schedule until then
};

/// For STOP, PAUSE and RESUME: all voices that match, in place of one.
#define SLOT_ALL UINT32_MAX
/// For `bus` of a fade: on any.
#define BUS_ANY UINT16_MAX

struct fade {
    uint32_t frames;
    uint16_t bus;              // with SLOT_ALL: voices on this bus alone, or BUS_ANY
    const struct sound *sound; // with SLOT_ALL: not NULL: voices of one sound alone, that with
    uint32_t serial;           // this serial: another one may stand in its place when this is due
};

struct seek {
    int64_t position; // 32.32 frames at the rate of the command
    bool relative;    // to where the voice is; kept inside the sound
};

/// The same sound at another sample rate: for all voices that play it, and those that are to start.
struct replacement {
    const struct sound *old, *sound; // `old` is not borrowed any more when the event has come
};

struct flag {
    bool on;
    uint32_t ramp_frames;
};

struct command {
    uint8_t type;
    uint8_t when;   // enum when
    bool drop_late; // WHEN_TIME: is left out when its frame has passed, else done at once
    bool joins;     // the command before it, of the same time: both at one frame, however much there is to do
    uint16_t entry; // WHEN_TIME: its place in the schedule, which control gives out
    uint32_t slot;  // the voice or bus it is for
    uint32_t generation; // of the voice: START sets it; all others do nothing when it is not the slot's
    uint32_t rate;       // Hz that its lengths are counted at; 0: the engine's, whatever it is
    uint64_t time;
    union {
        struct voice_start start; // VOICE_START
        struct fade fade;         // VOICE_STOP, _PAUSE, _RESUME, DECLICK and FADE_OUT (frames alone)
        struct seek seek;         // VOICE_SEEK
        struct change change;     // VOICE_GAIN, _PAN, _RATE, BUS_GAIN, _PAN
        uint32_t interpolation;   // VOICE_INTERPOLATION: enum interpolation
        struct flag flag;         // BUS_MUTE, _SOLO; WATCH_VOICES (on alone): report loops and pauses, too
        const struct bus_graph *graph;  // BUS_GRAPH: immutable; handed back by EVENT_GRAPH_RETIRED
        uint64_t token;                 // SYNC, SNAPSHOT, VOICE_REPORT: comes back in the event
        uint32_t unscheduled;           // UNSCHEDULE: the entry; nothing when it is done already
        struct replacement replacement; // REPLACE_SOUND
    };
};

#endif
