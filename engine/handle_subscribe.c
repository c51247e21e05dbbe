// SPDX-License-Identifier: MIT
// handle_subscribe.c - subscribe and unsubscribe.
#include "engine/handlers.h"
#include "engine/now.h"
#include "engine/publish.h"

static void refuse_subscription(struct control *c, const struct call *call, enum api_error error,
                                const char *pattern)
{
    if (error == API_REFUSED)
        control_refuse(c, call, error,
                       "refused subscriptions: a client can have %d, all together %d; /unsubscribe ends some",
                       MAX_SUBSCRIPTIONS_A_CLIENT, MAX_SUBSCRIPTIONS);
    else
        control_refuse(c, call, error, "no event has a path like %.64s; chimed-osc(7) lists them", pattern);
}

/// False when the call has been refused.
static bool is_well_formed(struct control *c, const struct call *call, const char *pattern)
{
    const char *problem = pattern_check(pattern);
    if (problem) control_refuse(c, call, API_BAD_ARGUMENTS, "pattern: %s", problem);
    return !problem;
}

void check_subscribe(struct control *c, const struct call *call)
{
    struct transaction *t = &c->transaction;
    const char *pattern = request_text(call->request, PARAM_PATTERN, "");
    int32_t n_new = 0;
    if (!is_well_formed(c, call, pattern)) return;
    enum api_error error =
        subscriptions_check(&c->subscriptions, call->client, pattern, t->n_new_subscriptions, &n_new);
    if (error) refuse_subscription(c, call, error, pattern);
    t->n_new_subscriptions += n_new;
}

void handle_subscribe(struct control *c, const struct call *call)
{
    const struct request *r = call->request;
    const char *pattern = request_text(r, PARAM_PATTERN, "");
    if (!is_well_formed(c, call, pattern)) return;
    double interval = request_float(r, PARAM_INTERVAL, DEFAULT_INTERVAL_S);
    double lease = request_float(r, PARAM_LEASE, DEFAULT_LEASE_S);
    enum api_error error =
        subscriptions_add(&c->subscriptions, call->client, pattern, interval, lease, monotonic_ns());
    if (error) {
        refuse_subscription(c, call, error, pattern);
        return;
    }
    publish_watch(c);
    call_done_text(c, call, pattern);
}

void check_unsubscribe(struct control *c, const struct call *call)
{
    const char *pattern = request_text(call->request, PARAM_PATTERN, NULL);
    c->transaction.n_new_subscriptions -=
        (int32_t)subscriptions_count(&c->subscriptions, call->client, pattern);
}

void handle_unsubscribe(struct control *c, const struct call *call)
{
    const char *pattern = request_text(call->request, PARAM_PATTERN, NULL);
    uint32_t n = subscriptions_remove(&c->subscriptions, call->client, pattern);
    publish_watch(c);
    call_done_int(c, call, (int32_t)n);
}
