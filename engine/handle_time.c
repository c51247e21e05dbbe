// SPDX-License-Identifier: MIT
// handle_time.c - tells the time, and what became of scheduled commands; takes them back.
#include <stdio.h>

#include "engine/handlers.h"

// ---- /time ----

void handle_time(struct control *c, const struct call *call)
{
    const struct clock_state *s = latest_read(&c->rt->clock_state);
    // relaxed: a figure for people.
    uint32_t latency =
        c->backend ? atomic_load_explicit(&c->backend->latency_frames, memory_order_relaxed) : 0;
    struct osc_writer *w = call_answer(c, call);
    osc_add_long(w, (int64_t)s->frame);
    osc_add_time(w, s->ntp);
    struct measured_rate rate = control_measured_rate(c);
    osc_add_double(w, rate.hz);
    osc_add_float(w, (float)rate.ppm);
    osc_add_int(w, (int32_t)s->period);
    osc_add_int(w, (int32_t)latency);
    osc_add_int(w, (int32_t)c->book.n_used);
    osc_add_int(w, (int32_t)c->book.n_entries);
    call_send(c, call);
}

// ---- /clear ----

static void answer_clear(struct control *c, const struct client *client, const char *id, uint32_t n)
{
    osc_add_int(answer_begin(c, METHOD_CLEAR), (int32_t)n);
    answer_send(c, client, id);
}

static void refuse_clear(struct control *c, const struct call *call)
{
    control_refuse(c, call, API_REFUSED, "refused clears %d/%d: wait for the answers", MAX_CLEARS,
                   MAX_CLEARS);
}

void check_clear(struct control *c, const struct call *call)
{
    if (c->book.n_clears + c->transaction.n_last[METHOD_CLEAR] >= MAX_CLEARS) refuse_clear(c, call);
}

void handle_clear(struct control *c, const struct call *call)
{
    const struct request *r = call->request;
    bool is_text = request_is_text(r, PARAM_SCHEDULED), is_full;
    struct selector s = {.name = is_text ? request_text(r, PARAM_SCHEDULED, "") : NULL};
    if (!is_text) s.number = (int32_t)request_int(r, PARAM_SCHEDULED, ALL_VOICES);
    s.all = !is_text && s.number == ALL_VOICES;
    uint32_t clear = schedule_book_clear(&c->book, &s, &is_full);
    if (is_full) {
        refuse_clear(c, call);
    } else if (clear == BOOK_NONE) {
        call_done_int(c, call, 0);
    } else {
        struct clearing *k = &c->book.clears[clear];
        k->client = *call->client;
        snprintf(k->id, sizeof k->id, "%s", r->id);
        push_unschedules(c);
    }
}

void push_unschedules(struct control *c)
{
    // A quarter of the queue is left to others.
    uint32_t reserve = c->rt->commands.n_slots / 4;
    while (c->book.first_to_take != BOOK_NONE && control_has_room(c, reserve)) {
        uint32_t entry = schedule_book_next_to_take(&c->book);
        struct command command = {.type = COMMAND_UNSCHEDULE, .unscheduled = entry};
        if (entry != BOOK_NONE && !control_push(c, &command)) return;
    }
}

// ---- what rt tells ----

static void tell_late(struct control *c, const struct ticket *t, uint32_t late_frames)
{
    struct osc_writer *w = reply_begin(&c->replies, osc_event_path(OSC_EVENT_LATE));
    osc_add_text(w, method_info(t->method)->path);
    if (t->target.kind == TARGET_NUMBER)
        osc_add_int(w, t->target.number);
    else
        osc_add_text(w, t->target.name);
    osc_add_int(w, late_frames < INT32_MAX ? (int32_t)late_frames : INT32_MAX);
    answer_send(c, &t->client, t->id);
}

void finish_scheduled(struct control *c, uint32_t entry, const struct due *due)
{
    const struct ticket *t = &c->book.tickets[c->book.bookings[entry].ticket];
    c->journal.n_moves += t->method == METHOD_SEEK;
    struct booking_end end = schedule_book_end(&c->book, entry, due);
    if (end.is_late) tell_late(c, t, due->late_frames);
    if (end.slot != BOOK_NONE)
        finish_unstarted_voice(c, end.slot, due->outcome == DUE_DROPPED ? "dropped" : "cancelled");
    if (end.clear != BOOK_NONE) {
        const struct clearing *k = &c->book.clears[end.clear];
        answer_clear(c, &k->client, k->id, k->n_taken);
    }
}
