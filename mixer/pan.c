// SPDX-License-Identifier: MIT
// pan.c - gain and pan as people say them, turned into the gains of left and right.
#include "mixer/pan.h"

#include <math.h>

float gain_from_db(float db)
{
    if (db <= SILENCE_DB) return 0.0f;
    return (float)pow(10.0, (double)db / 20.0);
}

float gain_to_db(float lin)
{
    if (!(lin > 0.0f)) return SILENCE_DB;
    float db = 20.0f * log10f(lin);
    return db < SILENCE_DB ? SILENCE_DB : db;
}

/// Left and right of the equal-power law, exact at both ends.
static struct level equal_power(double pan)
{
    double angle = (pan + 1.0) * (M_PI / 4.0);
    double left = pan >= 1.0 ? 0.0 : cos(angle);
    double right = pan <= -1.0 ? 0.0 : sin(angle);
    return (struct level){.left = (float)left, .right = (float)right};
}

struct level level_mono(float gain_lin, float pan)
{
    struct level law = equal_power((double)pan);
    return (struct level){.left = gain_lin * law.left, .right = gain_lin * law.right};
}

struct level level_stereo(float gain_lin, float pan)
{
    if (pan == 0.0f) return (struct level){.left = gain_lin, .right = gain_lin};
    struct level law = equal_power((double)pan);
    float scale = gain_lin * (float)M_SQRT2;
    return (struct level){.left = scale * law.left, .right = scale * law.right};
}
