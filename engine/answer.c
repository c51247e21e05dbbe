// SPDX-License-Identifier: MIT
// answer.c - answers to requests: kept until their packet has been accepted, or sent.
#include "engine/answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine/log.h"

// ---- sending ----

struct osc_writer *answer_begin(struct control *c, enum method method)
{
    return reply_done(&c->replies, method_info(method)->path);
}

void answer_send(struct control *c, const struct client *client, const char *id)
{
    if (id[0]) osc_add_text(&c->replies.writer, id);
    reply_send(&c->replies, client);
}

/// `index` of the message in its bundle; -1: it came alone.
static void send_error(struct control *c, const struct client *client, const char *path, enum api_error error,
                       const char *text, int32_t index, const char *id)
{
    char shown[OSC_MAX_PATH_BYTES]; // no method has a longer path; an answer must come all the same
    snprintf(shown, sizeof shown, "%s", path);
    if (client->kind == CLIENT_JOURNAL) {
        if (c->resume.n_refused++ < RESUME_MAX_TOLD) log_warning("cannot be resumed: %s: %s", shown, text);
        return;
    }
    c->replies.n_errors++;
    if (client->kind == CLIENT_SCORE) {
        if (error != API_NOT_DONE) log_error("%s: %s: %s", shown, api_error_code(error), text);
        return;
    }
    struct osc_writer *w = reply_begin(&c->replies, "/error");
    osc_add_text(w, shown);
    osc_add_text(w, api_error_code(error));
    osc_add_text(w, text);
    if (index >= 0) osc_add_int(w, index);
    if (id[0]) osc_add_text(w, id);
    reply_send(&c->replies, client);
}

void answer_error(struct control *c, const struct client *client, const char *id, enum method method,
                  enum api_error error, const char *text)
{
    send_error(c, client, method_info(method)->path, error, text, -1, id);
}

void call_send_error(struct control *c, const struct call *call, enum api_error error, const char *text)
{
    bool is_bundle = c->transaction.is_bundle;
    char longer[ERROR_TEXT_BYTES];
    if (is_bundle && error != API_NOT_DONE) {
        snprintf(longer, sizeof longer, "message %u of the bundle, counted from 0: %.*s", call->index,
                 ERROR_TEXT_BYTES - 64, text);
        text = longer;
    }
    send_error(c, call->client, call->path, error, text, is_bundle ? (int32_t)call->index : -1,
               call->request->id);
}

void call_send_answer(struct control *c, const struct client *client, const struct answer *a)
{
    if (client->kind == CLIENT_SCORE || a->kind == ANSWER_NOT_YET) return;
    struct osc_writer *w = answer_begin(c, a->method);
    if (a->kind == ANSWER_INT) osc_add_int(w, a->number);
    if (a->kind == ANSWER_TEXT) osc_add_text(w, a->text);
    if (a->kind == ANSWER_VOICE) voice_add_id(w, &c->voices.entries[a->slot]);
    if (a->id[0]) osc_add_text(w, a->id);
    reply_send(&c->replies, client);
}

// ---- for the handlers ----

/// Keeps the answer, or sends it when the packet has been accepted.
static void answer(struct control *c, const struct call *call, const struct answer *a)
{
    struct transaction *t = &c->transaction;
    if (t->phase == TRANSACTION_CHECKS)
        t->answers[t->n_answers - 1] = *a;
    else
        call_send_answer(c, call->client, a);
}

void call_done(struct control *c, const struct call *call)
{
    const struct request *r = call->request;
    answer(c, call, &(struct answer){.kind = ANSWER_DONE, .method = r->method, .id = r->id});
}

void call_done_int(struct control *c, const struct call *call, int32_t value)
{
    const struct request *r = call->request;
    answer(c, call, &(struct answer){.kind = ANSWER_INT, .method = r->method, .id = r->id, .number = value});
}

void call_done_text(struct control *c, const struct call *call, const char *value)
{
    const struct request *r = call->request;
    answer(c, call, &(struct answer){.kind = ANSWER_TEXT, .method = r->method, .id = r->id, .text = value});
}

void call_done_voice(struct control *c, const struct call *call, uint32_t slot)
{
    const struct request *r = call->request;
    answer(c, call, &(struct answer){.kind = ANSWER_VOICE, .method = r->method, .id = r->id, .slot = slot});
}

struct osc_writer *call_answer(struct control *c, const struct call *call)
{
    return answer_begin(c, call->request->method);
}

void call_send(struct control *c, const struct call *call)
{
    answer_send(c, call->client, call->request->id);
}

void control_refuse(struct control *c, const struct call *call, enum api_error error, const char *format, ...)
{
    struct transaction *t = &c->transaction;
    bool is_checked = t->phase == TRANSACTION_CHECKS;
    // The first refusal counts; and what is missing while loads go on may be there when they have ended.
    if (is_checked && (t->error || t->n_waits > 0)) return;
    char text[ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(is_checked ? t->text : text, sizeof text, format, args);
    va_end(args);
    if (!is_checked) {
        call_send_error(c, call, error, text);
        return;
    }
    t->error = error;
    t->bad_call = t->n_answers - 1;
}

void control_refuse_full(struct control *c, const struct call *call)
{
    uint32_t n = c->rt->commands.n_slots;
    c->n_commands_refused++;
    control_refuse(c, call, API_FULL,
                   "refused commands %u/%u: the audio thread has not taken them yet; try again, or send the "
                   "bundle in parts",
                   n, n);
}
