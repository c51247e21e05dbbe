// SPDX-License-Identifier: MIT
// health.h - how the daemon is, in one word and a sentence why. Control thread.
#ifndef ENGINE_HEALTH_H
#define ENGINE_HEALTH_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

/// From good to bad. `chime status` leaves with 0, 10, 11, 12 and 13.
enum verdict {
    VERDICT_HEALTHY,
    VERDICT_DEGRADED,   // it plays, but not as it should
    VERDICT_RECOVERING, // on a timer, while a better backend is wanted
    VERDICT_STALLED,    // the audio clock stands still
    VERDICT_SILENT,     // voices sound, buses are up, and what leaves is silence
};

#define HEALTH_WHY_BYTES 512

/// No cycle for this long is a stall.
#define HEALTH_STALL_NS INT64_C(1000000000)
/// Silence that should be none has to last this long: sounds have pauses.
#define HEALTH_SILENCE_NS INT64_C(3000000000)

/// What there is to judge by.
struct signs {
    int64_t quiet_ns;        // since frames were rendered last
    const char *backend;     // that plays
    const char *wanted;      // the best of the chain; the same text when it plays
    const char *reason;      // why that does not play; may be empty
    bool is_on_timer;        // though another one is wanted
    bool is_fallback;        // a device plays that is not the wanted one
    int64_t mute_ns;         // for how long silence has left the engine though something should be heard
    bool is_storm;           // xruns come fast
    bool is_unlocked;        // memory that should be locked is not
    bool is_not_realtime;    // the audio thread has no real-time priority
    const char *journal;     // why the state is not being kept; NULL when it is, or need not be
    bool is_out_of_fds;      // connections wait for a file descriptor
    bool is_out_of_threads;  // a thread that was wanted could not be made
    const char *lost_socket; // the path of one that is gone and cannot be made again; NULL: none
    const char *lost_unit;   // the service manager's unit that can ("": its name is not known); NULL: none
};

/// A zeroed one is healthy.
struct health {
    enum verdict verdict;
    char why[HEALTH_WHY_BYTES]; // "" when healthy
    uint64_t n_changes;
};

/// "healthy", "degraded", "recovering", "stalled" or "silent".
const char *verdict_name(enum verdict v);

/// Judges; the reason names all that is wrong. True when the verdict or its reason is another one than
/// before. The worst that holds counts.
bool health_judge(struct health *h, const struct signs *s);

#endif
