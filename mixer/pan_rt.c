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

/// Left and right of the equal-power law, exact at both ends.
RT_SAFE static struct level equal_power(double gain, double pan)
{
    return (struct level){.left = (float)(gain * numeric_sine(0.5 - 0.5 * pan)),
                          .right = (float)(gain * numeric_sine(0.5 + 0.5 * pan))};
}

RT_SAFE struct level level_mono(float gain_lin, float pan)
{
    return equal_power((double)gain_lin, (double)pan);
}

RT_SAFE struct level level_stereo(float gain_lin, float pan)
{
    if (pan == 0.0f) return (struct level){.left = gain_lin, .right = gain_lin};
    return equal_power((double)gain_lin * SQRT_2, (double)pan);
}
