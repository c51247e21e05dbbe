// SPDX-License-Identifier: MIT
// fader.h - gain, pan and mute, each on its own way, and what they come to on the left and on the right.
// Audio thread.
#ifndef MIXER_FADER_H
#define MIXER_FADER_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "mixer/change.h"
#include "mixer/pan.h"
#include "mixer/ramp.h"

/// What gains are kept within, in dB.
#define FADER_MIN_DB (-200.0f) // silence
#define FADER_MAX_DB 24.0f

/// Where a curve that is straight in dB begins when it comes from silence, and what it goes down to before
/// silence. Lower when the gain at its other end is.
#define FADER_FLOOR_DB (-100.0f)

/// LINEAR ramps up to this length are straight lines of left and right, whatever moves: nobody hears a path
/// in 10 ms, and the ramps that nobody asked for stay as cheap as they can be.
#define FADER_BRIEF_FRAMES 512

/// One of the three on its way. Steady when `done` is `total`.
struct glide {
    float from, to;       // amplitude, or what the curve of a gain is straight in: dB or power
    uint32_t done, total; // frames; `done` as of the beginning of the present piece
    uint8_t curve;
};

/// The ways end to end are cut into pieces that are straight lines of left and right: one alone when all that
/// moves is a LINEAR gain or mute, else CURVE_PIECE_FRAMES long, or shorter where a way ends. A piece is two
/// ramps that its owner keeps, renders and advances, always both by the same number of frames.
struct fader {
    float gain_db, pan; // that hold, or that the ways lead to
    float gain_lin;     // what `gain_db` is,
    struct level law;   // and what `pan` is
    struct {
        struct glide gain, pan, gate; // gate: 1 is open, 0 is shut
    } ways;
    bool is_mono; // pan as of a mono source, else of a stereo one
    bool is_open;
    bool goes_on; // another piece follows the present one: fader_next() when its ramps have arrived
};

/// Open, with this level at once.
RT_SAFE void fader_init(struct fader *f, struct ramp *left, struct ramp *right, float gain_db, float pan,
                        bool is_mono);

// The following begin a new piece from where left and right are. They take `n_frames`, not the ramp that the
// change names; 0: at once.

RT_SAFE void fader_set_gain(struct fader *f, struct ramp *left, struct ramp *right,
                            const struct change *change, uint32_t n_frames);
RT_SAFE void fader_set_pan(struct fader *f, struct ramp *left, struct ramp *right,
                           const struct change *change, uint32_t n_frames);
RT_SAFE void fader_set_open(struct fader *f, struct ramp *left, struct ramp *right, bool is_open,
                            uint32_t n_frames);

/// All that is on its way goes on from where it is, and takes as long at another sample rate.
RT_SAFE void fader_change_rate(struct fader *f, struct ramp *left, struct ramp *right,
                               struct rate_change change);

/// Begins the next piece; both ramps have arrived.
RT_SAFE void fader_next(struct fader *f, struct ramp *left, struct ramp *right);

#endif
