// SPDX-License-Identifier: MIT
// load_window.h - the load of the last minute or two: what the audio thread counts since its start, without
// what is older.
#ifndef ENGINE_LOAD_WINDOW_H
#define ENGINE_LOAD_WINDOW_H
#include <stdint.h>

#include "engine/backends/cycle.h"

/// A window begins every so often; what is told covers the present one and the one before.
#define LOAD_WINDOW_NS INT64_C(60000000000)

/// Control's own. A zeroed one has just begun.
struct load_window {
    struct histogram_reading before, now; // when the window before the present one began, and the present one
    uint32_t worst_ppm;                   // of the one before
    int64_t begun_ns;                     // CLOCK_MONOTONIC; 0: no turn yet
};

/// Begins a window when it is time. Call it now and then.
void load_window_turn(struct load_window *w, struct cycle *cycle, int64_t now_ns);
/// The share of their period that no more than `1 - q` of the cycles went beyond; within a quarter of it.
double load_window_quantile(const struct load_window *w, const struct cycle *cycle, double q);
/// The share of the worst cycle.
double load_window_worst(const struct load_window *w, const struct cycle *cycle);

#endif
