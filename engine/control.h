// SPDX-License-Identifier: MIT
// control.h - the control thread: takes requests, keeps the books, tells rt what to do and clients what came
// of it.
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/memory.h"
#include "alloc/stack.h"
#include "alloc/status.h"
#include "engine/backends/chain.h"
#include "engine/bus_table.h"
#include "engine/call.h"
#include "engine/config.h"
#include "engine/health.h"
#include "engine/holds.h"
#include "engine/journal.h"
#include "engine/load_window.h"
#include "engine/osc/parse.h"
#include "engine/osc/reply.h"
#include "engine/osc/subscriptions.h"
#include "engine/osc/transport.h"
#include "engine/queries.h"
#include "engine/resample.h"
#include "engine/resume.h"
#include "engine/rt/engine_rt.h"
#include "engine/schedule_book.h"
#include "engine/sounds/sound_table.h"
#include "engine/sounds/worker.h"
#include "engine/storm.h"
#include "engine/transaction.h"
#include "engine/voice_table.h"

/// For the largest nested work: rt's report on as many buses as there can be, with room to spare.
#define CONTROL_STACK_BYTES 32768

/// A /sync that waits: first for the loads and the packets kept before it, then for its way through rt.
struct sync {
    struct client client;
    int32_t n;
    char id[REQUEST_ID_BYTES];
    uint64_t n_loads; // that were begun before it
    uint64_t n_holds; // packets that were kept before it
};

/// Syncs in order of arrival. Indices run free.
struct sync_ring {
    struct sync syncs[MAX_SYNCS];
    uint32_t first, next_to_push, end;
};

/// A /backend that waits for its answer; one at a time.
struct backend_switch {
    bool is_under_way;
    struct client client;
    char id[REQUEST_ID_BYTES];
};

struct reload;

/// Owned by the control thread.
struct control {
    const struct config *config;
    struct memory *memory;
    uint32_t rate; // of the engine, Hz
    uint32_t declick_frames;
    struct engine_rt *rt;
    bool is_offline;             // rt runs on this thread: a full queue is emptied in place
    struct backend *backend;     // that renders; NULL when offline
    struct chain *chain;         // NULL when offline
    struct cycle *cycle;         // NULL when offline
    struct reload *reload;       // NULL when offline
    struct transport *transport; // NULL when offline
    struct replies replies;
    struct stack stack; // nested work, empty between requests
    struct worker worker;
    struct sound_table sounds;
    struct voice_table voices;
    struct bus_table buses;
    struct sync_ring syncs;
    struct transaction transaction; // the packet that is being handled
    struct schedule_book book;      // the commands that wait for their time
    struct holds holds;             // the packets that wait for sounds
    struct subscriptions subscriptions;
    bool watches_voices;    // rt reports loops and pauses
    struct queries queries; // lists that are being answered
    struct journal journal;
    struct resume resume;
    const struct snapshot *snapshot; // the newest
    bool graph_is_stale;             // the tree changed while no graph was free
    struct backend_switch backend_switch;
    struct resample resample;
    struct health health;
    struct storm storm;
    uint64_t told_xruns[3]; // ours, late, device: that the log has been told
    struct load_window load_window;
    uint64_t log_seen;    // the newest line of the log that followers have been told
    uint64_t n_shed;      // voices that were stopped because the load was too high
    bool is_unlocked;     // memory that should be locked is not
    uint64_t seen_frames; // when watch.c has looked last
    uint64_t sounded_ns;  // likewise
    int64_t asleep_ns;    // that the machine has slept, likewise
    int64_t looked_ns, quiet_ns, mute_ns, next_status_ns;
    bool quit;
    bool keeps_state;            // at the end, for the next start
    int64_t started_ns;          // CLOCK_MONOTONIC
    bool is_warm;                // the audio thread has run long enough to have touched all it needs
    uint64_t n_cycles_before;    // that this backend had begun
    uint64_t page_faults_before; // of the audio thread when it had warmed up
    uint64_t n_bad_packets, n_commands_refused, n_finished, n_nonfinite_events, n_clock_steps;
    uint32_t n_commands_high, n_events_high; // that have waited at once in the queues to rt and back
};

// ---- set-up ----

NODISCARD enum status control_init(struct control *c, struct memory *memory, const struct config *config,
                                   uint32_t rate);
void control_fini(struct control *c);

/// Makes the buses of the configuration. `reason` (ERROR_TEXT_BYTES) says what is wrong with them.
NODISCARD enum status control_configure_buses(struct control *c, char *reason);

// ---- for the handlers ----

/// Figures of a pool of any kind, in blocks.
struct pool_usage {
    uint64_t n_used, n_blocks, n_high, n_refused;
};

/// Hands a command that belongs to no request to rt, to be done now. Not before a packet's commands have been
/// handed over: of methods that dispatch.c calls in the second pass, and of what events and loads bring.
/// False when the queue is full (counted).
NODISCARD bool control_push(struct control *c, const struct command *command);
/// True when `n` commands would be taken.
bool control_has_room(struct control *c, uint32_t n);

/// Seconds to frames, rounded; UINT32_MAX at the most.
uint32_t control_frames(const struct control *c, double seconds);
/// The sample rate as the clock measures it, and its distance from the nominal one; 0 before the first cycle.
struct measured_rate {
    double hz, ppm;
};
struct measured_rate control_measured_rate(struct control *c);
/// Page faults of the audio thread since it began.
uint64_t control_page_faults(const struct control *c);
/// The same since it has warmed up; 0 before.
uint64_t control_page_faults_when_warm(const struct control *c);
/// Publishes the present tree of buses: with the commands of the packet that is being handled, or now, or as
/// soon as a graph is free.
void control_publish_graph(struct control *c);

#endif
