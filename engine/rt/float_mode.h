// SPDX-License-Identifier: MIT
// float_mode.h - makes the processor treat denormal numbers as zero, as every audio thread needs it.
#ifndef ENGINE_RT_FLOAT_MODE_H
#define ENGINE_RT_FLOAT_MODE_H
#include <stdint.h>

#include "alloc/attr.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

/// Sets flush-to-zero and denormals-are-zero for the calling thread.
RT_SAFE static inline void float_mode_set(void)
{
    _mm_setcsr(_mm_getcsr() | 0x8040); // MXCSR: bit 15 FTZ, bit 6 DAZ
}
#elif defined(__aarch64__)
RT_SAFE static inline void float_mode_set(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | UINT64_C(1) << 24)); // FPCR.FZ
}
#else
RT_SAFE static inline void float_mode_set(void) {}
#endif

#endif
