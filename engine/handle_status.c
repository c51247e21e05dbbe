// SPDX-License-Identifier: MIT
// handle_status.c - tells how the engine is: the figures of status.def, in groups that fit into a datagram
// each.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/handlers.h"
#include "engine/now.h"
#include "engine/watch.h"

/// Figures that are together at the most this long; a longest one behind them still fits into a datagram of
/// 1400 bytes.
#define GROUP_BYTES 600

// ---- the audio thread's page faults ----

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

// ---- what status.def names ----

/// A figure for people, each for itself.
#define RELAXED(atomic) atomic_load_explicit(&(atomic), memory_order_relaxed)

#define IS_ALWAYS  true
#define IS_BACKEND (c->backend != NULL)
#define IS_SOCKETS (c->transport != NULL)

static double uptime(const struct control *c)
{
    return (double)(monotonic_ns() - c->started_ns) * 1e-9;
}

/// Seconds since 1970.
static int64_t started(const struct control *c)
{
    return (now_ns(CLOCK_REALTIME) - monotonic_ns() + c->started_ns) / 1000000000;
}

static double load_quantile(const struct control *c, double q)
{
    return load_window_quantile(&c->load_window, c->cycle, q);
}

static const char *describe_device(const struct control *c, char *text, uint32_t size)
{
    c->backend->ops->describe(c->backend, text, size);
    return text;
}

static size_t store_bytes(const struct control *c)
{
    struct memory_usage usage;
    memory_usage(c->memory, MEMORY_SOUNDS, &usage);
    return usage.used_bytes;
}

static double journal_age(const struct control *c)
{
    int64_t written_ns = c->journal.written_ns;
    return written_ns > 0 ? (double)(monotonic_ns() - written_ns) * 1e-9 : -1;
}

// ---- /status ----

/// Names a figure, in a new item when the last one is long enough.
static struct osc_writer *name(struct control *c, const struct call *call, const char *name)
{
    struct osc_writer *w = &c->replies.writer;
    if (w->n_args > GROUP_BYTES) {
        reply_add_item(&c->replies, call->client);
        reply_begin(&c->replies, "/status/info");
    }
    osc_add_text(w, name);
    return w;
}

#define ADD_INT(key, value)   osc_add_long(name(c, call, key), (int64_t)(value))
#define ADD_FLOAT(key, value) osc_add_float(name(c, call, key), (float)(value))
#define ADD_TEXT(key, value)  osc_add_text(name(c, call, key), value)

static void send_sockets(struct control *c, const struct call *call)
{
    struct listeners *l = &c->transport->listeners;
    for (uint32_t i = 0; i < l->n; i++) {
        struct listener *socket = &l->sockets[i];
        struct osc_writer *w = reply_begin(&c->replies, "/status/socket");
        osc_add_text(w, listener_kind_name(socket->kind));
        osc_add_text(w, socket->name);
        osc_add_long(w, (int64_t)listener_count_drops(socket));
        reply_add_item(&c->replies, call->client);
    }
}

void handle_status(struct control *c, const struct call *call)
{
    char device[128];
    int32_t n = 0;
    reply_begin(&c->replies, "/status/info");
#define STATUS(key, kind, when, unit, doc, type, metric, value)                                              \
    if (IS_##when) {                                                                                         \
        ADD_##kind(#key, value);                                                                             \
        n++;                                                                                                 \
    }
#include "engine/osc/status.def"
    reply_add_item(&c->replies, call->client);
    if (c->transport) send_sockets(c, call);
    osc_add_int(call_answer(c, call), n);
    call_send(c, call);
}
