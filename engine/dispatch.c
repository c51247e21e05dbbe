// SPDX-License-Identifier: MIT
// dispatch.c - the steps of the control thread's loop: requests to their handlers, reports of rt and the
// worker.
#include "engine/dispatch.h"

#include <sys/eventfd.h>
#include <time.h>

#include "engine/handlers.h"
#include "engine/log.h"

typedef void handler(struct control *c, const struct call *call);

static handler *const handlers[N_METHODS] = {
    [METHOD_PLAY] = handle_play,
    [METHOD_STOP] = handle_stop,
    [METHOD_PAUSE] = handle_pause,
    [METHOD_RESUME] = handle_resume,
    [METHOD_SEEK] = handle_seek,
    [METHOD_VOICE_SET] = handle_voice_set,
    [METHOD_VOICE_LIST] = handle_voice_list,
    [METHOD_SOUND_LOAD] = handle_sound_load,
    [METHOD_SOUND_UNLOAD] = handle_sound_unload,
    [METHOD_SOUND_LIST] = handle_sound_list,
    [METHOD_BUS_NEW] = handle_bus_new,
    [METHOD_BUS_SET] = handle_bus_set,
    [METHOD_BUS_LIST] = handle_bus_list,
    [METHOD_STATUS] = handle_status,
    [METHOD_MEMORY] = handle_memory,
    [METHOD_PING] = handle_ping,
    [METHOD_SYNC] = handle_sync,
    [METHOD_QUIT] = handle_quit,
};

// ---- requests ----

/// A datagram while its messages are visited.
struct visit {
    struct control *control;
    struct datagram *datagram;
};

/// The present as an OSC time tag: seconds since 1900 in 32.32 fixed point.
static uint64_t ntp_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t fraction = ((uint64_t)now.tv_nsec << 32) / 1000000000;
    return ((uint64_t)now.tv_sec + UINT64_C(2208988800)) << 32 | fraction;
}

static void handle_message(void *context, const struct osc_message *message)
{
    struct visit *v = context;
    struct control *c = v->control;
    struct request request;
    char text[ERROR_TEXT_BYTES];
    struct strbuf why = strbuf_make(text, sizeof text);
    struct call call = {&request, &v->datagram->client, message->path, &v->datagram->fd};
    if (!c->is_offline && message->time > ntp_now()) {
        control_refuse(c, &call, API_UNSUPPORTED,
                       "a time tag that lies ahead: only scores (chimed render) may have one");
        return;
    }
    enum api_error error = parse_message(message, &request, &why);
    if (error)
        reply_error(&c->replies, call.client, message->path, error, text);
    else
        handlers[request.method](c, &call);
}

void control_handle(struct control *c, struct datagram *d)
{
    const char *problem = osc_packet_check(d->bytes, d->n_bytes);
    if (problem) {
        c->n_bad_packets++;
        reply_error(&c->replies, &d->client, "", API_BAD_PACKET, problem);
    } else {
        struct visit v = {c, d};
        osc_packet_visit(d->bytes, d->n_bytes, handle_message, &v);
    }
    worker_close(&c->worker, d->fd);
    d->fd = -1;
}

// ---- reports ----

/// Names the buses whose samples were no numbers: the first time, and then for one block of a thousand.
static void warn_nonfinite(struct control *c, struct ring_ref ref)
{
    struct nonfinite_report *report = stack_push(&c->stack, 1, ref.bytes, _Alignof(struct nonfinite_report));
    if (report && c->n_nonfinite_events++ % 1000 == 0 && ring_get(&c->rt->reports, ref, report))
        for (uint32_t i = 0; i < report->n_buses; i++)
            log_warning(
                "bus %s: %u samples that were no number were set to silence (said for 1 block of 1000)",
                c->buses.entries[report->buses[i].bus].name, report->buses[i].n_samples);
    stack_pop(&c->stack, report);
}

static void take_event(struct control *c, const struct event *e)
{
    switch ((enum event_type)e->type) {
    case EVENT_VOICE_STARTED: {
        const struct voice_entry *v = &c->voices.entries[e->slot];
        if (!v->notify) break;
        osc_add_int(reply_begin(&c->replies, "/started"), v->id);
        reply_send(&c->replies, &v->client);
        break;
    }
    case EVENT_VOICE_ENDED: finish_voice(c, e->slot, (enum voice_end)e->value); break;
    case EVENT_SYNCED: finish_sync(c); break;
    case EVENT_GRAPH_RETIRED: c->buses.graph_in_use[e->slot] = false; break;
    case EVENT_NONFINITE: warn_nonfinite(c, e->report); break;
    }
}

void control_drain_events(struct control *c)
{
    struct event e;
    while (queue_pop(&c->rt->events, &e))
        take_event(c, &e);
    if (c->graph_is_stale) control_publish_graph(c);
    c->snapshot = latest_read(&c->rt->snapshot);
}

void control_drain_results(struct control *c)
{
    eventfd_t n;
    struct job_result result;
    eventfd_read(c->worker.result_fd, &n);
    while (worker_pop(&c->worker, &result))
        finish_load(c, result.token, result.load);
    push_syncs(c);
}

int64_t control_patience_ns(const struct control *c)
{
    // rt cannot wake this thread (that would be a system call), so events are looked for: the more often, the
    // more somebody waits for them.
    if (c->syncs.first != c->syncs.next_to_push || c->graph_is_stale) return 500000;
    if (c->transport && c->transport->outbox.n_waiting > 0) return 1000000;
    if (c->voices.n_notify > 0) return 2000000;
    if (c->voices.n_used > 0) return 20000000;
    return 100000000;
}
