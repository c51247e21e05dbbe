// SPDX-License-Identifier: MIT
// sound.c - memory layout of decoded audio.
#include "mixer/sound.h"

#include "alloc/attr.h"

size_t sample_bytes(enum sample_format format)
{
    return format == SAMPLE_S16 ? sizeof(int16_t) : sizeof(float);
}

/// From one channel's first frame to the next one's: padding on both sides, in whole cache lines.
static size_t channel_stride_bytes(uint32_t n_frames, enum sample_format format)
{
    size_t bytes = ((size_t)n_frames + 2 * SOUND_PAD_FRAMES) * sample_bytes(format);
    return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

/// Where the sound begins in its memory: a cache line that looks random, 0 to SOUND_STAGGER_LINES.
static size_t stagger_bytes(const void *memory)
{
    uint32_t page = (uint32_t)((uintptr_t)memory >> 12);
    return (page * 2654435761u >> 16) % (SOUND_STAGGER_LINES + 1) * CACHE_LINE;
}

size_t sound_bytes(uint64_t n_frames, uint32_t n_channels, enum sample_format format)
{
    if (n_frames > SOUND_MAX_FRAMES) return 0;
    return SOUND_STAGGER_LINES * CACHE_LINE + channel_stride_bytes((uint32_t)n_frames, format) * n_channels;
}

void *sound_channel(const struct sound *s, void *memory, uint32_t channel)
{
    return (char *)memory + stagger_bytes(memory) + channel * channel_stride_bytes(s->n_frames, s->format) +
           SOUND_PAD_FRAMES * sample_bytes(s->format);
}

void sound_layout(struct sound *s, void *memory, uint32_t n_frames, uint32_t n_channels,
                  enum sample_format format)
{
    *s = (struct sound){.n_frames = n_frames, .n_channels = n_channels, .format = format};
    for (uint32_t c = 0; c < n_channels; c++)
        s->channels[c] = sound_channel(s, memory, c);
}
