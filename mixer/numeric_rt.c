// SPDX-License-Identifier: MIT
// numeric_rt.c - powers, logarithms and sines from short series.
#include <stdint.h>
#include <string.h>

#include "mixer/numeric.h"

#define LN_2         0.69314718055994530942
#define HALF_PI      1.57079632679489661923
#define SQRT_2       1.41421356237309504880
#define EXPONENT_AT  52 // of a double's bits
#define EXPONENT_OF1 1023

RT_SAFE double numeric_exp2(double x)
{
    int32_t whole = (int32_t)(x < 0 ? x - 0.5 : x + 0.5);
    double t = (x - whole) * LN_2, tt = t * t; // t: within 0.35
    // t^k / k!, the even ones and the odd ones for themselves: processors do both at a time.
    double even = 1 + tt * (1.0 / 2 + tt * (1.0 / 24 + tt * (1.0 / 720 + tt * (1.0 / 40320))));
    double odd = 1 + tt * (1.0 / 6 + tt * (1.0 / 120 + tt * (1.0 / 5040 + tt * (1.0 / 362880))));
    uint64_t bits = (uint64_t)(whole + EXPONENT_OF1) << EXPONENT_AT;
    double power;
    memcpy(&power, &bits, sizeof power);
    return (even + t * odd) * power;
}

RT_SAFE double numeric_log2(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t whole = (int32_t)(bits >> EXPONENT_AT) - EXPONENT_OF1;
    bits = (bits & ((UINT64_C(1) << EXPONENT_AT) - 1)) | (uint64_t)EXPONENT_OF1 << EXPONENT_AT;
    double part; // 1 to 2, then 0.71 to 1.41
    memcpy(&part, &bits, sizeof part);
    if (part > SQRT_2) {
        part *= 0.5;
        whole++;
    }
    // ln((1 + s) / (1 - s)) = 2 (s + s^3 / 3 + s^5 / 5 ...), s within 0.172
    double s = (part - 1.0) / (part + 1.0), sum = 0.0;
    for (int32_t k = 15; k > 0; k -= 2)
        sum = sum * s * s + 1.0 / k;
    return whole + 2.0 * s * sum / LN_2;
}

RT_SAFE double numeric_sine(double x)
{
    if (x <= 0.5) {
        double t = x * HALF_PI, tt = t * t; // t: up to 0.79
        return t * (1 - tt * (1.0 / 6 - tt * (1.0 / 120 - tt * (1.0 / 5040 - tt * (1.0 / 362880 -
                                                                                   tt * (1.0 / 39916800))))));
    }
    double t = (1.0 - x) * HALF_PI, tt = t * t; // the cosine of the rest
    double high = 1.0 / 40320 - tt * (1.0 / 3628800 - tt * (1.0 / 479001600));
    return 1 - tt * (1.0 / 2 - tt * (1.0 / 24 - tt * (1.0 / 720 - tt * high)));
}
