// SPDX-License-Identifier: MIT
// jack_events.c - what libjack calls: for audio, and when something about the server or its connections
// changes.
#include "engine/backends/jack_parts.h"

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

/// What lies between our ports and the speakers: the latency of the ports that they are connected to.
/// That of our own ports would be the same, but stays as it was when the server changes its period.
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

void jack_tell_connections(struct jack_backend *b)
{
    atomic_store_explicit(&b->base.has_changed, true, memory_order_relaxed);
    backend_tell(&b->base);
}

static void on_connect(jack_port_id_t one, jack_port_id_t other, int connect, void *argument)
{
    (void)one, (void)other, (void)connect;
    jack_tell_connections(argument);
}

static void on_registration(jack_port_id_t port, int is_new, void *argument)
{
    (void)port, (void)is_new;
    jack_tell_connections(argument);
}

bool jack_set_callbacks(struct jack_backend *b)
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
