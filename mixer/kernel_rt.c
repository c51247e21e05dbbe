// SPDX-License-Identifier: MIT
// kernel_rt.c - the inner loops of the mixer, plain enough for the compiler to vectorise.
#include <string.h>

#include "mixer/kernel.h"

#define S16_SCALE (1.0f / 32768.0f)

RT_SAFE void kernel_read(float *restrict out, const void *samples, enum sample_format format,
                         uint32_t n_frames)
{
    if (format == SAMPLE_F32) {
        memcpy(out, samples, n_frames * sizeof(float));
        return;
    }
    const int16_t *in = samples;
    for (uint32_t i = 0; i < n_frames; i++)
        out[i] = (float)in[i] * S16_SCALE;
}

/// The cubic through y[1] (at t = 0) and y[2] (at t = 1) whose slopes there are the central differences.
RT_SAFE static inline float hermite(float y0, float y1, float y2, float y3, float t)
{
    float c1 = 0.5f * (y2 - y0);
    float c2 = y0 - 2.5f * y1 + 2.0f * y2 - 0.5f * y3;
    float c3 = 0.5f * (y3 - y0) + 1.5f * (y1 - y2);
    return ((c3 * t + c2) * t + c1) * t + y1;
}

/// The fraction of a 32.32 position, 0 to 1. Its upper 24 bits are what a float holds exactly.
RT_SAFE static inline float fraction(int64_t position)
{
    return (float)((uint32_t)position >> 8) * (1.0f / 16777216.0f);
}

RT_SAFE void kernel_read_cubic(float *restrict out, const void *samples, enum sample_format format,
                               int64_t position, int64_t increment, uint32_t n_frames)
{
    if (format == SAMPLE_F32) {
        for (uint32_t i = 0; i < n_frames; i++, position += increment) {
            const float *y = (const float *)samples + (position >> 32);
            out[i] = hermite(y[-1], y[0], y[1], y[2], fraction(position));
        }
    } else {
        for (uint32_t i = 0; i < n_frames; i++, position += increment) {
            const int16_t *y = (const int16_t *)samples + (position >> 32);
            out[i] =
                hermite((float)y[-1], (float)y[0], (float)y[1], (float)y[2], fraction(position)) * S16_SCALE;
        }
    }
}

RT_SAFE void kernel_mix(float *restrict bus, const float *restrict in, float gain, uint32_t n_frames)
{
    for (uint32_t i = 0; i < n_frames; i++)
        bus[i] += in[i] * gain;
}

RT_SAFE void kernel_mix_ramped(float *restrict bus, const float *restrict in, const float *restrict gains,
                               uint32_t n_frames)
{
    for (uint32_t i = 0; i < n_frames; i++)
        bus[i] += in[i] * gains[i];
}
