// SPDX-License-Identifier: MIT
// jack.c - a client of a JACK server (or of PipeWire, which speaks the same): the server calls, we render.
//
// Every call into libjack that talks to the server may wait for ever on one that hangs. So each runs on a
// thread of its own, for which control waits a bounded time. A call that takes longer is abandoned: the
// thread keeps the backend, and gives libjack's part and the memory back if the call ever returns. Until then
// nothing else of libjack is called, for it holds a lock of its own meanwhile.
#include <errno.h>
#include <jack/jack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc/strbuf.h"
#include "engine/backends/backend.h"
#include "engine/backends/jack_links.h"
#include "engine/log.h"

#define OPEN_TIMEOUT_MS  3000
#define CLOSE_TIMEOUT_MS 1000 // part of the two seconds in which the daemon has to leave

#define HANGS                                                                                                \
    "the JACK server hangs: libjack still waits for its answer; end the server (kill -KILL) and start it "   \
    "again, or chimed where other clients come and go"

struct jack_backend;
typedef enum status jack_job(struct jack_backend *b, char *reason);

struct jack_backend {
    struct backend base;
    jack_client_t *client;
    jack_port_t *ports[MAX_OUTPUT_CHANNELS];
    char name[64], server[64]; // copies: an abandoned call may outlive the configuration
    _Atomic bool connect;      // to physical ports what is connected to nothing that anybody chose
    bool started;

    // under `lock`
    jack_job *job;
    enum status status;
    char reason[BACKEND_REASON_BYTES];
    bool busy;     // a job runs
    bool orphaned; // nobody waits for it: its thread closes and frees
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_ended;
static uint32_t n_hung; // orphans; under `lock`

/// Of the server `links_server`. Touched by jobs alone, and no two of them run at once.
static struct jack_links links;
static char links_server[64];
static bool links_connect; // physical ports have been connected for them

static struct jack_backend *of(struct backend *backend)
{
    return (struct jack_backend *)backend;
}

// ---- bounded calls ----

static void init_once(void)
{
    pthread_condattr_t attributes; // the default clock of a wait jumps when somebody sets the time
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&job_ended, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void *run_job(void *argument)
{
    struct jack_backend *b = argument;
    char reason[BACKEND_REASON_BYTES] = "";
    enum status status = b->job(b, reason);
    pthread_mutex_lock(&lock);
    b->status = status;
    memcpy(b->reason, reason, sizeof reason);
    b->busy = false;
    bool orphaned = b->orphaned;
    pthread_cond_broadcast(&job_ended);
    pthread_mutex_unlock(&lock);
    if (!orphaned) return NULL; // `b` is control's again
    if (b->client != NULL) jack_client_close(b->client);
    backend_unmake(b, sizeof *b);
    pthread_mutex_lock(&lock);
    n_hung--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/// Waits until the job has ended; false after `timeout_ms`. Called and returns with the lock held.
static bool await_job(const struct jack_backend *b, uint32_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (b->busy)
        if (pthread_cond_timedwait(&job_ended, &lock, &until) == ETIMEDOUT) break;
    return !b->busy;
}

/// Runs `job` on a thread of its own. STATUS_BUSY when it, or an earlier one, takes too long: it still runs
/// then.
static enum status call(struct jack_backend *b, jack_job *job, uint32_t timeout_ms, char *reason)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&lock);
    if (!b->busy) {
        pthread_t thread;
        b->job = job;
        status = backend_thread_start(&thread, run_job, b);
        b->busy = status == STATUS_OK;
        if (b->busy)
            pthread_detach(thread);
        else
            snprintf(reason, BACKEND_REASON_BYTES, "cannot start a thread: %s", status_text(status));
    }
    if (status == STATUS_OK && await_job(b, timeout_ms)) {
        status = b->status;
        memcpy(reason, b->reason, BACKEND_REASON_BYTES);
    } else if (status == STATUS_OK) {
        status = STATUS_BUSY;
        snprintf(reason, BACKEND_REASON_BYTES, HANGS);
    }
    pthread_mutex_unlock(&lock);
    return status;
}

// ---- what libjack calls ----

/// Audio thread, once.
static void on_thread_init(void *argument)
{
    (void)argument;
    backend_touch_stack();
}

/// Audio thread.
static int on_process(jack_nframes_t n_frames, void *argument)
{
    struct jack_backend *b = argument;
    uint32_t n_channels = b->base.n_channels;
    float *out[MAX_OUTPUT_CHANNELS];
    if (n_frames == 0) return 0;
    for (uint32_t i = 0; i < n_channels; i++) {
        out[i] = jack_port_get_buffer(b->ports[i], n_frames);
        if (out[i] == NULL) return 0; // of a port that has gone; without calls control goes on elsewhere
    }
    backend_cycle(&b->base, out, n_frames);
    return 0;
}

// The stores and counts below are relaxed: each is a number or a flag that stands for itself.

/// What lies between our ports and the speakers: the latency of the ports that they are connected to. That of
/// our own ports would be the same, but stays as it was when the server changes its period.
static void look_up_latency(struct jack_backend *b)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < b->base.n_channels; i++) {
        const char **targets = b->ports[i] != NULL ? jack_port_get_connections(b->ports[i]) : NULL;
        for (uint32_t k = 0; targets != NULL && targets[k] != NULL; k++) {
            jack_port_t *target = jack_port_by_name(b->client, targets[k]);
            jack_latency_range_t range = {0};
            if (target != NULL) jack_port_get_latency_range(target, JackPlaybackLatency, &range);
            if (range.max > most) most = range.max;
        }
        jack_free(targets);
    }
    atomic_store_explicit(&b->base.latency_frames, most, memory_order_relaxed);
}

