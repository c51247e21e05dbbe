// SPDX-License-Identifier: MIT
// jack_parts.h - what the files of the jack backend ask of one another. For the jack backend alone.
#ifndef ENGINE_BACKENDS_JACK_PARTS_H
#define ENGINE_BACKENDS_JACK_PARTS_H
#include <jack/jack.h>

#include "engine/backends/backend.h"

struct jack_backend;
typedef enum status jack_job(struct jack_backend *b, char *reason);

struct jack_backend {
    struct backend base;
    jack_client_t *client;
    jack_port_t *ports[MAX_OUTPUT_CHANNELS];
    char name[64], server[64]; // copies: an abandoned call may outlive the configuration
    _Atomic bool connect;      // to physical ports what is connected to nothing that anybody chose
    bool started;

    // jack_calls.c's own, under its lock
    jack_job *job;
    enum status status;
    char reason[BACKEND_REASON_BYTES];
    bool busy;     // a job runs
    bool orphaned; // nobody waits for it: its thread closes and frees
};

static inline struct jack_backend *jack_of(struct backend *backend)
{
    return (struct jack_backend *)backend;
}

// ---- jack_calls.c: calls into libjack that may hang ----

/// For people.
#define JACK_HANGS                                                                                           \
    "the JACK server hangs: libjack still waits for its answer; end the server (kill -KILL) and start it "   \
    "again, or chimed where other clients come and go"

/// Once, before any other.
void jack_calls_init(void);
/// Runs `job` on a thread of its own. STATUS_BUSY when it, or an earlier one, takes too long: it still runs
/// then.
NODISCARD enum status jack_call(struct jack_backend *b, jack_job *job, uint32_t timeout_ms, char *reason);
/// Hands the backend to the thread that hangs in libjack with it, if there is one.
NODISCARD bool jack_orphan_if_busy(struct jack_backend *b);
/// Such a thread is still there.
bool jack_hangs(void);

// ---- jack_jobs.c: what is called ----

jack_job jack_job_open, jack_job_start, jack_job_look, jack_job_stop, jack_job_close;
/// As libjack takes it: from the environment when none is configured.
const char *jack_server_name(const struct jack_backend *b);

// ---- jack_events.c: what libjack calls ----

/// Before the client is activated.
NODISCARD bool jack_set_callbacks(struct jack_backend *b);
/// There is something for jack_job_look() to do. Any thread.
void jack_tell_connections(struct jack_backend *b);

#endif
