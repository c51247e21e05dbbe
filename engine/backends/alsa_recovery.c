// SPDX-License-Identifier: MIT
// alsa_recovery.c - what to do next with an ALSA device: one pure state machine for its good and its bad
// days.
#include "engine/backends/alsa_recovery.h"

#include <errno.h>

static bool is_gone(const struct alsa_seen *seen)
{
    // POLLERR also comes with an xrun and with a suspension, which the state tells apart. Without such a
    // state it is the only sign of an unplug that never fails to come.
    bool explained = seen->state == SND_PCM_STATE_XRUN || seen->state == SND_PCM_STATE_SUSPENDED ||
                     seen->state == SND_PCM_STATE_SETUP || seen->error == -EPIPE || seen->error == -ESTRPIPE;
    return seen->error == -ENODEV || seen->error == -ENXIO || seen->state == SND_PCM_STATE_DISCONNECTED ||
           (seen->poll_failed && !explained);
}

static bool is_suspended(const struct alsa_seen *seen)
{
    return seen->error == -ESTRPIPE || seen->state == SND_PCM_STATE_SUSPENDED;
}

/// True for errors and states of the device that only a new start mends. A start that was put off has to be
/// done again.
static bool is_broken(const struct alsa_recovery *r, const struct alsa_seen *seen)
{
    bool not_yet = seen->error == -EAGAIN || seen->error == -EINTR;
    bool no_error = seen->error == 0 || (not_yet && r->state != ALSA_STARTING);
    return !no_error || seen->stalled || seen->state == SND_PCM_STATE_XRUN ||
           seen->state == SND_PCM_STATE_SETUP || seen->state == SND_PCM_STATE_OPEN;
}

static enum alsa_action go(struct alsa_recovery *r)
{
    r->state = ALSA_GONE;
    return ALSA_DO_CLOSE;
}

static enum alsa_action start(struct alsa_recovery *r)
{
    if (r->n_failures >= ALSA_MAX_FAILURES) return go(r);
    r->state = ALSA_STARTING;
    r->n_resumes = 0;
    return r->n_failures++ == 0 ? ALSA_DO_START : ALSA_DO_START_LATER;
}

static enum alsa_action resume(struct alsa_recovery *r)
{
    bool first = r->state != ALSA_SUSPENDED;
    if (first) r->n_resumes = 0;
    r->state = ALSA_SUSPENDED;
    if (r->n_resumes++ >= ALSA_MAX_RESUMES) return start(r);
    return first ? ALSA_DO_RESUME : ALSA_DO_RESUME_LATER;
}

enum alsa_action alsa_recovery_step(struct alsa_recovery *r, const struct alsa_seen *seen,
                                    uint32_t period_frames, bool *xrun)
{
    bool was_running = r->state == ALSA_RUNNING;
    *xrun = false;
    if (r->state == ALSA_GONE || is_gone(seen)) return go(r);
    if (is_suspended(seen)) {
        // While it is suspended, an error other than "not yet" means that this driver cannot resume.
        bool not_yet =
            seen->error == 0 || seen->error == -EAGAIN || seen->error == -EINTR || seen->error == -ESTRPIPE;
        *xrun = was_running;
        return r->state == ALSA_SUSPENDED && !not_yet ? start(r) : resume(r);
    }
    // Suspended before it ran, it comes back as it was. (Some plugins never say that they run.)
    bool never_ran = r->state == ALSA_SUSPENDED && seen->state == SND_PCM_STATE_PREPARED;
    if (is_broken(r, seen) || never_ran) {
        *xrun = was_running;
        return start(r);
    }
    r->state = ALSA_RUNNING;
    if (seen->avail_frames < period_frames) return ALSA_DO_WAIT;
    r->n_failures = 0;
    return ALSA_DO_RENDER;
}
