// SPDX-License-Identifier: MIT
// voices_parts.h - what the files of the voices share with one another. Audio thread.
#ifndef MIXER_VOICES_PARTS_H
#define MIXER_VOICES_PARTS_H
#include "mixer/voices.h"

// ---- voices_commands_rt.c: states and lists ----

/// Among the voices that are mixed: at the end of its group, and out of it. What the group depends on may
/// change in between.
RT_SAFE bool voice_is_linked(const struct voices *v, uint32_t slot);
RT_SAFE void voice_link(struct voices *v, uint32_t slot);
RT_SAFE void voice_unlink(struct voices *v, uint32_t slot);
RT_SAFE uint32_t voice_declick_at_least(const struct voices *v, uint32_t frames);
/// Takes the voice out of the mix and reports its end.
RT_SAFE void voice_end(struct voices *v, uint32_t slot, enum voice_end why);
/// Takes the voice out of the mix, where it was: it is held.
RT_SAFE void voice_hold(struct voices *v, uint32_t slot);
/// Moves the position at once.
RT_SAFE void voice_jump(struct voices *v, uint32_t slot, int64_t position);
/// Fades from here to `to`, over the declick ramp at least.
RT_SAFE void voice_fade(struct voices *v, uint32_t slot, float to, uint32_t fade_frames);

// ---- voices_glide_rt.c: what is on its way, piece by piece ----

/// Begins the pieces that are due.
RT_SAFE void voice_glide(struct voices *v, uint32_t slot);
/// Frames before the next one is; UINT32_MAX: none will be.
RT_SAFE uint32_t voice_frames_before_piece(const struct voices *v, uint32_t slot);
/// Moves the rate on; level moves on with its ramps.
RT_SAFE void voice_rate_advance(struct voices *v, uint32_t slot, uint32_t n_frames);

/// The increment that a speed comes to on a sound: kept in 16 frames a frame, and never 0.
RT_SAFE int64_t voice_increment(const struct voices *v, const struct sound *sound, int64_t speed);
/// The increment again, after the sound or the engine have taken another sample rate.
RT_SAFE void voice_renew_increment(struct voices *v, uint32_t slot);

// ---- voices_edge_rt.c: where a voice is in its sound ----

/// The interpolation that the voice needs where it is.
RT_SAFE enum interpolation voice_interpolation(const struct voices *v, uint32_t slot);
/// True while the voice moves towards the end of its loop, or is inside.
RT_SAFE bool voice_is_in_loop(const struct voices *v, uint32_t slot);
/// Output frames before the end of the loop pass or, outside of loops, of the voice. 0: it has ended.
RT_SAFE int64_t voice_frames_before_edge(const struct voices *v, uint32_t slot, bool in_loop);
/// Output frames before a tap lies across the loop's seam; 0: one does. INT64_MAX: none will in this pass.
RT_SAFE int64_t voice_frames_before_seam(const struct voices *v, uint32_t slot, bool in_loop);
/// At the end of a pass: back by as many passes as it went beyond, which is more than one in short loops at
/// high rates. The last pass loops no more.
RT_SAFE void voice_wrap(struct voices *v, uint32_t slot);
/// At a change of direction: the seam that lay ahead lies behind, and the end that a fade-out was to meet is
/// the other one.
RT_SAFE void voice_turn_round(struct voices *v, uint32_t slot);

/// Frames that are rendered through one window, at the most.
#define WINDOW_OUT_FRAMES 16
/// What these need at the highest rate, 16.
#define WINDOW_FRAMES (WINDOW_OUT_FRAMES * 16 + SINC_MAX_TAPS + 2 * KERNEL_SLACK_FRAMES)

/// A copy of the frames around a loop's seam, in the order in which they are heard.
struct window {
    float samples[SOUND_MAX_CHANNELS][WINDOW_FRAMES]; // or int16_t, as the sound's format is
};

/// Fills in `w` for the next `n_frames` (1 to WINDOW_OUT_FRAMES), and in `out` what kernels read it by.
RT_SAFE void voice_open_window(const struct voices *v, uint32_t slot, uint32_t n_frames, struct window *w,
                               struct kernel_voice *out);

#endif
