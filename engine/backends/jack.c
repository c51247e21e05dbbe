// SPDX-License-Identifier: MIT
// jack.c - a client of a JACK server (or of PipeWire, which speaks the same): the server calls, we render.
//
// Every call into libjack that talks to the server may wait for ever on one that hangs: see jack_calls.c.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "alloc/strbuf.h"
#include "engine/backends/jack_parts.h"
#include "engine/log.h"

#define OPEN_TIMEOUT_MS  3000
#define CLOSE_TIMEOUT_MS 1000 // part of the two seconds in which the daemon has to leave

static void on_message(const char *text)
{
    log_debug("jack: %s", text);
}

static void jack_stop(struct backend *backend)
{
    struct jack_backend *b = jack_of(backend);
    if (!b->started) return;
    b->started = false;
    // libjack may cancel its thread in the middle of whatever it does: first get it out of the
    // engine.
    while (!backend_shut_gate(backend))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    char reason[BACKEND_REASON_BYTES];
    if (!atomic_load_explicit(&backend->lost, memory_order_relaxed) &&
        jack_call(b, jack_job_stop, CLOSE_TIMEOUT_MS, reason) == STATUS_BUSY) {
        log_warning("jack: %s", reason);
        atomic_store_explicit(&backend->lost, true, memory_order_relaxed);
    }
}

static void jack_close(struct backend *backend)
{
    if (backend == NULL) return;
    struct jack_backend *b = jack_of(backend);
    jack_stop(backend);
    bool orphaned = jack_orphan_if_busy(b);
    if (!orphaned && b->client != NULL) {
        char reason[BACKEND_REASON_BYTES];
        enum status status = jack_call(b, jack_job_close, CLOSE_TIMEOUT_MS, reason);
        orphaned = jack_orphan_if_busy(b);
        if (!orphaned && status != STATUS_OK && status != STATUS_BUSY) {
            log_warning("jack: %s; the connection is left open", reason);
            return; // libjack still has pointers into it
        }
    }
    if (orphaned)
        log_warning("jack: the server hangs; the connection to it is left behind");
    else
        backend_unmake(b, sizeof *b);
}

/// Sockets of libjack have a name of client or server alone: a client's removes that of a server of its name.
static bool has_servers_name(const struct jack_backend *b)
{
    return strcmp(b->name, jack_server_name(b)) == 0;
}

static enum status jack_open(const struct config *config, const char *target, struct backend **backend,
                             char *reason)
{
    jack_calls_init();
    jack_set_error_function(on_message);
    jack_set_info_function(on_message);
    if (jack_hangs()) {
        snprintf(reason, BACKEND_REASON_BYTES, JACK_HANGS);
        return STATUS_BUSY;
    }
    struct jack_backend *b = backend_make(sizeof *b);
    if (b == NULL || config->channels > MAX_OUTPUT_CHANNELS) {
        snprintf(reason, BACKEND_REASON_BYTES, "no memory for a JACK client");
        backend_unmake(b, sizeof *b);
        return STATUS_NO_MEMORY;
    }
    b->base.ops = &backend_jack;
    b->base.config = config;
    b->base.n_channels = config->channels;
    b->connect = strcmp(config->jack_connect, "none") != 0;
    memcpy(b->name, config->jack_name, sizeof b->name);
    const char *server = target[0] != 0 ? target : config->jack_server;
    if (!string_copy(b->server, sizeof b->server, server)) {
        snprintf(reason, BACKEND_REASON_BYTES, "\"%s\" is too long for a JACK server's name", server);
        backend_unmake(b, sizeof *b);
        return STATUS_BAD_ARGUMENT;
    }
    if (has_servers_name(b)) {
        snprintf(reason, BACKEND_REASON_BYTES,
                 "the JACK server is called \"%s\", too, and libjack would take it away: set jack_name",
                 b->name);
        backend_unmake(b, sizeof *b);
        return STATUS_BAD_ARGUMENT;
    }
    enum status status = jack_call(b, jack_job_open, OPEN_TIMEOUT_MS, reason);
    if (status != STATUS_OK) {
        jack_close(&b->base);
        return status;
    }
    *backend = &b->base;
    return STATUS_OK;
}

static enum status jack_start(struct backend *backend, struct cycle *cycle, char *reason)
{
    struct jack_backend *b = jack_of(backend);
    if (b->started) return STATUS_OK;
    backend->cycle = cycle;
    b->started = true;
    enum status status = jack_call(b, jack_job_start, OPEN_TIMEOUT_MS, reason);
    if (status != STATUS_OK) jack_stop(backend); // an abandoned start may still come through: no cycles then
    return status;
}

static void jack_look(struct backend *backend)
{
    struct jack_backend *b = jack_of(backend);
    char reason[BACKEND_REASON_BYTES];
    if (!b->started || atomic_load_explicit(&backend->lost, memory_order_relaxed)) return;
    if (jack_call(b, jack_job_look, CLOSE_TIMEOUT_MS, reason) == STATUS_BUSY) log_warning("jack: %s", reason);
}

/// jack_look() does what is to be done.
static void jack_configure(struct backend *backend, const struct config *config)
{
    struct jack_backend *b = jack_of(backend);
    b->connect = strcmp(config->jack_connect, "none") != 0;
    jack_tell_connections(b);
}

static void jack_describe(const struct backend *backend, char *text, uint32_t size)
{
    const struct jack_backend *b = (const struct jack_backend *)backend;
    snprintf(text, size, "server %s, client %s, %u frames", jack_server_name(b), b->name,
             atomic_load_explicit(&backend->period_frames, memory_order_relaxed));
}

const struct backend_ops backend_jack = {.name = "jack",
                                         .open = jack_open,
                                         .start = jack_start,
                                         .stop = jack_stop,
                                         .close = jack_close,
                                         .look = jack_look,
                                         .configure = jack_configure,
                                         .describe = jack_describe};
