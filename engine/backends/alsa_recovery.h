// SPDX-License-Identifier: MIT
// alsa_recovery.h - what to do next with an ALSA device: one pure state machine for its good and its bad
// days.
//
// The audio thread loops: do the action, look at the device, ask for the next action. All waiting and all
// calls into alsa-lib are the thread's; here is only the decision.
//
//   STARTING   the device must be prepared, filled with silence and started
//   RUNNING    it plays; render whenever there is room for a period
//   SUSPENDED  the system slept, and the device may not be back yet
//   GONE       unplugged or beyond help; the end
#ifndef ENGINE_BACKENDS_ALSA_RECOVERY_H
#define ENGINE_BACKENDS_ALSA_RECOVERY_H
#include <alsa/asoundlib.h>
#include <stdbool.h>
#include <stdint.h>

enum alsa_state { ALSA_STARTING, ALSA_RUNNING, ALSA_SUSPENDED, ALSA_GONE };

enum alsa_action {
    ALSA_DO_WAIT,         // wait until the device has room, or something else to say
    ALSA_DO_RENDER,       // run a cycle and write it
    ALSA_DO_START,        // prepare, fill with silence, start
    ALSA_DO_START_LATER,  // the same, after ALSA_RETRY_MS
    ALSA_DO_RESUME,       // snd_pcm_resume()
    ALSA_DO_RESUME_LATER, // the same, after ALSA_RETRY_MS
    ALSA_DO_CLOSE,        // close the device at once: a held descriptor blocks the driver's removal
};

/// Pause between attempts to resume or to start.
#define ALSA_RETRY_MS 100
/// Attempts to resume before the device is prepared anew (3 s).
#define ALSA_MAX_RESUMES 30
/// Starts without a single rendered period between them before the device counts as gone.
#define ALSA_MAX_FAILURES 10

/// A zeroed struct is the beginning.
struct alsa_recovery {
    enum alsa_state state;
    uint32_t n_resumes;  // attempts in this suspension
    uint32_t n_failures; // starts since a period was rendered
};

/// What the thread saw after its last action.
struct alsa_seen {
    int error;             // of the action or of the look at the device: 0 or a negative errno
    snd_pcm_state_t state; // of the device
    bool poll_failed;      // POLLERR, POLLHUP or POLLNVAL
    bool stalled;          // the wait ended without a sign of life
    bool woken;            // it ended with one
    uint64_t avail_frames; // room in the buffer
};

/// The next action. `xrun` is set when the stream was interrupted just now, else cleared.
enum alsa_action alsa_recovery_step(struct alsa_recovery *r, const struct alsa_seen *seen,
                                    uint32_t period_frames, bool *xrun);

#endif
