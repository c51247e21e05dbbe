// SPDX-License-Identifier: MIT
// handle_reload.c - reads the configuration again for a client, and tells it what has changed.
#include "engine/answer.h"
#include "engine/handlers.h"
#include "engine/reload.h"

static void send_change(struct control *c, const struct call *call, const struct reload_change *change)
{
    struct osc_writer *w = reply_begin(&c->replies, "/reload/info");
    osc_add_text(w, change->key);
    osc_add_text(w, change->before);
    osc_add_text(w, change->after);
    osc_add_text(w, change->needs_restart ? "restart" : "now");
    reply_add_item(&c->replies, call->client);
}

void handle_reload(struct control *c, const struct call *call)
{
    char error[ERROR_TEXT_BYTES];
    const struct reload *r = c->reload;
    if (!r) {
        control_refuse(c, call, API_UNSUPPORTED, "a score has no configuration to be read again");
        return;
    }
    if (reload_run(c, error)) {
        control_refuse(c, call, API_BAD_CONFIG, "%s", error);
        return;
    }
    for (uint32_t i = 0; i < r->n_changes; i++)
        send_change(c, call, &r->changes[i]);
    struct osc_writer *w = call_answer(c, call);
    osc_add_int(w, (int32_t)r->n_now);
    osc_add_int(w, (int32_t)r->n_restart);
    call_send(c, call);
}