/// The engine takes callbacks of any length, so nothing has to be made anew.
static int on_buffer_size(jack_nframes_t n_frames, void *argument)
{
    struct jack_backend *b = argument;
    atomic_store_explicit(&b->base.period_frames, n_frames, memory_order_relaxed);
    look_up_latency(b);
    return 0;
}

/// Connections have changed.
static void on_latency(jack_latency_callback_mode_t mode, void *argument)
{
    if (mode == JackPlaybackLatency) look_up_latency(argument);
}

static int on_xrun(void *argument)
{
    struct jack_backend *b = argument;
    backend_count_xrun(&b->base);
    return 0;
}

/// PipeWire can change its rate under a client: the engine has to follow.
static int on_sample_rate(jack_nframes_t rate, void *argument)
{
    struct jack_backend *b = argument;
    if (rate == b->base.rate && b->base.next_rate == 0) return 0;
    atomic_store_explicit(&b->base.next_rate, rate, memory_order_relaxed);
    backend_tell(&b->base);
    return 0;
}

/// May run where only async-signal-safe code may, and must not call libjack.
static void on_shutdown(jack_status_t code, const char *why, void *argument)
{
    (void)code;
    (void)why;
    struct jack_backend *b = argument;
    atomic_store_explicit(&b->base.lost, true, memory_order_relaxed);
    backend_tell(&b->base);
}

/// PipeWire (0.3.65) keeps quiet towards those that ask for the reason.
static void on_plain_shutdown(void *argument)
{
    on_shutdown(0, "", argument);
}

static void on_connections(struct jack_backend *b)
{
    atomic_store_explicit(&b->base.has_changed, true, memory_order_relaxed);
    backend_tell(&b->base);
}

static void on_connect(jack_port_id_t one, jack_port_id_t other, int connect, void *argument)
{
    (void)one, (void)other, (void)connect;
    on_connections(argument);
}

static void on_registration(jack_port_id_t port, int is_new, void *argument)
{
    (void)port, (void)is_new;
    on_connections(argument);
}

static void on_message(const char *text)
{
    log_debug("jack: %s", text);
}

// ---- jobs ----

/// For people; libjack reads the same variable when no server is named.
static const char *server_name(const struct jack_backend *b)
{
    const char *variable = getenv("JACK_DEFAULT_SERVER");
    if (b->server[0] != 0) return b->server;
    return variable != NULL && variable[0] != 0 ? variable : "default";
}

