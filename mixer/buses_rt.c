// SPDX-License-Identifier: MIT
// buses_rt.c - sums the buses from the leaves of their tree to the device.
#include <math.h>
#include <string.h>

#include "mixer/buses_parts.h"
#include "mixer/kernel.h"

RT_SAFE void buses_clear(struct buses *b, uint32_t n_frames)
{
    for (uint32_t i = 0; i < 2 * b->graph->n_buses; i++)
        memset(b->planes[i], 0, n_frames * sizeof(float));
}

/// Sets what is no number to 0 and counts it.
RT_SAFE static uint32_t scrub(float *plane, uint32_t n_frames)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_frames; i++) {
        if (!isfinite(plane[i])) {
            plane[i] = 0.0f;
            n++;
        }
    }
    return n;
}

/// Applies the gain, measures, and scrubs. A sum of squares that is not finite tells of samples that are not,
/// without a test for each. Returns how many these were.
RT_SAFE static uint32_t finish_plane(const struct kernels *k, struct ramp *gain, float *plane, float *peak,
                                     float *sum, uint32_t n_frames)
{
    float steady = gain->to, peak_before = *peak;
    if (!ramp_is_steady(gain)) {
        ramp_multiply(gain, plane, n_frames);
        ramp_advance(gain, n_frames);
        steady = 1.0f;
    }
    float squares = k->gain_and_measure(plane, steady, peak, n_frames);
    uint32_t n = 0;
    if (!isfinite(squares)) {
        n = scrub(plane, n_frames);
        *peak = peak_before;
        squares = k->gain_and_measure(plane, 1.0f, peak, n_frames);
    }
    *sum += squares;
    return n;
}

RT_SAFE static void finish(struct buses *b, uint32_t bus, uint32_t n_frames)
{
    struct bus_meter *sums = &b->sums[bus];
    struct ramp one = {.to = 1.0f}, *gain_left = &b->left[bus], *gain_right = &b->right[bus];
    b->switches[bus].has_sounded = true;
    if (b->faders[bus].goes_on) { // by more than one straight line
        bus_glide(b, bus, b->planes[2 * bus], b->planes[2 * bus + 1], n_frames);
        gain_left = gain_right = &one;
    }
    uint32_t n =
        finish_plane(b->kernels, gain_left, b->planes[2 * bus], &sums->peak_left, &sums->rms_left, n_frames);
    n += finish_plane(b->kernels, gain_right, b->planes[2 * bus + 1], &sums->peak_right, &sums->rms_right,
                      n_frames);
    if (n == 0) return;
    b->nonfinite_bus[b->n_nonfinite] = (uint16_t)bus;
    b->nonfinite_count[b->n_nonfinite++] = n;
}

RT_SAFE static void add_mean(float *restrict to, const float *restrict left, const float *restrict right,
                             uint32_t n_frames)
{
    for (uint32_t i = 0; i < n_frames; i++)
        to[i] += 0.5f * (left[i] + right[i]);
}

RT_SAFE static void send(struct buses *b, uint32_t bus, float *const *out, uint32_t n_channels,
                         uint32_t n_frames)
{
    const struct bus_graph *g = b->graph;
    const float *left = b->planes[2 * bus], *right = b->planes[2 * bus + 1];
    if (g->out[bus] == 0) {
        b->kernels->add(b->planes[2 * g->parent[bus]], left, n_frames);
        b->kernels->add(b->planes[2 * g->parent[bus] + 1], right, n_frames);
        return;
    }
    uint32_t first = g->out[bus] - 1u;
    if (first >= n_channels) return;
    if (g->width[bus] == 1) {
        add_mean(out[first], left, right, n_frames);
        return;
    }
    b->kernels->add(out[first], left, n_frames);
    if (first + 1 < n_channels) b->kernels->add(out[first + 1], right, n_frames);
}

/// A mean is never above the peak: where the squares of huge samples have overflowed, the peak is what is
/// left.
RT_SAFE static float rms(float sum_of_squares, float n, float peak)
{
    float mean = sqrtf(sum_of_squares / n);
    return mean < peak ? mean : peak;
}

RT_SAFE static void close_window(struct buses *b)
{
    float n = (float)b->frames_in_window;
    for (uint32_t bus = 0; bus < b->graph->n_buses; bus++) {
        struct bus_meter *sums = &b->sums[bus];
        b->meters[bus] =
            (struct bus_meter){sums->peak_left, sums->peak_right, rms(sums->rms_left, n, sums->peak_left),
                               rms(sums->rms_right, n, sums->peak_right)};
        *sums = (struct bus_meter){0};
    }
    b->frames_in_window = 0;
}

RT_SAFE void buses_render(struct buses *b, float *const *out, uint32_t n_channels, uint32_t n_frames)
{
    b->n_nonfinite = 0;
    for (uint32_t i = 0; i < b->graph->n_buses; i++) {
        uint32_t bus = b->graph->order[i];
        if (b->kernels->is_silent(b->planes[2 * bus], n_frames) &&
            b->kernels->is_silent(b->planes[2 * bus + 1], n_frames)) {
            bus_glide(b, bus, NULL, NULL, n_frames); // nothing else would change
            continue;
        }
        finish(b, bus, n_frames);
        send(b, bus, out, n_channels, n_frames);
    }
    b->frames_in_window += n_frames;
    if (b->frames_in_window >= b->window_frames) close_window(b);
}
