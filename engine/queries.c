// SPDX-License-Identifier: MIT
// queries.c - answers that are long, or that rt must be asked for: lists and the dump, a piece at a time.
#include <assert.h>
#include <stdio.h>

#include "engine/handlers.h"

/// Items that are sent in one turn without rt being asked, so that clients have the time to read them.
#define ITEMS_A_TURN 256

static struct query *first_query(struct control *c)
{
    struct queries *q = &c->queries;
    return q->first == q->end ? NULL : &q->ring[q->first % MAX_QUERIES];
}

bool queries_wait(const struct control *c)
{
    return c->queries.first != c->queries.end;
}

// ---- what each kind sends ----

static void send_sound(struct control *c, struct query *q, uint32_t sound)
{
    const struct sound_entry *e = &c->sounds.entries[sound];
    if (e->state == SOUND_FREE || e->is_dropped) return;
    if (q->method == METHOD_DUMP) {
        dump_sound(c, q, sound);
    } else {
        sound_send_info(c, sound, &q->client);
        q->n_items++;
    }
}

static void send_bus(struct control *c, struct query *q, uint32_t bus)
{
    if (q->method == METHOD_DUMP) {
        dump_bus(c, q, bus);
    } else {
        bus_send_info(c, bus, &q->client);
        q->n_items++;
    }
}

/// `r`: NULL when the voice has not started yet.
static void send_voice(struct control *c, struct query *q, uint32_t slot, const struct voice_report *r)
{
    if (q->method == METHOD_DUMP) {
        if (r) dump_voice(c, q, slot, r);
    } else {
        voice_send_info(c, slot, r, &q->client);
        q->n_items++;
    }
}

static void send_done(struct control *c, struct query *q)
{
    struct osc_writer *w = answer_begin(c, q->method);
    osc_add_int(w, (int32_t)q->n_items);
    if (q->method == METHOD_DUMP) osc_add_int(w, (int32_t)q->n_left_out);
    answer_send(c, &q->client, q->request_id);
}

// ---- steps: each returns true when it is over ----

static void enter(struct query *q, enum query_step step)
{
    q->step = step;
    q->next = 0;
}

static bool begin(struct control *c, struct query *q)
{
    struct command command = {.type = COMMAND_SNAPSHOT, .token = QUERY_TOKEN};
    switch (q->method) {
    case METHOD_SOUND_LIST: enter(q, QUERY_SOUNDS); return true;
    case METHOD_VOICE_LIST: enter(q, QUERY_VOICES); return true;
    default: break;
    }
    if (!control_push(c, &command)) return false;
    enter(q, QUERY_SNAPSHOT);
    return true;
}

static bool send_sounds(struct control *c, struct query *q)
{
    uint32_t limit = c->is_offline ? UINT32_MAX : q->n_items + ITEMS_A_TURN;
    while (q->next < c->sounds.max_sounds && q->n_items < limit)
        send_sound(c, q, q->next++);
    if (q->next < c->sounds.max_sounds) return false;
    enter(q, q->method == METHOD_DUMP ? QUERY_BUSES : QUERY_ENDS);
    return true;
}

static void send_buses(struct control *c, struct query *q)
{
    while (q->next < c->buses.n_buses)
        send_bus(c, q, q->next++);
    enter(q, q->method == METHOD_DUMP ? QUERY_VOICES : QUERY_ENDS);
}

/// Asks rt for as many voices as may be under way and as leave it half of its queue for other commands.
static bool send_voices(struct control *c, struct query *q)
{
    uint32_t n_kept = c->rt->commands.n_slots / 2;
    while (q->next < c->voices.n_slots && q->n_awaited < MAX_VOICE_REPORTS) {
        const struct voice_entry *v = &c->voices.entries[q->next];
        if (v->state == SLOT_LIVE) {
            struct command command = {.type = COMMAND_VOICE_REPORT,
                                      .slot = q->next,
                                      .generation = v->generation,
                                      .token = v->generation};
            if (!control_has_room(c, n_kept) || !control_push(c, &command)) return false;
            q->n_awaited++;
        } else if (v->state != SLOT_FREE) {
            send_voice(c, q, q->next, NULL);
        }
        q->next++;
    }
    if (q->next < c->voices.n_slots || q->n_awaited > 0) return false;
    enter(q, QUERY_ENDS);
    return true;
}

static bool go_on(struct control *c, struct query *q)
{
    switch (q->step) {
    case QUERY_BEGINS: return begin(c, q);
    case QUERY_SNAPSHOT: return false;
    case QUERY_SOUNDS: return send_sounds(c, q);
    case QUERY_BUSES: send_buses(c, q); return true;
    case QUERY_VOICES: return send_voices(c, q);
    case QUERY_ENDS: break;
    }
    send_done(c, q);
    c->queries.first++;
    return true;
}

void queries_step(struct control *c)
{
    struct query *q;
    while ((q = first_query(c)) && go_on(c, q)) {
    }
}

// ---- from handlers and rt ----

static void refuse_query(struct control *c, const struct call *call)
{
    control_refuse(c, call, API_REFUSED, "refused lists %d/%d: wait for the answers", MAX_QUERIES,
                   MAX_QUERIES);
}

void check_query(struct control *c, const struct call *call)
{
    const uint16_t *n_last = c->transaction.n_last;
    uint32_t n_asked = 0u + n_last[METHOD_VOICE_LIST] + n_last[METHOD_SOUND_LIST] + n_last[METHOD_BUS_LIST] +
                       n_last[METHOD_DUMP];
    if (c->queries.end - c->queries.first + n_asked >= MAX_QUERIES) refuse_query(c, call);
}

void query_ask(struct control *c, const struct call *call)
{
    struct queries *queries = &c->queries;
    if (queries->end - queries->first == MAX_QUERIES) {
        refuse_query(c, call);
        return;
    }
    struct query *q = &queries->ring[queries->end++ % MAX_QUERIES];
    *q = (struct query){.client = *call->client, .method = call->request->method};
    snprintf(q->request_id, sizeof q->request_id, "%s", call->request->id);
    queries_step(c);
}

void query_take_snapshot(struct control *c)
{
    struct query *q = first_query(c);
    assert(q && q->step == QUERY_SNAPSHOT);
    c->snapshot = latest_read(&c->rt->snapshot);
    enter(q, q->method == METHOD_DUMP ? QUERY_SOUNDS : QUERY_BUSES);
    // The buses are as the snapshot has them: what comes later does not get in between.
    if (q->step == QUERY_BUSES) send_buses(c, q);
}

void query_take_report(struct control *c, const struct event *e)
{
    struct query *q = first_query(c);
    assert(q && q->n_awaited > 0);
    q->n_awaited--;
    const struct voice_entry *v = &c->voices.entries[e->slot];
    // It may have ended meanwhile, and its slot have been given out again.
    bool is_it = v->state == SLOT_LIVE && v->generation == e->token;
    if (is_it && e->report.state != VOICE_FREE) send_voice(c, q, e->slot, &e->report);
}

void handle_sound_list(struct control *c, const struct call *call)
{
    query_ask(c, call);
}

void handle_bus_list(struct control *c, const struct call *call)
{
    query_ask(c, call);
}

void handle_voice_list(struct control *c, const struct call *call)
{
    query_ask(c, call);
}

void handle_dump(struct control *c, const struct call *call)
{
    query_ask(c, call);
}
