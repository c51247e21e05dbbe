// SPDX-License-Identifier: MIT
// clock.c - set-up of the clock.
#include "engine/rt/clock.h"

#include "mixer/rate_change.h"

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

void clock_set_rate(struct clock *c, uint32_t rate)
{
    struct clock old = *c;
    clock_init(c, rate);
    c->has_offset = old.has_offset;
    c->offset = old.offset;
    c->asleep_ns = old.asleep_ns;
    c->period = rate_change_frames((struct rate_change){.from = old.rate, .to = rate}, old.period);
    c->cycle_frame = old.cycle_frame;
}
