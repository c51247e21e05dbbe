// SPDX-License-Identifier: MIT
// bench_show.c - chime bench: bars, figures and a verdict in words; JSON.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clients/bench.h"

/// Rows of a histogram: doublings, those beyond which are one row with the last.
#define MAX_ROWS  20
#define BAR_CELLS 46
/// Shares of the period that lateness and work may take together. Beyond the first a longer load would not
/// fit.
#define GOOD_SHARE 0.5

// ---- verdict ----

/// The shortest period, of those that are powers of two, in which all that happened would have fit twice.
static double period_that_holds(const struct bench *b, double worst_us)
{
    double frames = 16;
    while (frames / b->rate_hz * 1e6 * GOOD_SHARE < worst_us && frames < 65536)
        frames *= 2;
    return frames;
}

bool bench_verdict(const struct bench *b, char *text, size_t size)
{
    // The daemon does not say which cycle was late and long at once: the worst is that one was both.
    double worst_us = b->worst_us > 0 ? b->worst_us : b->wake_up.max_us + b->work.max_us;
    double period_us = bench_period_us(b), share = period_us > 0 ? worst_us / period_us : 0;
    bool holds = b->wake_up.n > 0 && b->n_xruns == 0 && share < 1;
    if (b->wake_up.n == 0)
        snprintf(text, size, "Nothing was counted.");
    else if (holds && share <= GOOD_SHARE)
        snprintf(
            text, size,
            "Periods of %.0f frames hold here: at worst %.0f of %.0f us were gone when the work was done.",
            b->period_frames, worst_us, period_us);
    else if (holds)
        snprintf(text, size,
                 "Periods of %.0f frames hold here, but only just: at worst %.0f of %.0f us were gone. %.0f "
                 "frames leave room.",
                 b->period_frames, worst_us, period_us, period_that_holds(b, worst_us));
    else
        snprintf(
            text, size,
            "Periods of %.0f frames do not hold here: %.0f us were needed at worst, there are %.0f; %lld "
            "were missed. Try %.0f frames.",
            b->period_frames, worst_us, period_us, (long long)b->n_xruns, period_that_holds(b, worst_us));
    return holds;
}

// ---- bars ----

struct row {
    double to_us;
    int64_t n;
};

/// Doublings from the first one that has any to the last; returns how many.
static size_t make_rows(const struct spread *s, struct row *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_buckets; i++) {
        const struct bucket *b = &s->buckets[i];
        double to_us = 1.024;
        while (to_us < b->to_us * 0.999 && to_us < 1e8)
            to_us *= 2;
        while (n == 0 || rows[n - 1].to_us < to_us * 0.999) {
            if (n == MAX_ROWS) break;
            rows[n] = (struct row){n ? rows[n - 1].to_us * 2 : to_us, 0};
            n++;
        }
        rows[n - 1].n += b->n;
    }
    return n;
}

static void time_text(char *text, size_t size, double us)
{
    if (us < 9.95)
        snprintf(text, size, "%.1f us", us);
    else if (us < 999.5)
        snprintf(text, size, "%.0f us", us);
    else if (us < 99950)
        snprintf(text, size, "%.1f ms", us * 1e-3);
    else
        snprintf(text, size, "%.0f ms", us * 1e-3);
}

/// A cell more for every step of the logarithm: one in a million is to be seen.
static void print_rows(const struct row *rows, size_t n, double period_us)
{
    int64_t most = 1;
    for (size_t i = 0; i < n; i++)
        if (rows[i].n > most) most = rows[i].n;
    for (size_t i = 0; i < n; i++) {
        char to[32];
        int cells =
            rows[i].n ? 1 + (int)lround(log((double)rows[i].n) / log((double)most + 1) * (BAR_CELLS - 1)) : 0;
        bool is_period = period_us > rows[i].to_us / 2 && period_us <= rows[i].to_us;
        time_text(to, sizeof to, rows[i].to_us);
        printf("%10s |", to);
        for (int k = 0; k < cells; k++)
            putchar('#');
        if (rows[i].n) printf(" %lld", (long long)rows[i].n);
        puts(is_period ? "   <- the period" : "");
    }
}

