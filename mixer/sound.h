// SPDX-License-Identifier: MIT
// sound.h - decoded audio in memory: immutable from the moment it is published.
#ifndef MIXER_SOUND_H
#define MIXER_SOUND_H
#include <stddef.h>
#include <stdint.h>

/// Zero frames before and behind each channel, for the taps of the interpolators: half of the widest
/// (SINC_MAX_TAPS), and the slack of the kernels (KERNEL_SLACK_FRAMES).
#define SOUND_PAD_FRAMES   320
#define SOUND_MAX_CHANNELS 2
/// Sounds begin on pages. Voices that were started together would then all read from the same few sets of the
/// cache, block after block, and push one another out: each sound is moved by up to so many cache lines.
#define SOUND_STAGGER_LINES 32
/// Longest sound: voice positions are 32.32 fixed point, and a block at the highest rate may run past the
/// end.
#define SOUND_MAX_FRAMES 0x7fff0000u

enum sample_format { SAMPLE_S16, SAMPLE_F32 };

/// Planar samples. The worker fills it in, control owns it, rt reads it.
struct sound {
    uint32_t n_frames;
    uint32_t
        rate; // of its samples, Hz: the engine's, but for a while after that has changed; 0: the engine's
    uint32_t n_channels; // 1 or 2
    enum sample_format format;
    const void *channels[SOUND_MAX_CHANNELS]; // first real frame; SOUND_PAD_FRAMES zeros lie on both sides
    uint32_t serial; // control's, of each one that has stood in its place; stays when it is resampled
};

/// Bytes of one sample.
size_t sample_bytes(enum sample_format format);

/// Bytes that a sound needs with its padding; 0 when it is too long.
size_t sound_bytes(uint64_t n_frames, uint32_t n_channels, enum sample_format format);

/// Lays a sound out in zeroed `memory` of sound_bytes(); the samples are then written through
/// sound_channel().
void sound_layout(struct sound *s, void *memory, uint32_t n_frames, uint32_t n_channels,
                  enum sample_format format);

/// The writable samples of a channel that sound_layout() placed in `memory`. Worker thread, before
/// publishing.
void *sound_channel(const struct sound *s, void *memory, uint32_t channel);

#endif
