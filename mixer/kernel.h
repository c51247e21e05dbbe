// SPDX-License-Identifier: MIT
// kernel.h - the inner loops of the mixer: one table of them for each instruction set, all with the same
// results, to the bit.
#ifndef MIXER_KERNEL_H
#define MIXER_KERNEL_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "mixer/ramp.h"
#include "mixer/sound.h"

/// The longest stretch that is rendered in one go.
#define BLOCK_FRAMES 64

/// Kernels read whole vectors: up to so many frames before and behind those that they need. What is there
/// does not matter, but it must be readable.
#define KERNEL_SLACK_FRAMES 64

/// How a voice is read between its sound's frames. UNITY reads the frames themselves: every increment is 1
/// and every position whole.
enum interpolation {
    INTERPOLATION_CUBIC, // 4 points, third order (Hermite with Catmull-Rom tangents); the default
    INTERPOLATION_LINEAR,
    INTERPOLATION_SINC, // windowed; cuts off what a higher rate would alias
    INTERPOLATION_UNITY,
    N_INTERPOLATIONS
};

/// Coefficients for one range of rates. Row p holds the taps for a position of p / n_phases behind a frame:
/// tap k is for the frame k - n_taps / 2 + 1 from there. One more row follows, so that rows can be
/// interpolated.
struct sinc_bank {
    const float *rows;
    int64_t max_increment; // 32.32, of either sign
    uint32_t n_taps;       // a multiple of SINC_TAP_STEP
    uint32_t phase_bits;   // n_phases = 1 << phase_bits
};

#define SINC_TAP_STEP 16

/// What a kernel reads of a voice. Kernels add to the bus and move `position` on.
struct kernel_voice {
    const void *samples[SOUND_MAX_CHANNELS]; // frame 0 of left and right; the same twice when mono
    int64_t position, increment;             // 32.32 frames
    float left, right;                       // gains
    const struct sinc_bank *bank;            // INTERPOLATION_SINC alone
};

/// Adds `n_frames` (0 to BLOCK_FRAMES) of each voice to both planes, one after the other: the sums come out
/// the same however voices and frames are cut into calls.
typedef void kernel_mix(float *left, float *right, struct kernel_voice *const *voices, uint32_t n_voices,
                        uint32_t n_frames);

/// The moving parts of a voice's gain: left is envelope * tail * left.
struct kernel_ramps {
    struct ramp left, right; // gain and pan
    struct ramp envelope;    // fade-in, stops, pauses and seeks
    struct ramp tail;        // the fade-out before the end
};

/// The same for voices whose gains move: `ramps[k]` in place of left and right of `voices[k]`. Each ramp is
/// steady, or moves for `n_frames` more; the kernel moves it on.
typedef void kernel_mix_ramped(float *left, float *right, struct kernel_voice *const *voices,
                               struct kernel_ramps *const *ramps, uint32_t n_voices, uint32_t n_frames);

/// Names one kernel of a table: 0 to N_KERNELS - 1.
#define N_KERNELS (2 * SOUND_MAX_CHANNELS * N_INTERPOLATIONS)

RT_SAFE static inline uint32_t kernel_index(enum sample_format format, uint32_t n_channels,
                                            enum interpolation interpolation)
{
    return ((uint32_t)format * SOUND_MAX_CHANNELS + n_channels - 1) * N_INTERPOLATIONS +
           (uint32_t)interpolation;
}

/// What a kernel measures on its way.
struct kernel_meter {
    float peak; // raised to the largest magnitude
    float sum;  // of squares, added to
};

/// Everything that is compiled once for each instruction set.
struct kernels {
    const char *isa;
    kernel_mix *mix[N_KERNELS];
    kernel_mix_ramped *mix_ramped[N_KERNELS];
    /// True when all samples are zero.
    bool (*is_silent)(const float *plane, uint32_t n_frames);
    /// The one pass that a bus takes: applies `gain` (steady, or moving for `n_frames` more; does not move it
    /// on), sets to 0 what is no finite number then, measures, and adds `share` of it to `to` (NULL:
    /// nowhere). Returns how many numbers were not finite.
    uint32_t (*send)(const float *plane, const struct ramp *gain, struct kernel_meter *meter, float *to,
                     float share, uint32_t n_frames);
    /// Clips to -1 to 1 and returns how many samples were outside.
    uint32_t (*clip)(float *plane, uint32_t n_frames);
};

extern const struct kernels kernels_baseline; // SSE2 on x86-64, NEON on AArch64
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

// ---- set-up ----

/// The fastest kernels that this processor can run, or those that CHIMED_ISA in the environment names.
const struct kernels *kernel_pick(void);

/// False when CHIMED_ISA names kernels that there are not, or that this processor cannot run; kernel_pick()
/// ignores it then. `names` gets the names that it could take.
bool kernel_check_choice(char *names, uint32_t names_bytes);

#endif
