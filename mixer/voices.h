// SPDX-License-Identifier: MIT
// voices.h - all playing sounds: a cache line each for what every block needs, and columns for the rest.
#ifndef MIXER_VOICES_H
#define MIXER_VOICES_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/scratch.h"
#include "alloc/status.h"
#include "mixer/change.h"
#include "mixer/fader.h"
#include "mixer/kernel.h"
#include "mixer/ramp.h"
#include "mixer/sinc.h"
#include "mixer/sound.h"

/// A position or increment of one frame: positions are 32.32 fixed point.
#define FRAME_ONE (INT64_C(1) << 32)

/// Why a voice ended.
enum voice_end { VOICE_END_FINISHED, VOICE_END_STOPPED };

/// How a voice begins. `sound` is borrowed until the voice has ended. All positions are in frames of the
/// sound, all lengths in frames of the engine.
struct voice_start {
    const struct sound *sound;
    int64_t position; // 32.32 frames
    int64_t
        increment; // its speed: 32.32 frames an output frame, if both were at one rate; negative: in reverse
    float gain_db, pan;              // hold from the first frame
    uint32_t start_frame, end_frame; // the voice ends outside of [start, end)
    uint32_t loop_start, loop_end;   // the loop region; loop_end 0: none
    uint32_t loop_count;             // passes; 0: without end
    uint32_t fade_in_frames;         // 0: full level at the first frame
    uint32_t fade_out_frames;        // before the end; 0: none
    uint16_t bus;
    enum interpolation interpolation; // CUBIC, LINEAR or SINC
    bool looping, paused;
};

/// What control wants to know of a voice.
struct voice_report {
    int64_t position;      // 32.32 frames of the sound,
    uint32_t rate;         // which has this sample rate; 0: the engine's
    int64_t increment;     // its speed: 32.32
    float gain_db, pan;    // that hold, or that ramps lead to
    uint32_t passes_left;  // of its loop; 0: without end
    uint8_t state;         // enum voice_state
    uint8_t interpolation; // enum interpolation
    bool looping;
};

/// The states of a slot. STOPPING, PAUSING and SEEKING fade to silence and then end, hold, or jump.
enum voice_state {
    VOICE_FREE,
    VOICE_CUED, // started as paused: has not sounded yet
    VOICE_PLAYING,
    VOICE_STOPPING,
    VOICE_PAUSING,
    VOICE_PAUSED,
    VOICE_SEEKING,
};

/// The speed on its way: what the increment is when the sound has the engine's sample rate. Steady when
/// `done` is `total`.
struct voice_rate {
    int64_t from, to; // 32.32 frames; `to` is what holds, or what the way leads to
    uint32_t done, total;
    uint8_t curve;
    bool slides; // `from` holds until the end: then the position is a whole frame
};

/// What of a voice is on its way, piece by piece: bits.
enum voice_glide { GLIDES_LEVEL = 1, GLIDES_RATE = 2 };

/// What mixing a calm voice takes. A silent one is not mixed: its position moves on.
enum voice_calm { VOICE_STEADY, VOICE_RAMPING, VOICE_SILENT };

/// What every block needs of a voice, on one cache line.
struct voice {
    _Alignas(CACHE_LINE) struct kernel_voice now; // `left` and `right` hold while no ramp moves
    /// Output frames for which nothing happens but that the position moves on and ramps move: no end, no loop
    /// point, no tap across one, no ramp that begins or arrives, no state that changes.
    uint32_t calm_frames;
    uint8_t kernel; // kernel_index(), while calm
    uint8_t glides; // enum voice_glide
    uint8_t calm;   // enum voice_calm
};

/// Voices that sound, in the order in which they are mixed: by bus, then by kernel, then as they were started
/// or resumed. The order depends on commands alone, never on how blocks are cut, and with it the rounding of
/// the sums.
struct voice_group {
    uint32_t first, last; // slots, linked by `next` and `previous`
};

/// Buses that there may be.
#define VOICES_MAX_BUSES 1024
/// Ends a list of slots.
#define VOICE_SLOT_NONE UINT32_MAX

/// Owned by rt once it runs.
struct voices {
    struct scratch *scratch; // borrowed while a block is made
    uint32_t n_slots;
    uint32_t n_active; // slots that are not free
    const struct kernels *kernels;
    const struct sinc *sinc; // borrowed

    // lists
    struct voice_group *groups; // [bus * N_KERNELS + kernel_index()]
    uint16_t *used_groups;      // of each bus, a bit for each group that has voices
    uint32_t n_buses;           // as many of them have been used
    uint32_t *next, *previous;