static void print_figures(const struct spread *s)
{
    const double values[] = {s->min_us, spread_quantile(s, 0.5), spread_quantile(s, 0.99),
                             spread_quantile(s, 0.999), s->max_us};
    static const char *const names[] = {"min", "p50", "p99", "p99.9", "max"};
    fputs("          ", stdout);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[32];
        time_text(text, sizeof text, values[i]);
        printf("  %s %s", names[i], text);
    }
    putchar('\n');
}

static void print_spread(const char *what, const struct spread *s, double period_us)
{
    struct row rows[MAX_ROWS];
    size_t n = make_rows(s, rows);
    printf("%s\n", what);
    print_rows(rows, n, period_us);
    print_figures(s);
}

void bench_show(const struct bench *b)
{
    char verdict[256];
    double period_us = bench_period_us(b);
    if (b->is_daemons)
        printf("%s: periods of %.0f frames at %.0f Hz (%.0f us)", b->on, b->period_frames, b->rate_hz,
               period_us);
    else
        printf("A thread of its own, every %.0f frames at %.0f Hz (%.0f us)", b->period_frames, b->rate_hz,
               period_us);
    if (b->is_daemons)
        puts("");
    else if (b->priority)
        printf(", SCHED_FIFO %d\n", b->priority);
    else
        puts(",\nWITHOUT real-time priority: chime doctor tells how to get it");
    print_spread("How late it was woken, up to; log scale", &b->wake_up, period_us);
    print_spread(b->is_daemons ? "How long a block took, up to"
                               : "How long the same piece of work took each time, up to",
                 &b->work, period_us);
    bench_verdict(b, verdict, sizeof verdict);
    putchar('\n');
    cli_print_words(verdict, 0, 0, 80);
    putchar('\n');
}

// ---- JSON ----

static json_t *spread_object(const struct spread *s)
{
    json_t *object = json_object(), *buckets = json_array();
    cli_json_set(object, "n", json_integer(s->n));
    cli_json_set(object, "min_us", json_real(s->min_us));
    cli_json_set(object, "mean_us", json_real(s->n ? s->sum_us / (double)s->n : 0));
    cli_json_set(object, "p50_us", json_real(spread_quantile(s, 0.5)));
    cli_json_set(object, "p99_us", json_real(spread_quantile(s, 0.99)));
    cli_json_set(object, "p999_us", json_real(spread_quantile(s, 0.999)));
    cli_json_set(object, "max_us", json_real(s->max_us));
    for (size_t i = 0; i < s->n_buckets; i++) {
        json_t *bucket = json_object();
        cli_json_set(bucket, "from_us", json_real(s->buckets[i].from_us));
        cli_json_set(bucket, "to_us", json_real(fmin(s->buckets[i].to_us, s->max_us)));
        cli_json_set(bucket, "n", json_integer(s->buckets[i].n));
        json_array_append_new(buckets, bucket);
    }
    cli_json_set(object, "buckets", buckets);
    return object;
}

void bench_show_json(const struct bench *b)
{
    char verdict[256];
    json_t *object = json_object();
    bool holds = bench_verdict(b, verdict, sizeof verdict);
    cli_json_set(object, "source", cli_json_text(b->is_daemons ? "daemon" : "own"));
    cli_json_set(object, "on", cli_json_text(b->on));
    cli_json_set(object, "seconds", json_real(b->seconds));
    cli_json_set(object, "rate", json_real(b->rate_hz));
    cli_json_set(object, "period", json_real(b->period_frames));
    cli_json_set(object, "period_us", json_real(bench_period_us(b)));
    cli_json_set(object, "priority", b->is_daemons ? json_null() : json_integer(b->priority));
    cli_json_set(object, "wake_up", spread_object(&b->wake_up));
    cli_json_set(object, "block", spread_object(&b->work));
    cli_json_set(object, "xruns", json_integer(b->n_xruns));
    cli_json_set(object, "holds", json_boolean(holds));
    cli_json_set(object, "verdict", cli_json_text(verdict));
    cli_print_json(object);
}