static enum status explain(const struct jack_backend *b, jack_status_t why, char *reason)
{
    const char *server = server_name(b);
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

static bool set_callbacks(struct jack_backend *b)
{
    jack_on_info_shutdown(b->client, on_shutdown, b);
    jack_on_shutdown(b->client, on_plain_shutdown, b);
    return jack_set_process_callback(b->client, on_process, b) == 0 &&
           jack_set_thread_init_callback(b->client, on_thread_init, b) == 0 &&
           jack_set_buffer_size_callback(b->client, on_buffer_size, b) == 0 &&
           jack_set_sample_rate_callback(b->client, on_sample_rate, b) == 0 &&
           jack_set_latency_callback(b->client, on_latency, b) == 0 &&
           jack_set_xrun_callback(b->client, on_xrun, b) == 0 &&
           jack_set_port_connect_callback(b->client, on_connect, b) == 0 &&
           jack_set_port_registration_callback(b->client, on_registration, b) == 0;
}

static enum status job_close(struct jack_backend *b, char *reason)
{
    (void)reason;
    if (b->client != NULL) jack_client_close(b->client);
    b->client = NULL;
    return STATUS_OK;
}

static enum status job_open(struct jack_backend *b, char *reason)
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
    if (register_ports(b) && set_callbacks(b)) return STATUS_OK;
    snprintf(reason, BACKEND_REASON_BYTES, "the JACK server has no room for %u more ports",
             b->base.n_channels);
    (void)job_close(b, reason);
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

static enum status job_start(struct jack_backend *b, char *reason)
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

static enum status job_look(struct jack_backend *b, char *reason)
{
    (void)reason;
    connect_if_new(b);
    jack_links_learn(&links, b->client, b->ports, b->base.n_channels);
    return STATUS_OK;
}

static enum status job_stop(struct jack_backend *b, char *reason)
{
    (void)reason;
    jack_deactivate(b->client);
    return STATUS_OK;
}

// ---- control ----

static void jack_stop(struct backend *backend)
{
    struct jack_backend *b = of(backend);
    if (!b->started) return;
    b->started = false;
    // libjack may cancel its thread in the middle of whatever it does: first get it out of the engine.
    while (!backend_shut_gate(backend))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    char reason[BACKEND_REASON_BYTES];
    if (!atomic_load_explicit(&backend->lost, memory_order_relaxed) &&
        call(b, job_stop, CLOSE_TIMEOUT_MS, reason) == STATUS_BUSY) {
        log_warning("jack: %s", reason);
        atomic_store_explicit(&backend->lost, true, memory_order_relaxed);
    }
}

/// Hands the backend to the thread that hangs in libjack with it, if there is one.
static bool orphan_if_busy(struct jack_backend *b)
{
    pthread_mutex_lock(&lock);
    b->orphaned = b->busy;
    bool orphaned = b->orphaned;
    if (orphaned) n_hung++;
    pthread_mutex_unlock(&lock);
    return orphaned;
}

static void jack_close(struct backend *backend)
{
    if (backend == NULL) return;
    struct jack_backend *b = of(backend);
    jack_stop(backend);
    bool orphaned = orphan_if_busy(b);
    if (!orphaned && b->client != NULL) {
        char reason[BACKEND_REASON_BYTES];
        enum status status = call(b, job_close, CLOSE_TIMEOUT_MS, reason);
        orphaned = orphan_if_busy(b);
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
    const char *server = b->server[0] != 0 ? b->server : getenv("JACK_DEFAULT_SERVER");
    return strcmp(b->name, server != NULL ? server : "default") == 0;
}

static enum status jack_open(const struct config *config, const char *target, struct backend **backend,
                             char *reason)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    jack_set_error_function(on_message);
    jack_set_info_function(on_message);
    pthread_mutex_lock(&lock);
    bool hung = n_hung > 0;
    pthread_mutex_unlock(&lock);
    if (hung) {
        snprintf(reason, BACKEND_REASON_BYTES, HANGS);
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
    enum status status = call(b, job_open, OPEN_TIMEOUT_MS, reason);
    if (status != STATUS_OK) {
        jack_close(&b->base);
        return status;
    }
    *backend = &b->base;
    return STATUS_OK;
}

static enum status jack_start(struct backend *backend, struct cycle *cycle, char *reason)
{
    struct jack_backend *b = of(backend);
    if (b->started) return STATUS_OK;
    backend->cycle = cycle;
    b->started = true;
    enum status status = call(b, job_start, OPEN_TIMEOUT_MS, reason);
    if (status != STATUS_OK) jack_stop(backend); // an abandoned start may still come through: no cycles then
    return status;
}

static void jack_look(struct backend *backend)
{
    struct jack_backend *b = of(backend);
    char reason[BACKEND_REASON_BYTES];
    if (!b->started || atomic_load_explicit(&backend->lost, memory_order_relaxed)) return;
    if (call(b, job_look, CLOSE_TIMEOUT_MS, reason) == STATUS_BUSY) log_warning("jack: %s", reason);
}

/// jack_look() does what is to be done.
static void jack_configure(struct backend *backend, const struct config *config)
{
    struct jack_backend *b = of(backend);
    b->connect = strcmp(config->jack_connect, "none") != 0;
    on_connections(b);
}

static void jack_describe(const struct backend *backend, char *text, uint32_t size)
{
    const struct jack_backend *b = (const struct jack_backend *)backend;
    snprintf(text, size, "server %s, client %s, %u frames", b->server[0] != 0 ? b->server : "default",
             b->name, atomic_load_explicit(&backend->period_frames, memory_order_relaxed));
}

const struct backend_ops backend_jack = {.name = "jack",
                                         .open = jack_open,
                                         .start = jack_start,
                                         .stop = jack_stop,
                                         .close = jack_close,
                                         .look = jack_look,
                                         .configure = jack_configure,
                                         .describe = jack_describe};
