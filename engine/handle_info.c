// SPDX-License-Identifier: MIT
// handle_info.c - ping, hello, sync and quit.
#include <stdio.h>
#include <stdlib.h>

#include "engine/dispatch.h"
#include "engine/handlers.h"

void handle_ping(struct control *c, const struct call *call)
{
    call_done(c, call);
}

/// A token in 16 hexadecimal digits, as it goes to and from clients.
static void say_token(struct control *c, const struct call *call, uint64_t token)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)token);
    osc_add_text(reply_begin(&c->replies, call->path), text);
    call_send(c, call);
}

void handle_hello(struct control *c, const struct call *call)
{
    if (!c->transport) {
        call_done(c, call);
        return;
    }
    if (request_has(call->request, PARAM_TOKEN)) {
        uint64_t token = strtoull(request_text(call->request, PARAM_TOKEN, ""), NULL, 16);
        if (access_prove(c->transport, call->client, token))
            call_done(c, call);
        else
            control_refuse(c, call, API_BAD_ARGUMENTS,
                           "the token is not the one that /hello has answered: ask again");
        return;
    }
    uint64_t token = access_token_for(c->transport, call->client);
    if (token)
        say_token(c, call, token);
    else
        call_done(c, call);
}

void handle_quit(struct control *c, const struct call *call)
{
    call_done(c, call);
    c->quit = true;
}

// ---- sync ----

static void refuse_sync(struct control *c, const struct call *call)
{
    control_refuse(c, call, API_REFUSED, "refused syncs %d/%d: wait for the answers", MAX_SYNCS, MAX_SYNCS);
}

void check_sync(struct control *c, const struct call *call)
{
    const struct sync_ring *ring = &c->syncs;
    if (ring->end - ring->first + c->transaction.n_last[METHOD_SYNC] >= MAX_SYNCS) refuse_sync(c, call);
}

void handle_sync(struct control *c, const struct call *call)
{
    struct sync_ring *ring = &c->syncs;
    if (ring->end - ring->first == MAX_SYNCS) {
        refuse_sync(c, call);
        return;
    }
    struct sync *s = &ring->syncs[ring->end++ % MAX_SYNCS];
    *s = (struct sync){.client = *call->client,
                       .n = (int32_t)request_int(call->request, PARAM_N, 0),
                       .n_loads = c->sounds.n_loads,
                       .n_holds = c->holds.n_held};
    snprintf(s->id, sizeof s->id, "%s", call->request->id);
    push_syncs(c);
}

void push_syncs(struct control *c)
{
    struct sync_ring *ring = &c->syncs;
    while (ring->next_to_push != ring->end) {
        const struct sync *s = &ring->syncs[ring->next_to_push % MAX_SYNCS];
        if (sound_oldest_load(&c->sounds) < s->n_loads || holds_oldest(&c->holds) < s->n_holds) return;
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
    answer_send(c, &s->client, s->id);
}
