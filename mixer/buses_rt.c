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

/// Returns how many samples were not finite. A kernel takes ramps that do not arrive on the way: at most one
/// does.
RT_SAFE static uint32_t send_plane(const struct kernels *k, const float *plane, struct ramp *gain,
                                   struct kernel_meter *meter, float *to, float share, uint32_t n_frames)
{
    uint32_t n_nonfinite = 0;
    for (uint32_t done = 0, n; done < n_frames; done += n) {
        uint32_t before_arrival = gain->total - gain->done;
        n = n_frames - done;
        if (before_arrival > 0 && before_arrival < n) n = before_arrival;
        n_nonfinite += k->send(plane + done, gain, meter, to ? to + done : NULL, share, n);
        ramp_advance(gain, n);
    }
    return n_nonfinite;
}

/// Where the sides of a bus go: to its parent, or to the device.
struct destination {
    float *left, *right; // NULL: the device has no such channel
    float share;
};

RT_SAFE static struct destination destination_of(const struct buses *b, uint32_t bus, float *const *out,
                                                 uint32_t n_channels)
{
    const struct bus_graph *g = b->graph;
    if (g->out[bus] == 0) {
        float *const *parent = &b->planes[2 * g->parent[bus]];
        return (struct destination){parent[0], parent[1], 1.0f};
    }
    uint32_t first = g->out[bus] - 1u;
    float *left = first < n_channels ? out[first] : NULL;
    if (g->width[bus] == 1) return (struct destination){left, left, 0.5f};
    return (struct destination){left, first + 1 < n_channels ? out[first + 1] : NULL, 1.0f};
}

RT_SAFE static void send(struct buses *b, uint32_t bus, const struct destination *to, uint32_t n_frames)
{
    float *const *planes = &b->planes[2 * bus];
    struct bus_sums *sums = &b->sums[bus];
    struct ramp one = {.to = 1.0f}, *left = &b->left[bus], *right = &b->right[bus];
    b->switches[bus].has_sounded = true;
    if (b->faders[bus].goes_on) { // by more than one straight line
        bus_glide(b, bus, planes[0], planes[1], n_frames);
        left = right = &one;
    }
    uint32_t n = send_plane(b->kernels, planes[0], left, &sums->left, to->left, to->share, n_frames);
    n += send_plane(b->kernels, planes[1], right, &sums->right, to->right, to->share, n_frames);
    if (n == 0) return;
    b->nonfinite_bus[b->n_nonfinite] = (uint16_t)bus;
    b->nonfinite_count[b->n_nonfinite++] = n;
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
        const struct kernel_meter *left = &b->sums[bus].left, *right = &b->sums[bus].right;
        b->meters[bus] = (struct bus_meter){left->peak, right->peak, rms(left->sum, n, left->peak),
                                            rms(right->sum, n, right->peak)};
        b->sums[bus] = (struct bus_sums){0};
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
        struct destination to = destination_of(b, bus, out, n_channels);
        send(b, bus, &to, n_frames);
    }
    b->frames_in_window += n_frames;
    if (b->frames_in_window >= b->window_frames) close_window(b);
}
