// SPDX-License-Identifier: MIT
// handle_info.c - status, ping, sync and quit.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/dispatch.h"
#include "engine/handlers.h"

static void add_int(struct osc_writer *w, const char *name, int64_t value)
{
    osc_add_text(w, name);
    osc_add_long(w, value);
}

static void add_float(struct osc_writer *w, const char *name, double value)
{
    osc_add_text(w, name);
    osc_add_float(w, (float)value);
}

static void add_text(struct osc_writer *w, const char *name, const char *value)
{
    osc_add_text(w, name);
    osc_add_text(w, value);
}

static void add_backend(struct control *c, struct osc_writer *w)
{
    const struct backend *b = c->backend;
    char text[128];
    b->ops->describe(b, text, sizeof text);
    add_text(w, "backend", b->ops->name);
    add_text(w, "device", text);
    add_int(w, "rate", c->rate);
    // relaxed: figures for people, each for itself.
    add_int(w, "period", atomic_load_explicit(&c->cycle->last_frames, memory_order_relaxed));
    add_int(w, "channels", c->rt->mixer.n_channels);
    add_int(w, "frames", (int64_t)atomic_load_explicit(&c->cycle->frames, memory_order_relaxed));
    add_int(w, "xruns", (int64_t)atomic_load_explicit(&b->n_xruns, memory_order_relaxed));
    add_float(w, "load", atomic_load_explicit(&c->cycle->load_average_ppm, memory_order_relaxed) * 1e-6);
    // The worst since the last /status.
    add_float(w, "load_worst",
              atomic_exchange_explicit(&c->cycle->load_worst_ppm, 0, memory_order_relaxed) * 1e-6);
    add_int(w, "rt_page_faults", (int64_t)(control_page_faults_when_warm(c)));
}

void handle_status(struct control *c, const struct call *call)
{
    control_drain_events(c);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct osc_writer *w = reply_done(&c->replies, call->path);
    add_text(w, "version", CHIMED_VERSION);
    add_float(w, "uptime", (double)(now.tv_sec * 1000000000ll + now.tv_nsec - c->started_ns) * 1e-9);
    if (c->backend) add_backend(c, w);
    add_text(w, "isa", c->rt->mixer.voices.kernels->isa);
    add_int(w, "voices", c->voices.n_used);
    add_int(w, "voices_max", c->voices.n_slots);
    add_int(w, "voices_started", (int64_t)c->voices.n_started);
    add_int(w, "voices_refused", (int64_t)c->voices.n_refused);
    add_int(w, "sounds", c->sounds.max_sounds - c->sounds.n_free);
    add_int(w, "sounds_max", c->sounds.max_sounds);
    struct memory_usage sounds;
    memory_usage(c->memory, MEMORY_SOUNDS, &sounds);
    add_int(w, "sound_bytes", (int64_t)sounds.used_bytes);
    add_int(w, "sound_bytes_max", (int64_t)c->config->sound_memory << 20);
    add_int(w, "buses", c->buses.n_buses);
    add_int(w, "buses_max", c->buses.max_buses);
    add_int(w, "clipped", (int64_t)c->snapshot->n_clipped);
    add_int(w, "nonfinite", (int64_t)c->snapshot->n_nonfinite);
    add_int(w, "decoders_failed", (int64_t)atomic_load(&c->worker.decoder.n_failed));
    add_int(w, "commands_refused", (int64_t)c->n_commands_refused);
    add_int(w, "errors", (int64_t)c->replies.n_errors);
    add_int(w, "bad_packets", (int64_t)c->n_bad_packets);
    if (c->transport) {
        add_int(w, "packets", (int64_t)c->transport->n_received);
        add_int(w, "packets_lost", (int64_t)c->transport->n_kernel_dropped);
        add_int(w, "answers_lost", (int64_t)c->transport->n_answers_dropped);
    }
    reply_send(&c->replies, call->client);
}

uint64_t control_page_faults(const struct control *c)
{
    int thread_id = c->cycle ? atomic_load_explicit(&c->cycle->thread_id, memory_order_relaxed) : 0;
    char path[64], line[512];
    unsigned long minor = 0, major = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
    int fd = thread_id ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
    if (fd >= 0) close(fd);
    line[n > 0 ? n : 0] = 0;
    // proc(5): behind "pid (name)", minflt is field 10 of the line and majflt field 12.
    const char *fields = strrchr(line, ')');
    if (fields) sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &minor, &major);
    return minor + major;
}

uint64_t control_page_faults_when_warm(const struct control *c)
{
    return c->is_warm ? control_page_faults(c) - c->page_faults_before : 0;
}

void handle_ping(struct control *c, const struct call *call)
{
    reply_done(&c->replies, call->path);
    reply_send(&c->replies, call->client);
}

void handle_quit(struct control *c, const struct call *call)
{
    reply_done(&c->replies, call->path);
    reply_send(&c->replies, call->client);
    c->quit = true;
}

// ---- sync ----

void handle_sync(struct control *c, const struct call *call)
{
    struct sync_ring *ring = &c->syncs;
    if (ring->end - ring->first == MAX_SYNCS) {
        control_refuse(c, call, API_REFUSED, "refused syncs %d/%d: wait for the answers", MAX_SYNCS,
                       MAX_SYNCS);
        return;
    }
    ring->syncs[ring->end++ % MAX_SYNCS] = (struct sync){.client = *call->client,
                                                         .n = (int32_t)request_int(call->request, PARAM_N, 0),
                                                         .n_loads = c->sounds.n_loads};
    push_syncs(c);
}

void push_syncs(struct control *c)
{
    struct sync_ring *ring = &c->syncs;
    while (ring->next_to_push != ring->end) {
        const struct sync *s = &ring->syncs[ring->next_to_push % MAX_SYNCS];
        if (sound_oldest_load(&c->sounds) < s->n_loads) return;
        struct command command = {.type = COMMAND_SYNC, .token = ring->next_to_push};
        if (!control_push(c, &command)) return; // tried again when results or events come in
        ring->next_to_push++;
    }
}

void finish_sync(struct control *c)
{
    struct sync_ring *ring = &c->syncs;
    const struct sync *s = &ring->syncs[ring->first++ % MAX_SYNCS];
    osc_add_int(reply_begin(&c->replies, "/synced"), s->n);
    reply_send(&c->replies, &s->client);
}