    // columns
    struct voice *voices;
    struct kernel_ramps *ramps;
    struct fader *faders; // what left and right of the ramps come from
    struct voice_rate *rates;
    uint8_t *state; // enum voice_state
    uint8_t *group; // kernel_index() of the list that it is in
    uint8_t *interpolation;
    uint16_t *bus;
    const struct sound **sound;
    uint32_t *start_frame, *end_frame;
    uint32_t *loop_start, *loop_end; // loop_end 0: the voice has no loop region
    uint32_t *passes_left;           // the present one included; 0: without end
    uint32_t *passes_over;           // passes that lie behind, as far as taps can tell
    uint8_t *looping;
    uint32_t *fade_out_frames;
    int64_t *seek_position; // where to go when the envelope reaches zero; -1: nowhere

    // voices that ended since the mixer's last block; slots may be started again after they are read
    uint32_t *ended;
    uint8_t *ended_why; // enum voice_end
    uint32_t n_ended;

    // cleared by the reader, too; a slot may stand here and among those that ended
    uint32_t *looped; // loops that went round in this block, each slot once
    uint32_t n_looped;
    bool report_loops; // set by the reader
    uint32_t *paused;  // slots that began to be held
    uint32_t n_paused;

    uint32_t rate;           // the engine's, Hz
    uint32_t declick_frames; // length of the ramps that nobody asked for
};

// ---- set-up: before any thread runs ----

/// Columns for `n_slots` voices (1 to 65536) from `a`.
NODISCARD enum status voices_init(struct voices *v, struct allocator *a, const struct sinc *sinc,
                                  uint32_t n_slots, uint32_t rate, uint32_t declick_frames);

// ---- rt ----

/// `slot` must be free.
RT_SAFE void voices_start(struct voices *v, uint32_t slot, const struct voice_start *start);
/// The following do nothing on a slot that is free, or ending already; but a second stop may hasten the end.
/// A voice that is held ends with the next block.
RT_SAFE void voices_stop(struct voices *v, uint32_t slot, uint32_t fade_frames);
RT_SAFE void voices_pause(struct voices *v, uint32_t slot, uint32_t fade_frames);
/// A voice that is cued takes `fade_frames` as they are, so that its attack is kept; all others, and all
/// other fades, take the declick ramp at least.
RT_SAFE void voices_resume(struct voices *v, uint32_t slot, uint32_t fade_frames);
/// To a position of its sound, 32.32 frames; kept inside the sound.
RT_SAFE void voices_seek(struct voices *v, uint32_t slot, int64_t position);
/// dB, kept in -200 to 24; -200 is silence. A voice that is held takes the ramp as it is, 0: at once; it goes
/// on its way when the voice sounds.
RT_SAFE void voices_set_gain(struct voices *v, uint32_t slot, const struct change *change);
/// Kept in -1 to 1; likewise.
RT_SAFE void voices_set_pan(struct voices *v, uint32_t slot, const struct change *change);
/// Frames of the sound a frame; its magnitude is kept in 0.06 to 16, and a relative change does not turn it
/// round. A ramp of 0 frames is at once: the position goes on without a jump. Else the rate holds for
/// CURVE_PIECE_FRAMES at a time, at what the curve is in the middle of them.
RT_SAFE void voices_set_rate(struct voices *v, uint32_t slot, const struct change *change);
/// The position is that of the next frame.
RT_SAFE void voices_report(const struct voices *v, uint32_t slot, struct voice_report *report);
/// CUBIC, LINEAR or SINC.
RT_SAFE void voices_set_interpolation(struct voices *v, uint32_t slot, enum interpolation interpolation);
/// The current pass of the loop is the last one.
RT_SAFE void voices_leave_loop(struct voices *v, uint32_t slot);
/// Loops without end over the region that the voice was started with; nothing when it has none.
RT_SAFE void voices_loop(struct voices *v, uint32_t slot);

/// Between two blocks: the engine has another sample rate. All voices go on at the pitch that they have, and
/// what is on its way takes as long. As many steps as there are slots.
RT_SAFE void voices_change_rate(struct voices *v, struct rate_change change, uint32_t declick_frames);
/// Likewise: voices that play `old` go on at the same time of `sound`, which is the same at another sample
/// rate.
RT_SAFE void voices_replace_sound(struct voices *v, const struct sound *old, const struct sound *sound);
/// The same for a voice that is to start later.
RT_SAFE void voice_start_replace_sound(struct voice_start *start, const struct sound *sound);

/// Adds the next `n_frames` (1 to BLOCK_FRAMES) of every voice to the two planes of its bus:
/// `planes[2 * bus]` left, `planes[2 * bus + 1]` right.
RT_SAFE void voices_render(struct voices *v, struct scratch *scratch, float *const *planes,
                           uint32_t n_frames);

#endif
