// SPDX-License-Identifier: MIT
// jack_jobs.c - what is asked of a JACK server: a client, its ports and their connections.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/strbuf.h"
#include "engine/backends/jack_links.h"
#include "engine/backends/jack_parts.h"
#include "engine/log.h"

/// Of the server `links_server`. Touched by jobs alone, and no two of them run at once.
static struct jack_links links;
static char links_server[64];
static bool links_connect; // physical ports have been connected for them

const char *jack_server_name(const struct jack_backend *b)
{
    const char *variable = getenv("JACK_DEFAULT_SERVER");
    if (b->server[0] != 0) return b->server;
    return variable != NULL && variable[0] != 0 ? variable : "default";
}

static enum status explain(const struct jack_backend *b, jack_status_t why, char *reason)
{
    const char *server = jack_server_name(b);
    if ((why & (JackServerFailed | JackFailure)) == (JackServerFailed | JackFailure)) {
        snprintf(
            reason, BACKEND_REASON_BYTES,
            "no JACK server \"%s\" runs for this user: start one (jackd -d alsa), run chimed under pw-jack "
            "where PipeWire is, or choose --backend alsa or null",
            server);
        return STATUS_NOT_FOUND;
    }
    snprintf(reason, BACKEND_REASON_BYTES,
             "the JACK server \"%s\" refused the client \"%s\"%s%s (status 0x%x)", server, b->name,
             (why & JackVersionError) != 0 ? ": its version is another than libjack's" : "",
             (why & JackNameNotUnique) != 0 ? ": the name is taken" : "", (unsigned)why);
    return STATUS_SYSTEM;
}

static bool register_ports(struct jack_backend *b)
{
    for (uint32_t i = 0; i < b->base.n_channels; i++) {
        char name[16];
        snprintf(name, sizeof name, "out_%u", i + 1);
        b->ports[i] = jack_port_register(b->client, name, JACK_DEFAULT_AUDIO_TYPE,
                                         JackPortIsOutput | JackPortIsTerminal, 0);
        if (b->ports[i] == NULL) return false;
    }
    return true;
}

enum status jack_job_close(struct jack_backend *b, char *reason)
{
    (void)reason;
    if (b->client != NULL) jack_client_close(b->client);
    b->client = NULL;
    return STATUS_OK;
}

enum status jack_job_open(struct jack_backend *b, char *reason)
{
    jack_status_t why = 0;
    b->client = b->server[0] != 0
                    ? jack_client_open(b->name, JackNoStartServer | JackServerName, &why, b->server)
                    : jack_client_open(b->name, JackNoStartServer, &why);
    if (b->client == NULL) return explain(b, why, reason);
    b->base.rate = jack_get_sample_rate(b->client);
    atomic_store_explicit(&b->base.period_frames, jack_get_buffer_size(b->client), memory_order_relaxed);
    const char *name = jack_get_client_name(b->client);
    if (!name || !string_copy(b->name, sizeof b->name, name))
        log_debug("jack: the client has no name, or a long one");
    if (register_ports(b) && jack_set_callbacks(b)) return STATUS_OK;
    snprintf(reason, BACKEND_REASON_BYTES, "the JACK server has no room for %u more ports",
             b->base.n_channels);
    (void)jack_job_close(b, reason);
    return STATUS_FULL;
}

/// Outputs to the physical playback ports, in order; there may be fewer of these.
static void connect_ports(const struct jack_backend *b)
{
    const char **targets =
        jack_get_ports(b->client, NULL, JACK_DEFAULT_AUDIO_TYPE, JackPortIsPhysical | JackPortIsInput);
    for (uint32_t i = 0; targets != NULL && i < b->base.n_channels && targets[i] != NULL; i++) {
        int error = jack_connect(b->client, jack_port_name(b->ports[i]), targets[i]);
        if (error != 0 && error != EEXIST)
            log_warning("jack: cannot connect %s to %s", jack_port_name(b->ports[i]), targets[i]);
    }
    if (targets == NULL) log_info("jack: the server has no physical playback ports to connect to");
    jack_free(targets);
}

/// Once: what somebody disconnects afterwards stays so.
static void connect_if_new(const struct jack_backend *b)
{
    if (b->connect && !links_connect) connect_ports(b);
    links_connect = b->connect;
}

enum status jack_job_start(struct jack_backend *b, char *reason)
{
    if (jack_activate(b->client) != 0) {
        snprintf(reason, BACKEND_REASON_BYTES, "the JACK server does not let the client \"%s\" run", b->name);
        return STATUS_SYSTEM;
    }
    if (jack_is_realtime(b->client) == 0)
        log_warning("jack: the server runs without real-time priority, and so does the audio thread");
    bool had_links = links.is_known && strcmp(links_server, b->server) == 0;
    if (had_links) {
        jack_links_restore(&links, b->client, b->ports, b->base.n_channels);
        connect_if_new(b);
        return STATUS_OK;
    }
    links = (struct jack_links){0};
    links_connect = false;
    memcpy(links_server, b->server, sizeof links_server);
    connect_if_new(b);
    jack_links_learn(&links, b->client, b->ports, b->base.n_channels);
    return STATUS_OK;
}

enum status jack_job_look(struct jack_backend *b, char *reason)
{
    (void)reason;
    connect_if_new(b);
    jack_links_learn(&links, b->client, b->ports, b->base.n_channels);
    return STATUS_OK;
}

enum status jack_job_stop(struct jack_backend *b, char *reason)
{
    (void)reason;
    jack_deactivate(b->client);
    return STATUS_OK;
}
