// SPDX-License-Identifier: MIT
// pan_rt.c - gain and pan as people say them, turned into the gains of left and right.
#include "mixer/numeric.h"
#include "mixer/pan.h"

#define DB_OF_2 6.02059991327962390428 // 20 log10(2)
#define SQRT_2  1.41421356237309504880

RT_SAFE float gain_from_db(float db)
{
    if (db <= SILENCE_DB) return 0.0f;
    return (float)numeric_exp2((double)db / DB_OF_2);
}

RT_SAFE float gain_to_db(float lin)
{
    if (!(lin > 0.0f)) return SILENCE_DB;
    float db = (float)(DB_OF_2 * numeric_log2((double)lin));
    return db < SILENCE_DB ? SILENCE_DB : db;
}

RT_SAFE struct level pan_law(float pan, bool is_mono)
{
    if (pan == 0.0f && !is_mono) return (struct level){1.0f, 1.0f};
    double way = 0.5 + 0.5 * (double)pan, scale = is_mono ? 1.0 : SQRT_2;
    return (struct level){(float)(scale * numeric_sine(1.0 - way)), (float)(scale * numeric_sine(way))};
}

RT_SAFE struct level level_mono(float gain_lin, float pan)
{
    struct level law = pan_law(pan, true);
    return (struct level){gain_lin * law.left, gain_lin * law.right};
}

RT_SAFE struct level level_stereo(float gain_lin, float pan)
{
    struct level law = pan_law(pan, false);
    return (struct level){gain_lin * law.left, gain_lin * law.right};
}
