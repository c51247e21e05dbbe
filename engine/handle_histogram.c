// SPDX-License-Identifier: MIT
// handle_histogram.c - tells how long cycles took and how late they began: what cycle.c has counted.
#include <math.h>
#include <string.h>

#include "engine/handlers.h"

/// In the order of the words of PARAM_HISTOGRAM (CHOICE in api.def).
struct kind {
    const char *unit;
    double scale; // of a value of the histogram, in that unit
};

static const struct kind kinds[] = {{"s", 1e-9}, {"", 1.0 / HISTOGRAM_ONE}, {"s", 1e-9}};

static const struct histogram *histogram_of(const struct cycle *cycle, uint32_t kind)
{
    const struct histogram *all[] = {&cycle->block, &cycle->load, &cycle->wake_up};
    return all[kind];
}

static void send_figures(struct control *c, const struct call *call, uint32_t kind,
                         const struct histogram_reading *r)
{
    static const double quantiles[] = {0.5, 0.99, 0.999};
    double scale = kinds[kind].scale;
    struct osc_writer *w = reply_begin(&c->replies, "/histogram/info");
    osc_add_text(w, param_choice(PARAM_HISTOGRAM, kind));
    osc_add_text(w, kinds[kind].unit);
    osc_add_long(w, (int64_t)r->n);
    osc_add_double(w, (double)r->sum * scale);
    osc_add_double(w, (double)r->max * scale);
    for (size_t i = 0; i < COUNT_OF(quantiles); i++)
        osc_add_double(w, (double)histogram_quantile(r, quantiles[i]) * scale);
    reply_add_item(&c->replies, call->client);
}

static void send_bucket(struct control *c, const struct call *call, uint32_t kind, uint32_t bucket,
                        uint64_t count)
{
    double scale = kinds[kind].scale;
    bool is_last = histogram_to(bucket) == UINT64_MAX;
    struct osc_writer *w = reply_begin(&c->replies, "/histogram/bucket");
    osc_add_text(w, param_choice(PARAM_HISTOGRAM, kind));
    osc_add_double(w, (double)histogram_from(bucket) * scale);
    osc_add_double(w, is_last ? (double)INFINITY : (double)histogram_to(bucket) * scale);
    osc_add_long(w, (int64_t)count);
    reply_add_item(&c->replies, call->client);
}

static int32_t send_histogram(struct control *c, const struct call *call, uint32_t kind)
{
    struct histogram_reading r;
    int32_t n = 0;
    histogram_read(histogram_of(c->cycle, kind), &r);
    send_figures(c, call, kind, &r);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (r.counts[i] == 0) continue;
        send_bucket(c, call, kind, i, r.counts[i]);
        n++;
    }
    return n;
}

void handle_histogram(struct control *c, const struct call *call)
{
    const char *wanted = request_text(call->request, PARAM_HISTOGRAM, NULL);
    int32_t n = 0;
    if (!c->cycle) {
        control_refuse(c, call, API_UNSUPPORTED, "a score is rendered without a clock");
        return;
    }
    for (uint32_t kind = 0; kind < COUNT_OF(kinds); kind++)
        if (!wanted || strcmp(wanted, param_choice(PARAM_HISTOGRAM, kind)) == 0)
            n += send_histogram(c, call, kind);
    osc_add_int(call_answer(c, call), n);
    call_send(c, call);
}
