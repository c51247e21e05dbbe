// SPDX-License-Identifier: MIT
// staging.c - what a handler does before its packet has been accepted.
#include "engine/staging.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/answer.h"
#include "engine/osc/request_write.h"

// ---- for the handlers ----

static void name_target(const struct control *c, const struct command *command, struct target *target)
{
    bool is_bus = command->type >= COMMAND_BUS_GAIN && command->type <= COMMAND_BUS_GRAPH;
    *target = (struct target){.kind = TARGET_ALL, .name = "all"};
    if (command->slot == SLOT_ALL) return;
    if (is_bus) {
        target->kind = TARGET_BUS;
        snprintf(target->name, sizeof target->name, "%s", c->buses.entries[command->slot].name);
        return;
    }
    struct voice_id id = voice_id_of(&c->voices.entries[command->slot]);
    target->kind = id.text ? TARGET_NAME : TARGET_NUMBER;
    target->number = id.number;
    snprintf(target->name, sizeof target->name, "%s", id.text ? id.text : "");
}

/// Keeps what the call asks for, as a message to be sent again at its time.
static void keep_text(struct control *c, const struct call *call, const struct command *command)
{
    const uint64_t left_out =
        UINT64_C(1) << PARAM_AT | UINT64_C(1) << PARAM_IMMEDIATE | UINT64_C(1) << PARAM_NOTIFY;
    struct osc_writer *w = &c->replies.writer;
    request_write(w, call->request, left_out);
    // The id that the engine has chosen is the client's to keep.
    if (command->type == COMMAND_VOICE_START && !request_has(call->request, PARAM_ID)) {
        osc_add_text(w, param_infos[PARAM_ID].name);
        voice_add_id(w, &c->voices.entries[command->slot]);
    }
    size_t n = osc_end(w, c->replies.message);
    scheduled_texts_keep(c->book.texts, c->transaction.ticket, c->replies.message, (uint32_t)n, call->time);
}

/// Gives a command an entry of the schedule, and its message a ticket.
static bool book(struct control *c, const struct call *call, struct command *command)
{
    struct transaction *t = &c->transaction;
    bool is_new = t->ticket == BOOK_NONE;
    uint32_t starts = command->type == COMMAND_VOICE_START ? command->slot : BOOK_NONE;
    uint32_t entry = schedule_book_take(&c->book, starts, &t->ticket);
    if (entry == BOOK_NONE) {
        control_refuse(
            c, call, API_FULL,
            "refused scheduled commands %u/%u: try again when some have been done, or take some back "
            "with /clear",
            c->book.n_used, c->book.n_entries);
        return false;
    }
    command->entry = (uint16_t)entry;
    if (!is_new) return true;
    struct ticket *ticket = &c->book.tickets[t->ticket];
    ticket->client = *call->client;
    ticket->method = call->request->method;
    name_target(c, command, &ticket->target);
    snprintf(ticket->tag, sizeof ticket->tag, "%s", request_text(call->request, PARAM_TAG, ""));
    snprintf(ticket->id, sizeof ticket->id, "%s", call->request->id);
    if (c->book.texts) keep_text(c, call, command);
    return true;
}

/// Stages a command where no room has been reserved. False when the queue is full.
static bool stage(struct control *c, const struct command *command)
{
    uint32_t n_reserved = c->transaction.n_reserved;
    if (n_reserved > 0 && queue_room(&c->rt->commands) <= n_reserved) return false;
    return queue_stage(&c->rt->commands, command);
}

bool control_reserve(struct control *c, const struct call *call, uint32_t n_commands)
{
    struct transaction *t = &c->transaction;
    if (c->is_offline) return true; // what is pushed makes room for itself
    t->n_reserved += n_commands;
    if (queue_room(&c->rt->commands) >= t->n_reserved) return true;
    control_refuse_full(c, call);
    return false;
}

bool control_stage(struct control *c, const struct call *call, struct command *command)
{
    command->when = (uint8_t)call->when;
    command->time = call->time;
    command->rate = c->rate;
    command->drop_late = call->drop_late;
    struct transaction *t = &c->transaction;
    command->joins = t->has_staged && t->last_when == call->when && t->last_time == call->time;
    t->has_staged = true;
    t->last_when = call->when;
    t->last_time = call->time;
    if (call->when == WHEN_TIME && !book(c, call, command)) return false;
    c->journal.n_moves += command->type == COMMAND_VOICE_SEEK && call->when != WHEN_TIME;
    if (stage(c, command)) return true;
    control_refuse_full(c, call);
    return false;
}

