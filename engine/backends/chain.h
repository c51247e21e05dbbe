// SPDX-License-Identifier: MIT
// chain.h - keeps the best backend of a list playing: falls back when one is lost, and returns when it is
// back.
//
// A timer (the null backend) is always there, asleep. When the backend that plays is lost, or makes no
// progress, the timer goes on at once with the next frame. Then the better backends are tried again, each
// with a pause that grows from 100 ms to 5 s. One that opens runs behind a shut gate until it is seen to
// call, and takes over in the middle of what plays. A backend that hangs, but is not lost, is kept for a
// while: it may go on.
//
// All that may wait for a server or a driver (open, start, look, stop, close) is done by a thread that is
// made for it, one attempt at a time. One that hangs is left to itself, with its entry, until it comes back.
#ifndef ENGINE_BACKENDS_CHAIN_H
#define ENGINE_BACKENDS_CHAIN_H
#include <stdbool.h>
#include <stdint.h>

#include "engine/backends/chain_entry.h"
#include "engine/backends/hints.h"

/// Those of the list, the timer, and others: one that somebody has asked for, and those that a new
/// configuration has taken out of the list, until they are closed.
#define CHAIN_MAX_ENTRIES (2 * BACKEND_LIST_MAX + 2)

enum chain_request { REQUEST_NONE, REQUEST_WAITS, REQUEST_DONE, REQUEST_FAILED };

/// Owned by control. Static: a helper that hangs may come back at any time.
struct chain {
    struct config
        config; // with the channels of the engine, and the rate that it has now; what is opened gets a copy
    struct config first; // what the first backend was opened with
    struct chain_entry entries[CHAIN_MAX_ENTRIES];
    uint32_t n_entries, n_listed; // in use, in no order; the timer may be listed, or not
    bool is_auto;
    struct chain_entry *timer;
    struct chain_entry *current; // the one that renders; NULL before the start
    struct chain_entry *next;    // takes over as soon as the gate of `current` is shut; else NULL
    struct chain_entry *pinned;  // somebody has asked for it: the best of all; else NULL
    struct chain_entry *pinned_before;
    struct chain_entry *fallback; // gave its device to one of the same word, and plays again unless that does
    struct cycle *cycle;
    int wake_fd; // eventfd, readable when there is something to look at
    struct hints hints;
    bool lacks_threads; // for the last helper none could be made
    int64_t turn_ns, switch_ns;
    int64_t lost_ns; // when a backend went that is not back yet; 0: none
    enum chain_request request;
    char request_reason[BACKEND_REASON_BYTES];
    uint64_t n_losses, n_returns, n_rate_changes;
    int64_t recovery_ns; // the time that the last return took; 0: none yet
};

// ---- set-up ----

/// Reads config.backend and opens the first of its backends that can be. A zeroed struct may be given to
/// chain_stop().
NODISCARD enum status chain_open(struct chain *c, const struct config *config, char *reason);
/// Starts it: from here on the engine runs. `cycle` is borrowed until chain_stop().
NODISCARD enum status chain_start(struct chain *c, struct cycle *cycle, char *reason);
/// Stops all, and waits for helpers, but not for long. False when one hangs: what it has is left behind, and
/// the audio thread of its backend may still run, so that the process must end with all memory in place.
NODISCARD bool chain_stop(struct chain *c);

// ---- control, in every turn of its loop ----

/// Never waits. The one that renders may be another one afterwards.
void chain_turn(struct chain *c, int64_t now_ns);
/// How long the loop may sleep, unless `wake_fd` or `hints.fd` becomes readable.
int64_t chain_patience_ns(const struct chain *c, int64_t now_ns);

/// Asks for a backend by its word, or its kind ("alsa": the first of the list), in the list or not; "auto":
/// for the best of the list again. `request` tells what comes of it. Fails with a reason when it is none, or
/// when another one is under way.
NODISCARD enum status chain_ask(struct chain *c, const char *word, char *reason);

/// Takes another list, and what backends are opened with: device, format, period, periods, jack_connect. What
/// plays goes on if it is in the list and nothing that it was opened with has changed; else until the one
/// that comes in its place can play, or, when that needs its device, until now: then the timer bridges the
/// gap, and what played comes back when the device refuses the new settings. Fails with a reason, and has
/// changed nothing, when the list is none or too much is still being closed.
NODISCARD enum status chain_reconfigure(struct chain *c, const struct config *config, char *reason);

/// The entries for people: the best first, those that nobody wants any more left out unless they are open.
/// Returns how many.
uint32_t chain_order(const struct chain *c, const struct chain_entry *entries[CHAIN_MAX_ENTRIES]);

/// The backend that renders. NULL before the start.
static inline struct backend *chain_backend(const struct chain *c)
{
    return c->current ? c->current->backend : NULL;
}
/// The sample rate of the engine: that of the backend that renders, or of the last one.
uint32_t chain_rate(const struct chain *c);
/// The one that should.
const struct chain_entry *chain_best(const struct chain *c);
/// It does not move: no cycle has begun for so long.
int64_t chain_quiet_ns(const struct chain *c);
/// "plays", "ready", "hangs", "opening", "closing" or "waits", a literal.
const char *chain_entry_state(const struct chain *c, const struct chain_entry *e);

#endif
