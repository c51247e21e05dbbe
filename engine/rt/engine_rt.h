// SPDX-License-Identifier: MIT
// engine_rt.h - the audio side of the engine: takes commands, renders, reports.
#ifndef ENGINE_RT_ENGINE_RT_H
#define ENGINE_RT_ENGINE_RT_H
#include <stdatomic.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/latest.h"
#include "alloc/queue.h"
#include "alloc/ring.h"
#include "alloc/status.h"
#include "engine/rt/clock.h"
#include "engine/rt/command.h"
#include "engine/rt/event.h"
#include "engine/rt/schedule.h"
#include "mixer/mixer.h"

/// Commands that engine_rt_process() carries out or puts into the schedule at the most for a second of audio,
/// each call its share, but for the rest of a group; all others wait for the next call. At 40 ns a command
/// (as measured under a flood, with the cuts of blocks) that is a sixteenth of a cycle's time, however long
/// the cycle: 2048 in 64 frames at 48 kHz. Those that look at all voices or buses count as several. Offline
/// there is no such limit.
#define MAX_COMMANDS_A_SECOND 1536000

/// /sync answers that may be under way at once.
#define MAX_SYNCS 1024

/// Bus graphs that control has.
#define MAX_GRAPHS 64

/// Voice reports that may be under way at once.
#define MAX_VOICE_REPORTS 1024

/// Reports for the journal that may be under way at once: few, so that a pass is spread over many cycles.
#define MAX_JOURNAL_EVENTS 64

/// Sounds whose replacement may be under way at once.
#define MAX_REPLACEMENTS 1

/// Room for the reports that may be left out when it is used up (EVENT_NONFINITE, EVENT_VOICE_LOOPED,
/// EVENT_VOICE_PAUSED), or come later (EVENT_CLOCK_STEP).
#define SPARE_EVENTS 1024

/// Blocks of BLOCK_FRAMES that a report stays readable: longer than control sleeps, at any sample rate.
#define REPORT_BLOCKS 1024

/// Room for reports; the largest, of all buses at once, is an eighth of it.
#define REPORT_BYTES 65536

/// What the mixer reports ten times a second, for each bus; newest only.
struct snapshot {
    uint64_t frame;
    uint64_t n_clipped, n_nonfinite;
    uint32_t n_active; // voices that sound or are paused
    bool should_sound; // a voice plays with a gain that is not 0, and the buses on its way are up
    uint32_t n_buses;
    struct bus_report buses[]; // n_buses of them
};

struct engine_rt {
    struct queue commands;     // control > rt
    struct queue events;       // rt > control
    struct latest snapshot;    // rt > control: struct snapshot
    struct latest clock_state; // rt > control: struct clock_state, at every cycle
    struct ring reports;       // rt > control: what events point to, for REPORT_BLOCKS blocks

    // owned by rt
    struct mixer mixer;
    struct clock clock;
    struct schedule schedule;
    uint32_t *generation; // of each voice slot
    struct command next;  // taken from the queue, and not done yet
    uint32_t n_stepped;   // of the queue, from its head: what was put there before the system's clock was set
    uint64_t step;        // by this much: 32.32 seconds, two's complement
    bool has_next;
    uint64_t frame;    // frames rendered since the start
    uint64_t n_blocks; // in as many pieces
    uint64_t n_nonfinite;
    uint64_t n_reports_lost; // reports that found no room
    int64_t step_ns;         // of the system's clock that control has not been told yet
    uint64_t next_snapshot_frame;
    uint32_t snapshot_interval;
    uint32_t owed_events; // room of the event queue that reports may not take

    // of the present cycle, or the last one
    int64_t budget;        // commands that may still be done; 0 or less: none but the rest of a group
    uint32_t n_waiting;    // of the queue: what comes in while the cycle is made waits for the next one
    uint32_t n_cuts;       // of blocks that may still be made
    uint32_t n_exact;      // frames at which WHEN_ARRIVAL may still be carried out exactly
    uint64_t uncut_until;  // end of the last block that could not be cut
    uint64_t last_arrival; // frame at which WHEN_ARRIVAL was carried out
};

// ---- set-up: before any thread runs ----

/// Where the memory comes from; all of it may be one.
struct rt_memory {
    struct allocator *queues;
    struct mixer_memory mixer;
};

/// `queue_slots`: a power of two. `n_scheduled`: commands that can wait for their time, 1 to 65535. Its clock
/// is live; clock_init_exact() makes it exact.
NODISCARD enum status engine_rt_init(struct engine_rt *e, const struct rt_memory *memory,
                                     const struct mixer_config *config, uint32_t queue_slots,
                                     uint32_t n_scheduled);

// ---- control, while no cycle runs ----

/// The engine goes on at another sample rate (Hz, 8000 to 192000): voices keep their pitch and their place in
/// seconds, and so does all that is on its way or waits. As many steps as there are voices and buses.
void engine_rt_set_rate(struct engine_rt *e, uint32_t rate);

// ---- any thread ----

/// Commands that a call for so many frames may carry out when the clock is live; one for 0 frames, as many as
/// for a block.
RT_SAFE static inline uint64_t engine_rt_budget(uint32_t n_frames, uint32_t rate)
{
    return (uint64_t)(n_frames > 0 ? n_frames : BLOCK_FRAMES) * MAX_COMMANDS_A_SECOND / rate;
}

// ---- rt ----

/// Takes the waiting commands, in order, and those of the schedule that are due, each at its frame, and
/// writes the next `n_frames` to `out`, one plane for each of the mixer's `n_channels`. Any number of frames;
/// 0 only takes commands that are to be done now. Renders in blocks that end where the engine's frame count
/// is a multiple of BLOCK_FRAMES or a command is due, so that the result does not depend on how the calls are
/// cut. `now`: when the cycle began; NULL when the clock is exact, or with 0 frames. At one frame, what
/// waited in the schedule comes before what comes from the queue.
RT_SAFE void engine_rt_process(struct engine_rt *e, const struct moment *now, float *const *out,
                               uint32_t n_channels, uint32_t n_frames);

// ---- rt: between the files of this module ----

/// Carries out one command now.
RT_SAFE void apply_command(struct engine_rt *e, const struct command *c);

/// Reports to control. There is always room for what is owed.
RT_SAFE void emit_event(struct engine_rt *e, enum event_type type, uint32_t slot, uint64_t value);
/// The same for a report that is not owed. False when there was no room for it (counted).
RT_SAFE bool emit_spare_event(struct engine_rt *e, enum event_type type, uint32_t slot, uint64_t value);
RT_SAFE void emit_due(struct engine_rt *e, uint32_t entry, struct due due);
RT_SAFE void emit_voice_report(struct engine_rt *e, uint32_t slot, uint64_t token,
                               const struct voice_report *r);
/// What a block has brought.
RT_SAFE void report_block(struct engine_rt *e);
/// Tells of a jump of the system's clock, now or when there is room.
RT_SAFE void report_step(struct engine_rt *e, int64_t step_ns);
RT_SAFE void publish_snapshot(struct engine_rt *e);
RT_SAFE void publish_clock(struct engine_rt *e);

#endif