static const char too_many_changes[] = "the packet changes more than can be taken back: send it in parts";

static uint32_t present_call(const struct transaction *t)
{
    return t->n_answers - 1;
}

void control_undo_later(struct control *c, undo *take_back, uint32_t index, uint64_t old)
{
    struct transaction *t = &c->transaction;
    assert(t->phase == TRANSACTION_CHECKS);
    if (t->n_undos < MAX_UNDOS) {
        t->undos[t->n_undos++] = (struct undo_step){take_back, index, old};
        return;
    }
    // Nothing that cannot be undone is done: the packet will be refused.
    take_back(c, index, old);
    transaction_refuse(t, present_call(t), API_REFUSED, too_many_changes);
}

void control_wait_for_load(struct control *c, const struct call *call, uint32_t sound)
{
    struct transaction *t = &c->transaction;
    (void)call;
    if (t->n_waits == MAX_WAITS) return; // those that came first are waited for at least
    t->waits[t->n_waits++] = (struct call_sound){present_call(t), sound};
}

void control_answered_by_load(struct control *c, const struct call *call, uint32_t sound)
{
    struct transaction *t = &c->transaction;
    if (t->n_new_loads == MAX_NEW_LOADS) {
        drop_load(c, sound);
        control_refuse(c, call, API_REFUSED, "refused loads of one packet %d/%d: send them in parts",
                       MAX_NEW_LOADS, MAX_NEW_LOADS);
        return;
    }
    t->new_loads[t->n_new_loads++] = (struct call_sound){present_call(t), sound};
}

// ---- for dispatch.c ----

void staging_begin(struct control *c, bool is_bundle)
{
    struct transaction *t = &c->transaction;
    assert(t->phase == TRANSACTION_NONE);
    t->phase = TRANSACTION_CHECKS;
    t->is_bundle = is_bundle;
    t->has_graph = t->has_last = t->has_staged = false;
    t->n_answers = t->n_undos = t->n_new_loads = t->n_waits = t->n_reserved = 0;
    t->n_new_subscriptions = 0;
    memset(t->n_last, 0, sizeof t->n_last);
    t->error = API_OK;
}

bool staging_add(struct control *c, const struct call *call)
{
    struct transaction *t = &c->transaction;
    t->ticket = BOOK_NONE;
    if (t->n_answers == MAX_CALLS) {
        control_refuse(c, call, API_REFUSED, "the packet asks for more than %d things: send it in parts",
                       MAX_CALLS);
        return false;
    }
    t->answers[t->n_answers++] = (struct answer){.kind = ANSWER_NOT_YET, .id = ""};
    if (t->n_undos + UNDOS_OF_A_CALL <= MAX_UNDOS) return true;
    control_refuse(c, call, API_REFUSED, "%s", too_many_changes);
    return false;
}

/// Adds the tree of buses as the last command. When no graph is free, or no slot, it follows later.
static void stage_graph(struct control *c)
{
    const struct bus_graph *graph = bus_make_graph(&c->buses);
    struct command command = {.type = COMMAND_BUS_GRAPH, .graph = graph};
    c->graph_is_stale = !graph || !stage(c, &command);
    if (graph && c->graph_is_stale) c->buses.graph_in_use[graph->index] = false;
}

void staging_commit(struct control *c)
{
    if (c->transaction.has_graph) stage_graph(c);
    if (c->rt->commands.n_staged > 0 || c->transaction.n_undos > 0) c->journal.n_changes++;
    if (c->rt->commands.n_staged > 0) queue_commit(&c->rt->commands);
    schedule_book_commit(&c->book);
    c->transaction.phase = TRANSACTION_ANSWERS;
}

void staging_rollback(struct control *c, bool keeps_loads)
{
    struct transaction *t = &c->transaction;
    queue_unstage(&c->rt->commands);
    for (; t->n_undos > 0; t->n_undos--) {
        const struct undo_step *s = &t->undos[t->n_undos - 1];
        s->take_back(c, s->index, s->old);
    }
    schedule_book_rollback(&c->book);
    for (uint32_t i = 0; !keeps_loads && i < t->n_new_loads; i++)
        drop_load(c, t->new_loads[i].sound);
    t->phase = TRANSACTION_ANSWERS;
}

void staging_end(struct control *c)
{
    c->transaction.phase = TRANSACTION_NONE;
}
