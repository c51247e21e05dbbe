// SPDX-License-Identifier: MIT
// sinc_rt.c - finds the coefficients for a rate.
#include "mixer/sinc.h"

RT_SAFE const struct sinc_bank *sinc_bank_for(const struct sinc *s, int64_t increment)
{
    int64_t step = increment < 0 ? -increment : increment;
    uint32_t i = 0;
    while (i + 1 < SINC_BANKS && s->banks[i].max_increment < step)
        i++;
    return &s->banks[i];
}
