// SPDX-License-Identifier: MIT
// random.h - numbers that look random and are the same in every run.
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H
#include <stdint.h>

/// One step of xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators,
/// scrambled", 2016). The state must not be 0.
static inline uint32_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 32);
}

/// 0 to n - 1.
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
    return random_next(state) % n;
}

/// From `low` to `high`.
static inline double random_between(uint64_t *state, double low, double high)
{
    return low + (high - low) * ((double)random_next(state) / 4294967295.0);
}

#endif
