// SPDX-License-Identifier: MIT
// buses.h - stereo sums with gain and meters, nested as a tree, going to device channels at its roots.
#ifndef MIXER_BUSES_H
#define MIXER_BUSES_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "mixer/change.h"
#include "mixer/fader.h"
#include "mixer/kernel.h"
#include "mixer/ramp.h"

/// Bus 0 is the root of the tree.
#define BUS_MASTER 0

/// How the buses hang together. Control makes a new one for every change and publishes it whole; immutable
/// from then until rt has handed it back.
struct bus_graph {
    uint32_t index;   // its place among control's graphs
    uint32_t n_buses; // buses 0 to n_buses - 1 exist
    uint16_t *order;  // all buses, each before its parent
    uint16_t *parent; // of each bus; master's is unused
    uint16_t *out;    // first device channel of each bus, counted from 1; 0: it feeds its parent
    uint8_t *width;   // device channels that it feeds there: 1 (the mean of left and right) or 2
};

/// Levels of one bus behind its gain, over the last window; linear.
struct bus_meter {
    float peak_left, peak_right;
    float rms_left, rms_right;
};

/// What control wants to know of a bus.
struct bus_report {
    struct bus_meter meter;
    float gain_db, pan; // that hold, or that ramps lead to
    bool mute, solo;
    bool is_silenced; // by its own mute, or by the solo of others
};

/// What mute and solo say of one bus.
struct bus_switches {
    bool mute, solo;
    bool is_below_solo, is_above_solo; // or soloed itself
    bool is_silenced;
    bool has_sounded;
};

/// The same while it is measured.
struct bus_sums {
    struct kernel_meter left, right;
};

/// Owned by rt once it runs.
struct buses {
    uint32_t max_buses;
    const struct bus_graph *graph;
    const struct kernels *kernels;
    float **planes;            // [2 * bus] left, [2 * bus + 1] right; BLOCK_FRAMES each
    struct ramp *left, *right; // gain, pan, mute and solo in one: what the faders come to
    struct fader *faders;      // of each bus; `is_open` unless it is silenced
    struct bus_switches *switches;
    bool is_faded_out;
    struct bus_meter *meters; // of the window before the present one

    // the present window
    struct bus_sums *sums;
    uint32_t window_frames, frames_in_window;
    uint32_t declick_frames;

    // NaN and infinite samples of the present block, each bus that had one; scrubbed to 0
    uint16_t *nonfinite_bus;
    uint32_t *nonfinite_count;
    uint32_t n_nonfinite;
};

// ---- set-up: before any thread runs ----

/// An empty graph with room for `max_buses` (1 to 1024).
NODISCARD enum status bus_graph_init(struct bus_graph *g, struct allocator *a, uint32_t max_buses);

/// Room for `max_buses`; `graph` is used until another one is set. Meters cover `window_frames`.
NODISCARD enum status buses_init(struct buses *b, struct allocator *a, uint32_t max_buses,
                                 const struct bus_graph *graph, uint32_t window_frames,
                                 uint32_t declick_frames);

// ---- control ----

/// Fills in `order` from `parent` and `n_buses`. The parents must form a tree with root BUS_MASTER.
void bus_graph_sort(struct bus_graph *g);

// ---- rt ----

/// The graph used until now goes back to control. Buses that are new are at their level, or silent, at once.
RT_SAFE const struct bus_graph *buses_set_graph(struct buses *b, const struct bus_graph *graph);
// Any bus of `max_buses` may be told before its graph comes. A change takes the declick ramp at least, but
// for a bus that has not sounded yet: that one takes the ramp as it is, 0: at once.

/// dB, kept in -200 to 24; -200 is silence.
RT_SAFE void buses_set_gain(struct buses *b, uint32_t bus, const struct change *change);
/// Kept in -1 to 1.
RT_SAFE void buses_set_pan(struct buses *b, uint32_t bus, const struct change *change);
RT_SAFE void buses_set_mute(struct buses *b, uint32_t bus, bool on, uint32_t ramp_frames);
/// While any bus is soloed, a bus is heard when it is soloed, or lies above or below one that is.
RT_SAFE void buses_set_solo(struct buses *b, uint32_t bus, bool on, uint32_t ramp_frames);
/// Silences all that goes to the device, for good.
RT_SAFE void buses_fade_out(struct buses *b, uint32_t ramp_frames);
/// All that is on its way takes as long at another sample rate, between two blocks.
RT_SAFE void buses_change_rate(struct buses *b, struct rate_change change, uint32_t window_frames,
                               uint32_t declick_frames);
RT_SAFE void buses_report(const struct buses *b, uint32_t bus, struct bus_report *report);
/// Silences the planes that voices add to.
RT_SAFE void buses_clear(struct buses *b, uint32_t n_frames);
/// Sums the tree from its leaves to the device: adds to `out`, one plane for each of `n_channels`. Outputs
/// beyond the device's channels are left out.
RT_SAFE void buses_render(struct buses *b, float *const *out, uint32_t n_channels, uint32_t n_frames);

#endif
