// SPDX-License-Identifier: MIT
// alsa_format.c - float samples into the sample formats of ALSA devices.
#include "engine/backends/alsa_format.h"

#include <math.h>
#include <string.h>

static void convert_float(void *to, size_t step_bytes, const float *from, uint32_t n)
{
    uint8_t *out = to;
    for (uint32_t i = 0; i < n; i++, out += step_bytes)
        memcpy(out, &from[i], sizeof from[i]);
}

/// `scaled` clamped to [-limit, limit - 1] and rounded. Up to 24 bits both ends are exact floats. The
/// comparisons are so turned that NaN leaves as the upper end instead of as an undefined integer.
static int32_t round_clamped(float scaled, float limit)
{
    scaled = scaled < limit - 1 ? scaled : limit - 1;
    scaled = scaled > -limit ? scaled : -limit;
    return (int32_t)lrintf(scaled);
}

static void convert_s32(void *to, size_t step_bytes, const float *from, uint32_t n)
{
    const float limit = 2147483648.0f; // 2^31 - 1 is no float: the upper end is tested before the conversion
    uint8_t *out = to;
    for (uint32_t i = 0; i < n; i++, out += step_bytes) {
        float scaled = from[i] * limit;
        int32_t sample = !(scaled < limit) ? INT32_MAX
                         : scaled < -limit ? INT32_MIN
                                           : (int32_t)lrintf(scaled);
        memcpy(out, &sample, sizeof sample);
    }
}

static void convert_s24(void *to, size_t step_bytes, const float *from, uint32_t n)
{
    uint8_t *out = to;
    for (uint32_t i = 0; i < n; i++, out += step_bytes) {
        int32_t sample = round_clamped(from[i] * 8388608.0f, 8388608.0f);
        memcpy(out, &sample, sizeof sample);
    }
}

static void convert_s24_3(void *to, size_t step_bytes, const float *from, uint32_t n)
{
    uint8_t *out = to;
    for (uint32_t i = 0; i < n; i++, out += step_bytes) {
        uint32_t sample = (uint32_t)round_clamped(from[i] * 8388608.0f, 8388608.0f);
        out[0] = (uint8_t)sample;
        out[1] = (uint8_t)(sample >> 8);
        out[2] = (uint8_t)(sample >> 16);
    }
}

static void convert_s16(void *to, size_t step_bytes, const float *from, uint32_t n)
{
    uint8_t *out = to;
    for (uint32_t i = 0; i < n; i++, out += step_bytes) {
        int16_t sample = (int16_t)round_clamped(from[i] * 32768.0f, 32768.0f);
        memcpy(out, &sample, sizeof sample);
    }
}

static const struct alsa_format_info infos[ALSA_N_FORMATS] = {
    [ALSA_FORMAT_FLOAT] = {"FLOAT", 4, convert_float}, [ALSA_FORMAT_S32] = {"S32", 4, convert_s32},
    [ALSA_FORMAT_S24] = {"S24", 4, convert_s24},       [ALSA_FORMAT_S24_3] = {"S24_3LE", 3, convert_s24_3},
    [ALSA_FORMAT_S16] = {"S16", 2, convert_s16},
};

const struct alsa_format_info *alsa_format_info(enum alsa_format format)
{
    return &infos[format];
}
