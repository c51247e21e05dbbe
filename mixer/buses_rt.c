// SPDX-License-Identifier: MIT
// buses_rt.c - sums the buses from the leaves of their tree to the device.
#include <math.h>
#include <string.h>

#include "mixer/buses.h"
#include "mixer/kernel.h"

RT_SAFE const struct bus_graph *buses_set_graph(struct buses *b, const struct bus_graph *graph)
{
    const struct bus_graph *old = b->graph;
    b->graph = graph;
    return old;
}

RT_SAFE void buses_set_level(struct buses *b, uint32_t bus, const struct level *level)
{
    uint32_t n = level->ramp_frames;
    if (n > 0 && n < b->declick_frames) n = b->declick_frames;
    ramp_set(&b->left[bus], level->left, n);
    ramp_set(&b->right[bus], level->right, n);
}

RT_SAFE void buses_clear(struct buses *b, uint32_t n_frames)
{
    for (uint32_t i = 0; i < 2 * b->graph->n_buses; i++)
        memset(b->planes[i], 0, n_frames * sizeof(float));
}

RT_SAFE static void apply_gain(struct ramp *gain, float *plane, uint32_t n_frames)
{
    if (!ramp_is_steady(gain)) {
        ramp_multiply(gain, plane, n_frames);
        ramp_advance(gain, n_frames);
    } else if (gain->to != 1.0f) {
        for (uint32_t i = 0; i < n_frames; i++)
            plane[i] *= gain->to;
    }
}

/// Adds to the window's peak and sum of squares; returns this block's sum alone.
RT_SAFE static float measure(const float *plane, uint32_t n_frames, float *peak, float *sum)
{
    float p = *peak, squares = 0.0f;
    for (uint32_t i = 0; i < n_frames; i++) {
        float magnitude = fabsf(plane[i]);
        p = magnitude > p ? magnitude : p;
        squares += plane[i] * plane[i];
    }
    *peak = p;
    *sum += squares;
    return squares;
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

/// Meters one bus. A sum of squares that is not finite tells of samples that are not, without a test for
/// each.
RT_SAFE static void meter_and_scrub(struct buses *b, uint32_t bus, float *left, float *right,
                                    uint32_t n_frames)
{
    struct bus_meter *sums = &b->sums[bus], before = *sums;
    float l = measure(left, n_frames, &sums->peak_left, &sums->rms_left);
    float r = measure(right, n_frames, &sums->peak_right, &sums->rms_right);
    if (isfinite(l + r)) return;

    uint32_t n = scrub(left, n_frames) + scrub(right, n_frames);
    *sums = before;
    measure(left, n_frames, &sums->peak_left, &sums->rms_left);
    measure(right, n_frames, &sums->peak_right, &sums->rms_right);
    if (n > 0) {
        b->nonfinite_bus[b->n_nonfinite] = (uint16_t)bus;
        b->nonfinite_count[b->n_nonfinite++] = n;
    }
}

RT_SAFE static void add(float *restrict to, const float *restrict from, uint32_t n_frames)
{
    for (uint32_t i = 0; i < n_frames; i++)
        to[i] += from[i];
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
        add(b->planes[2 * g->parent[bus]], left, n_frames);
        add(b->planes[2 * g->parent[bus] + 1], right, n_frames);
        return;
    }
    uint32_t first = g->out[bus] - 1u;
    if (first >= n_channels) return;
    if (g->width[bus] == 1) {
        add_mean(out[first], left, right, n_frames);
        return;
    }
    add(out[first], left, n_frames);
    if (first + 1 < n_channels) add(out[first + 1], right, n_frames);
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
        float *left = b->planes[2 * bus], *right = b->planes[2 * bus + 1];
        apply_gain(&b->left[bus], left, n_frames);
        apply_gain(&b->right[bus], right, n_frames);
        meter_and_scrub(b, bus, left, right, n_frames);
        send(b, bus, out, n_channels, n_frames);
    }
    b->frames_in_window += n_frames;
    if (b->frames_in_window >= b->window_frames) close_window(b);
}
