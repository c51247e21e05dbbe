// SPDX-License-Identifier: MIT
// alsa_guard.c - notices a device that takes frames without playing them in time, and paces it.
#include "engine/backends/alsa_guard.h"

/// The bucket loses 5/4 of the time that passes: no device's clock is 25 % fast.
#define LEAK_NUMERATOR   5
#define LEAK_DENOMINATOR 4
/// Buffers ahead of the clock from which on a device is free-running.
#define FREE_RUNNING_BUFFERS 2

void alsa_guard_start(struct alsa_guard *g, uint32_t rate, uint64_t buffer_frames, uint64_t now_ns)
{
    *g = (struct alsa_guard){.buffer_ns = pace_length_ns(rate, buffer_frames), .seen_ns = now_ns};
    g->ahead_ns = g->buffer_ns;
    pace_start(&g->pace, rate, now_ns);
}

bool alsa_guard_wrote(struct alsa_guard *g, uint32_t n_frames, uint64_t now_ns)
{
    if (g->free_running) {
        g->pace.frames += n_frames;
        // After a stall go on from now: catching up is for clocks that kept running.
        bool is_late = now_ns > pace_due_ns(&g->pace) + g->buffer_ns;
        if (is_late) pace_start(&g->pace, g->pace.rate, now_ns);
        return is_late;
    }
    uint64_t leaked_ns = (now_ns - g->seen_ns) * LEAK_NUMERATOR / LEAK_DENOMINATOR;
    g->seen_ns = now_ns;
    g->ahead_ns -= leaked_ns < g->ahead_ns ? leaked_ns : g->ahead_ns;
    g->ahead_ns += pace_length_ns(g->pace.rate, n_frames);
    if (g->ahead_ns <= FREE_RUNNING_BUFFERS * g->buffer_ns) return false;
    g->free_running = true;
    pace_start(&g->pace, g->pace.rate, now_ns + g->ahead_ns); // sits out what it is ahead
    return false;
}

uint64_t alsa_guard_due_ns(const struct alsa_guard *g)
{
    return g->free_running ? pace_due_ns(&g->pace) : 0;
}
