// SPDX-License-Identifier: MIT
// handle_backend.c - tells the chain of backends, and switches to another one while it plays.
#include <stdio.h>
#include <string.h>

#include "engine/answer.h"
#include "engine/handlers.h"

static void list_backends(struct control *c, const struct call *call)
{
    const struct chain_entry *entries[CHAIN_MAX_ENTRIES];
    uint32_t n = chain_order(c->chain, entries);
    for (uint32_t i = 0; i < n; i++) {
        const struct chain_entry *e = entries[i];
        struct osc_writer *w = reply_begin(&c->replies, "/backend/info");
        osc_add_text(w, e->choice.word);
        osc_add_text(w, chain_entry_state(c->chain, e));
        osc_add_text(w, e->reason);
        reply_add_item(&c->replies, call->client);
    }
    osc_add_text(call_answer(c, call), c->chain->current->choice.word);
    call_send(c, call);
}

/// What a client asks for is there before it is told so, or it is told why not.
static void switch_backend(struct control *c, const struct call *call, const char *word)
{
    char reason[BACKEND_REASON_BYTES];
    enum status status = chain_ask(c->chain, word, reason);
    if (status) {
        control_refuse(c, call, status == STATUS_BUSY ? API_REFUSED : API_BAD_ARGUMENTS, "%s", reason);
        return;
    }
    struct backend_switch *s = &c->backend_switch;
    *s = (struct backend_switch){.is_under_way = true, .client = *call->client};
    snprintf(s->id, sizeof s->id, "%s", call->request->id);
}

/// False when the call has been refused.
static bool may_call(struct control *c, const struct call *call, const char *word)
{
    if (!c->chain)
        control_refuse(c, call, API_UNSUPPORTED, "a score has no backend");
    else if (word && call->client->role < ROLE_ADMIN)
        control_refuse(c, call, API_FORBIDDEN, "only clients with the role admin may switch the backend");
    else
        return true;
    return false;
}

void check_backend(struct control *c, const struct call *call)
{
    const char *word = request_text(call->request, PARAM_BACKEND, NULL);
    char reason[BACKEND_REASON_BYTES];
    struct strbuf what = strbuf_make(reason, sizeof reason);
    struct backend_choice choice;
    if (!may_call(c, call, word) || !word) return;
    if (strcmp(word, "auto") != 0 && backend_choice_parse(&choice, word, &what))
        control_refuse(c, call, API_BAD_ARGUMENTS, "%s", reason);
    else if (c->backend_switch.is_under_way || c->transaction.n_last[METHOD_BACKEND] > 0)
        control_refuse(c, call, API_REFUSED, "another switch is under way: ask again when it has ended");
}

void handle_backend(struct control *c, const struct call *call)
{
    const char *word = request_text(call->request, PARAM_BACKEND, NULL);
    if (!may_call(c, call, word)) return;
    if (word)
        switch_backend(c, call, word);
    else
        list_backends(c, call);
}

void finish_backend_switch(struct control *c)
{
    struct backend_switch *s = &c->backend_switch;
    if (!s->is_under_way || c->chain->request == REQUEST_WAITS) return;
    s->is_under_way = false;
    if (c->chain->request == REQUEST_FAILED) {
        answer_error(c, &s->client, s->id, METHOD_BACKEND, API_REFUSED, c->chain->request_reason);
        return;
    }
    osc_add_text(answer_begin(c, METHOD_BACKEND), c->chain->current->choice.word);
    answer_send(c, &s->client, s->id);
}
