// SPDX-License-Identifier: MIT
// planes.c - the float buffers that a backend lets the engine render into, one for each channel.
#include "engine/backends/planes.h"

#include <stdlib.h>
#include <string.h>

enum status planes_init(struct planes *p, uint32_t n_channels, uint32_t n_frames)
{
    *p = (struct planes){0};
    if (n_channels == 0 || n_channels > MAX_OUTPUT_CHANNELS || n_frames == 0) return STATUS_BAD_ARGUMENT;
    size_t stride = (size_t)n_frames * sizeof(float);
    stride = (stride + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; // both factors are 32 bit: no overflow
    size_t bytes;
    if (__builtin_mul_overflow(stride, (size_t)n_channels, &bytes)) return STATUS_NO_MEMORY;
    p->memory = aligned_alloc(CACHE_LINE, bytes);
    if (p->memory == NULL) return STATUS_NO_MEMORY;
    memset(p->memory, 0, bytes);
    p->n_channels = n_channels;
    p->n_frames = n_frames;
    for (uint32_t i = 0; i < n_channels; i++)
        p->plane[i] = (float *)(void *)((char *)p->memory + i * stride);
    return STATUS_OK;
}

void planes_fini(struct planes *p)
{
    free(p->memory);
    *p = (struct planes){0};
}
