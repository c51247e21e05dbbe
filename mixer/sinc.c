// SPDX-License-Identifier: MIT
// sinc.c - designs the windowed-sinc interpolators: low-pass filters by Kaiser's window method.
#include "mixer/sinc.h"

#include <math.h>
#include <string.h>

/// Points of a prototype for each of its zero crossings; linear interpolation between them is good to 1e-6.
#define PROTOTYPE_STEPS 1024
#define MAX_HALF_WIDTH  16

/// One half of a symmetric impulse response, for a rate of 1; higher rates stretch it.
struct prototype {
    double half_width; // frames from the middle to where it ends
    float points[MAX_HALF_WIDTH * PROTOTYPE_STEPS + 2];
};

/// The modified Bessel function of order 0, by its power series.
static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-12 * sum; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/// `cutoff`: the frequency where the response is halved, in cycles a frame. `stop_db`: how far down the stop
/// band lies. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.
static void design(struct prototype *p, double half_width, double cutoff, double stop_db)
{
    double beta = 0.1102 * (stop_db - 8.7);
    *p = (struct prototype){.half_width = half_width};
    for (int i = 0; i < (int)(half_width * PROTOTYPE_STEPS); i++) {
        double t = (double)i / PROTOTYPE_STEPS, x = 2 * M_PI * cutoff * t, edge = t / half_width;
        double sinc = i == 0 ? 1 : fabs(sin(x)) < 1e-12 ? 0 : sin(x) / x;
        p->points[i] = (float)(2 * cutoff * sinc * bessel_i0(beta * sqrt(1 - edge * edge)) / bessel_i0(beta));
    }
}

static double prototype_at(const struct prototype *p, double t)
{
    double place = fabs(t) * PROTOTYPE_STEPS;
    if (place >= p->half_width * PROTOTYPE_STEPS) return 0;
    int i = (int)place;
    return (double)p->points[i] + (place - i) * ((double)p->points[i + 1] - (double)p->points[i]);
}

/// A row for each phase, each with a sum of 1, so that a constant stays what it is at any position.
static void fill_rows(float *rows, const struct sinc_bank *bank, const struct prototype *p, double stretch)
{
    uint32_t n_phases = 1u << bank->phase_bits, n_taps = bank->n_taps, middle = n_taps / 2 - 1;
    for (uint32_t phase = 0; phase <= n_phases; phase++) {
        float *row = rows + (size_t)phase * n_taps;
        double taps[SINC_MAX_TAPS], sum = 0;
        for (uint32_t k = 0; k < n_taps; k++) {
            double frame = (double)k - middle - (double)phase / n_phases;
            taps[k] = prototype_at(p, frame / stretch);
            sum += taps[k];
        }
        for (uint32_t k = 0; k < n_taps; k++)
            row[k] = (float)(taps[k] / sum);
    }
}

static enum status make_bank(struct sinc_bank *bank, struct allocator *a, const struct prototype *p,
                             double rate, uint32_t octave)
{
    // Stretched responses are as much smoother, and need as many fewer phases.
    uint32_t n_taps = (uint32_t)ceil(2 * p->half_width * rate / SINC_TAP_STEP - 1e-9) * SINC_TAP_STEP;
    *bank = (struct sinc_bank){.n_taps = n_taps, .phase_bits = 8 - octave};
    bank->max_increment = (int64_t)ceil(rate * 4294967296.0);
    float *rows = make(float, (size_t)n_taps *((1u << bank->phase_bits) + 1), a);
    if (!rows) return STATUS_NO_MEMORY;
    fill_rows(rows, bank, p, rate);
    bank->rows = rows;
    return STATUS_OK;
}

enum status sinc_init(struct sinc *s, struct allocator *a)
{
    struct prototype p;
    *s = (struct sinc){0};
    // Rates up to 1 keep what is below a third of the sample rate and put its images 80 dB down, even at
    // half speed, where they all meet in one place: hence 83. With the cut-off at 1/2 the response is zero at
    // every frame but one's own: whole positions are exact.
    design(&p, 8, 0.5, 83);
    enum status status = make_bank(&s->banks[0], a, &p, 1, 0);
    // A little above 1 the same number of taps does for images of what is below 5/12; only what is above that
    // aliases, to where it was.
    const double little = pow(2, 1.0 / 6);
    design(&p, 8 / little, 0.5, 60);
    if (!status) status = make_bank(&s->banks[1], a, &p, little, 0);
    // Higher rates get twice the taps, and a stop band that begins where aliases would, at 1/2: the cut-off
    // is half of Kaiser's transition, (stop_db - 7.95) / (14.36 * 2 * half_width), below.
    design(&p, 16, 0.5 - 0.0588, 62);
    for (uint32_t i = 2; i < SINC_BANKS && !status; i++)
        status = make_bank(&s->banks[i], a, &p, pow(2, i / 6.0), i / 6);
    return status;
}
