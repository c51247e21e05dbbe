// SPDX-License-Identifier: MIT
// sinc.h - the coefficients of the windowed-sinc interpolation, for every range of rates.
#ifndef MIXER_SINC_H
#define MIXER_SINC_H
#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "mixer/kernel.h"

/// One bank for rates up to 1, then one for each sixth of an octave up to 16.
#define SINC_BANKS 25
/// Taps of the widest bank.
#define SINC_MAX_TAPS 512

struct sinc {
    struct sinc_bank banks[SINC_BANKS];
};

// ---- set-up ----

/// The tables lie in `a`, about 1 MiB.
NODISCARD enum status sinc_init(struct sinc *s, struct allocator *a);

// ---- rt ----

/// The bank whose cut-off lets nothing alias at this increment (32.32, of either sign).
RT_SAFE const struct sinc_bank *sinc_bank_for(const struct sinc *s, int64_t increment);

#endif
