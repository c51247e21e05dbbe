// SPDX-License-Identifier: MIT
// now.h - what the system's clocks say, in nanoseconds. Any thread but rt, which is told.
#ifndef ENGINE_NOW_H
#define ENGINE_NOW_H
#include <stdint.h>
#include <time.h>

static inline int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline int64_t monotonic_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

#endif
