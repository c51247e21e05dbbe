// SPDX-License-Identifier: MIT
// handle_log.c - gives the newest lines of the log, and sets how much is logged.
#include "engine/handlers.h"
#include "engine/log.h"

void log_add_line(struct osc_writer *w, const struct log_copy *line)
{
    osc_add_text(w, log_level_name(line->level));
    osc_add_text(w, line->text);
    osc_add_double(w, (double)line->time_ns * 1e-9);
    osc_add_long(w, (int64_t)line->n);
}

void handle_log_lines(struct control *c, const struct call *call)
{
    struct log_copy line;
    int32_t n = 0;
    for (uint64_t seen = 0, newest = log_newest(); seen < newest && log_take(seen, &line); n++) {
        log_add_line(reply_begin(&c->replies, "/log/line"), &line);
        reply_add_item(&c->replies, call->client);
        seen = line.n;
    }
    osc_add_int(call_answer(c, call), n);
    call_send(c, call);
}

/// False when the call has been refused.
static bool may_set(struct control *c, const struct call *call)
{
    if (call->client->role == ROLE_ADMIN) return true;
    control_refuse(c, call, API_FORBIDDEN, "only clients with the role admin may set what is logged");
    return false;
}

void check_log_level(struct control *c, const struct call *call)
{
    if (request_has(call->request, PARAM_LEVEL)) (void)may_set(c, call);
}

void handle_log_level(struct control *c, const struct call *call)
{
    const char *level = request_text(call->request, PARAM_LEVEL, NULL);
    if (level && !may_set(c, call)) return;
    if (level) log_set_level(log_level_of(level));
    osc_add_text(call_answer(c, call), log_level_name(log_level()));
    call_send(c, call);
}
