// SPDX-License-Identifier: MIT
// load_window.c - the load of the last minute or two: what the audio thread counts since its start, without
// what is older.
#include "engine/load_window.h"

void load_window_turn(struct load_window *w, struct cycle *cycle, int64_t now_ns)
{
    if (w->begun_ns == 0) w->begun_ns = now_ns;
    if (now_ns - w->begun_ns < LOAD_WINDOW_NS) return;
    w->begun_ns = now_ns;
    w->before = w->now;
    histogram_read(&cycle->load, &w->now);
    // relaxed: a figure for people; what the audio thread writes meanwhile is of the new window.
    w->worst_ppm = atomic_exchange_explicit(&cycle->load_worst_ppm, 0, memory_order_relaxed);
}

double load_window_quantile(const struct load_window *w, const struct cycle *cycle, double q)
{
    struct histogram_reading r;
    histogram_read(&cycle->load, &r);
    histogram_subtract(&r, &w->before);
    return (double)histogram_quantile(&r, q) / HISTOGRAM_ONE;
}

double load_window_worst(const struct load_window *w, const struct cycle *cycle)
{
    // relaxed: likewise.
    uint32_t ppm = atomic_load_explicit(&cycle->load_worst_ppm, memory_order_relaxed);
    return (ppm > w->worst_ppm ? ppm : w->worst_ppm) * 1e-6;
}
