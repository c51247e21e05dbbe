// SPDX-License-Identifier: MIT
// handle_subscribe.c - subscribe and unsubscribe.
#include "engine/handlers.h"
#include "engine/now.h"
#include "engine/publish.h"

void handle_subscribe(struct control *c, const struct call *call)
{
    const struct request *r = call->request;
    const char *pattern = request_text(r, PARAM_PATTERN, "");
    const char *problem = pattern_check(pattern);
    if (problem) {
        control_refuse(c, call, API_BAD_ARGUMENTS, "pattern: %s", problem);
        return;
    }
    double interval = request_float(r, PARAM_INTERVAL, DEFAULT_INTERVAL_S);
    double lease = request_float(r, PARAM_LEASE, DEFAULT_LEASE_S);
    switch (subscriptions_add(&c->subscriptions, call->client, pattern, interval, lease, monotonic_ns())) {
    case API_OK:
        publish_watch(c);
        call_done_text(c, call, pattern);
        return;
    case API_REFUSED:
        control_refuse(c, call, API_REFUSED,
                       "refused subscriptions: a client can have %d, all together %d; /unsubscribe ends some",
                       MAX_SUBSCRIPTIONS_A_CLIENT, MAX_SUBSCRIPTIONS);
        return;
    default:
        control_refuse(c, call, API_BAD_ARGUMENTS, "no event has a path like %.64s; chimed-osc(7) lists them",
                       pattern);
        return;
    }
}

void handle_unsubscribe(struct control *c, const struct call *call)
{
    const char *pattern = request_text(call->request, PARAM_PATTERN, NULL);
    uint32_t n = subscriptions_remove(&c->subscriptions, call->client, pattern);
    publish_watch(c);
    call_done_int(c, call, (int32_t)n);
}
