// SPDX-License-Identifier: MIT
// pace.c - when the frames of a stream are due by the system's clock, without rounding errors that add up.
#include "engine/backends/pace.h"

#include <time.h>

#include "engine/backends/cycle.h"

#define NS_PER_SECOND UINT64_C(1000000000)
/// A period can last a second (8192 frames at 8 kHz); stop() shall not wait for that.
#define PACE_SLICE_NS UINT64_C(50000000)

void pace_start(struct pace *p, uint32_t rate, uint64_t now_ns)
{
    *p = (struct pace){.base_ns = now_ns, .rate = rate};
}

uint64_t pace_length_ns(uint32_t rate, uint64_t n_frames)
{
    // Whole seconds apart, so that the product cannot overflow.
    return n_frames / rate * NS_PER_SECOND + n_frames % rate * NS_PER_SECOND / rate;
}

uint64_t pace_due_ns(const struct pace *p)
{
    return p->base_ns + pace_length_ns(p->rate, p->frames);
}

void pace_sleep(uint64_t due_ns, const _Atomic bool *stopping)
{
    // Relaxed: the flag alone matters; the join of the thread orders everything else.
    for (uint64_t now = cycle_now_ns(); now < due_ns && !atomic_load_explicit(stopping, memory_order_relaxed);
         now = cycle_now_ns()) {
        uint64_t until = due_ns - now < PACE_SLICE_NS ? due_ns : now + PACE_SLICE_NS;
        struct timespec wake = {.tv_sec = (time_t)(until / NS_PER_SECOND),
                                .tv_nsec = (long)(until % NS_PER_SECOND)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
    }
}
