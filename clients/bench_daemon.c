// SPDX-License-Identifier: MIT
// bench_daemon.c - chime bench: what the daemon has counted of its own audio thread.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clients/bench.h"

#define LOOK_S 0.1

struct reading {
    struct spread wake_up, work;
};

static struct spread *spread_called(struct reading *r, const char *name)
{
    if (!name) return NULL;
    return strcmp(name, "wake_up") == 0 ? &r->wake_up : strcmp(name, "block") == 0 ? &r->work : NULL;
}

/// /histogram/info name unit n sum max p50 p99 p999; /histogram/bucket name from to n.
static void take(const struct chime_message *m, void *context)
{
    struct spread *s = spread_called(context, chime_message_text(m, 0));
    if (!s) return;
    if (strcmp(chime_message_path(m), "/histogram/info") == 0 && chime_message_count(m) >= 5) {
        s->n = chime_message_int(m, 2);
        s->sum_us = chime_message_number(m, 3) * 1e6;
        s->max_us = chime_message_number(m, 4) * 1e6;
    }
    if (strcmp(chime_message_path(m), "/histogram/bucket") != 0 || s->n_buckets == MAX_BUCKETS) return;
    double from_us = chime_message_number(m, 1) * 1e6, to_us = chime_message_number(m, 2) * 1e6;
    if (s->n_buckets == 0) s->min_us = from_us;
    s->buckets[s->n_buckets++] = (struct bucket){from_us, to_us, chime_message_int(m, 3)};
}

static enum chime_status read_histograms(struct cli *cli, struct reading *r, struct chime_message **answer)
{
    *r = (struct reading){.work = {.n = 0}};
    chime_message_free(*answer); // of the last question
    return cli_ask(cli, cli_message("/histogram"), take, r, answer);
}

/// What it plays on, and how many xruns there were so far.
static enum chime_status read_status(struct cli *cli, struct bench *b, double *n_xruns,
                                     struct chime_message **answer)
{
    struct chime_message *told;
    chime_message_free(*answer);
    enum chime_status status = cli_ask_status(cli, &told, answer);
    if (status != CHIME_OK) return status;
    b->rate_hz = cli_pair_number(told, "rate");
    b->period_frames = cli_pair_number(told, "period");
    *n_xruns = cli_pair_number(told, "xruns");
    snprintf(b->on, sizeof b->on, "%.20s, %.60s", cli_pair_text(told, "backend"),
             cli_pair_text(told, "device"));
    chime_message_free(told);
    return status;
}

enum chime_status bench_daemon(struct cli *cli, struct bench *b, struct chime_message **answer)
{
    static struct reading before, after;
    double xruns_before = 0, xruns = 0;
    bool is_since_start = b->seconds <= 0;
    enum chime_status status = read_histograms(cli, &before, answer);
    if (is_since_start) before = (struct reading){.work = {.n = 0}};
    if (status == CHIME_OK && !is_since_start) status = read_status(cli, b, &xruns_before, answer);
    if (status != CHIME_OK) return status;
    double passed = 0;
    for (; passed < b->seconds && bench_progress(passed, b->seconds); passed += LOOK_S)
        if (!cli_screen_wait(fmin(LOOK_S, b->seconds - passed))) break;
    b->seconds = fmin(passed, b->seconds);
    status = read_histograms(cli, &after, answer);
    if (status == CHIME_OK) status = read_status(cli, b, &xruns, answer);
    if (status != CHIME_OK) return status;
    spread_subtract(&after.wake_up, &before.wake_up);
    spread_subtract(&after.work, &before.work);
    b->wake_up = after.wake_up;
    b->work = after.work;
    b->n_xruns = (int64_t)(xruns - xruns_before);
    b->is_daemons = true;
    return status;
}
