// SPDX-License-Identifier: MIT
// chain_entry.h - one backend of a chain: what may wait for its server or driver, on a thread of its own, and
// its signs of life. For the chain alone.
#ifndef ENGINE_BACKENDS_CHAIN_ENTRY_H
#define ENGINE_BACKENDS_CHAIN_ENTRY_H
#include <stdbool.h>
#include <stdint.h>

#include "engine/backends/backend.h"

/// Sample rates that the engine can have.
#define CHAIN_MIN_RATE 8000
#define CHAIN_MAX_RATE 192000

enum entry_state {
    ENTRY_CLOSED,
    ENTRY_OPENING, // a helper opens and starts it
    ENTRY_RUNNING, // it calls; the gate tells whether it renders
    ENTRY_LOOKING, // likewise, while a helper looks at it
    ENTRY_CLOSING, // a helper stops and closes it
};

/// The place of one that is not in the list.
#define ENTRY_UNLISTED UINT32_MAX

/// One backend. While a helper works on it, `backend`, `job_status` and `job_reason` are the
/// helper's; it hands them back
/// with `is_done`. Audio goes on meanwhile when it is only looked at.
struct chain_entry {
    struct config config; // as it was opened with: the rate and channels that the engine had
    struct cycle *cycle;
    int wake_fd; // an eventfd, to tell that it is done
    struct backend_choice choice;
    uint32_t place; // in the list, from 0; ENTRY_UNLISTED
    enum entry_state state;
    struct backend *backend; // NULL: closed
    int64_t since_ns;        // of the state
    enum entry_state job;
    _Atomic bool is_done;
    enum status job_status; // of the last attempt
    char job_reason[BACKEND_REASON_BYTES];
    char reason[BACKEND_REASON_BYTES]; // why it does not play; empty: it does, or nobody has tried

    // signs of life
    uint64_t n_calls_seen, n_calls_before; // the newest, and when it was started
    int64_t quiet_ns;                      // without a call, as far as control was awake to see
    int64_t changed_ns;                    // when has_changed was seen first; 0: it has been looked at

    // attempts
    int64_t next_try_ns, back_off_ns, taken_ns;
    bool is_tried;   // since it came into the list
    bool is_evicted; // it left the list, and its device is needed by what has come in its place
};

/// Sets the entry to ENTRY_OPENING, ENTRY_LOOKING or ENTRY_CLOSING and has it done. False, and nothing
/// happens, when no thread can be made: the caller tries again.
NODISCARD bool entry_start_job(struct chain_entry *e, enum entry_state what, int64_t now_ns);

/// True once, when it has been done: the entry is control's again, and its state is up to the caller.
NODISCARD bool entry_end_job(struct chain_entry *e);

/// One is under way.
bool entry_has_job(const struct chain_entry *e);

/// It is open and started.
bool entry_is_running(const struct chain_entry *e);
/// Its server or device has gone.
bool entry_is_lost(const struct chain_entry *e);

/// A backend that does not call for this long, and for some periods, makes no progress.
#define ENTRY_MIN_QUIET_NS INT64_C(200000000)
bool entry_is_quiet(const struct chain_entry *e);
/// Looks for new calls, `passed_ns` after the last time.
void entry_watch(struct chain_entry *e, int64_t passed_ns);

#endif
