// SPDX-License-Identifier: MIT
// bench.h - what chime bench measures: how late an audio thread is woken, how long its work takes.
#ifndef CLIENTS_BENCH_H
#define CLIENTS_BENCH_H
#include <stdbool.h>
#include <stdint.h>

#include "clients/cli.h"

/// Of the daemon there are 86 at the most.
#define MAX_BUCKETS 96

struct bucket {
    double from_us, to_us; // beyond from, up to to; to is infinite for the last one
    int64_t n;
};

/// How often a time was how long.
struct spread {
    struct bucket buckets[MAX_BUCKETS]; // in order; those without any are left out
    size_t n_buckets;
    int64_t n;
    double min_us, max_us, sum_us;
};

struct bench {
    double seconds, rate_hz, period_frames; // asked for, and in force
    int priority;                           // asked for, and then what the kernel granted; 0: none
    bool is_daemons;                        // of a daemon's audio thread, not of one of our own
    char on[96];                            // what that plays on
    struct spread wake_up;                  // lateness
    struct spread work;                     // time that the work in a cycle took
    double worst_us;                        // from when a cycle was due to its end; 0: not known
    int64_t n_xruns;                        // cycles that ended after the next one was due
};

static inline double bench_period_us(const struct bench *b)
{
    return b->rate_hz > 0 ? b->period_frames / b->rate_hz * 1e6 : 0;
}

// ---- spreads (bench_spread.c) ----

/// Counts one time.
void spread_add(struct spread *s, double us);
/// No more than the share `q` of all times is beyond.
double spread_quantile(const struct spread *s, double q);
/// What came since `before`.
void spread_subtract(struct spread *s, const struct spread *before);

// ---- measuring ----

/// On a thread of its own, as a timer backend would (bench_thread.c). False: there was no memory or no
/// thread.
bool bench_own(struct bench *b);
/// The daemon's audio thread while `seconds` pass; since its start when these are 0 (bench_daemon.c).
enum chime_status bench_daemon(struct cli *cli, struct bench *b, struct chime_message **answer);
/// Tells on a terminal how far a measurement is. False after Ctrl-C.
bool bench_progress(double passed_s, double all_s);

// ---- showing (bench_show.c, bench_plot.c) ----

/// True when periods of this length hold here; what that is judged by, in words, goes to `text`.
bool bench_verdict(const struct bench *b, char *text, size_t size);
/// Bars and figures, 80 columns wide.
void bench_show(const struct bench *b);
void bench_show_json(const struct bench *b);
/// Has gnuplot draw `file`, whose ending is .png, .svg, .pdf or .txt. CLI_DONE, or an exit code with the
/// reason printed.
int bench_plot(const struct cli *cli, const struct bench *b, const char *file);

#endif
