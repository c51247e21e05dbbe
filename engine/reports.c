// SPDX-License-Identifier: MIT
// reports.c - takes what rt reports.
#include "engine/reports.h"

#include <assert.h>

#include "engine/handlers.h"
#include "engine/log.h"
#include "engine/publish.h"
#include "engine/reload.h"

// ---- rt ----

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

static void take_clock_step(struct control *c, int64_t ns)
{
    c->n_clock_steps++;
    scheduled_texts_shift(&c->journal.texts, ns);
    c->journal.n_moves++;
    publish_clock_step(c, (double)ns * 1e-9);
    log_warning("the system's clock has jumped by %+.6f s; what is scheduled keeps its distance from now",
                (double)ns * 1e-9);
}

/// What may be news to the journal.
static bool is_change(const struct event *e)
{
    return e->type == EVENT_VOICE_STARTED || e->type == EVENT_VOICE_ENDED || e->type == EVENT_DUE ||
           e->type == EVENT_CLOCK_STEP;
}

static void take_event(struct control *c, const struct event *e)
{
    switch ((enum event_type)e->type) {
    case EVENT_VOICE_STARTED: begin_voice(c, e->slot); break;
    case EVENT_VOICE_ENDED: finish_voice(c, e->slot, (enum voice_end)e->value); break;
    case EVENT_VOICE_LOOPED: publish_voice(c, OSC_EVENT_LOOPED, e->slot, NULL); break;
    case EVENT_VOICE_PAUSED:
        publish_voice(c, e->value ? OSC_EVENT_PAUSED : OSC_EVENT_RESUMED, e->slot, NULL);
        break;
    case EVENT_VOICE_REPORT:
        if (e->token & JOURNAL_TOKEN)
            journal_take_report(c, e);
        else
            query_take_report(c, e);
        break;
    case EVENT_SYNCED:
        if (e->value & JOURNAL_TOKEN)
            journal_take_snapshot(c);
        else if (e->value & QUERY_TOKEN)
            query_take_snapshot(c);
        else
            finish_sync(c);
        break;
    case EVENT_GRAPH_RETIRED: c->buses.graph_in_use[e->slot] = false; break;
    case EVENT_NONFINITE: warn_nonfinite(c, e->ring); break;
    case EVENT_DUE: finish_scheduled(c, e->slot, &e->due); break;
    case EVENT_SOUND_REPLACED: resample_moved(c); break;
    case EVENT_CLOCK_STEP: take_clock_step(c, (int64_t)e->value); break;
    }
}

void control_drain_events(struct control *c)
{
    assert(c->transaction.phase != TRANSACTION_CHECKS);
    struct event e;
    uint32_t n_events = queue_used(&c->rt->events);
    if (n_events > c->n_events_high) c->n_events_high = n_events;
    while (queue_pop(&c->rt->events, &e)) {
        c->journal.n_changes += is_change(&e);
        take_event(c, &e);
    }
    if (c->graph_is_stale) control_publish_graph(c);
    c->snapshot = latest_read(&c->rt->snapshot);
    queries_step(c);
}

// ---- the loop ----

int64_t control_patience_ns(const struct control *c)
{
    // rt cannot wake this thread (that would be a system call), so events are looked for: the more often, the
    // more somebody waits for them.
    if (c->syncs.first != c->syncs.next_to_push || c->graph_is_stale || c->book.n_clears > 0 ||
        queries_wait(c))
        return 500000;
    if (c->resample.step > RESAMPLE_MAKING) return 2000000;
    if (c->transport && c->transport->outbox.n_waiting > 0) return 1000000;
    bool has_moves = c->reload && c->reload->n_moves > 0;
    if (c->voices.n_notify > 0 || c->book.n_used > 0 || has_moves) return 2000000;
    if (c->voices.n_used > 0) return 20000000;
    return 100000000;
}
