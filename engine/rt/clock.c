// SPDX-License-Identifier: MIT
// clock.c - set-up of the clock.
#include "engine/rt/clock.h"

void clock_init(struct clock *c, uint32_t rate)
{
    *c = (struct clock){.rate = rate, .frame_ns = 1e9 / rate};
}

void clock_init_exact(struct clock *c, uint32_t rate, uint64_t ntp)
{
    clock_init(c, rate);
    c->is_exact = true;
    c->ntp_zero = ntp;
}
