// SPDX-License-Identifier: MIT
// planes.c - the float buffers that a backend lets the engine render into, one for each channel.
#include "engine/backends/planes.h"

/// From one plane to the next: whole cache lines.
static size_t plane_bytes(uint32_t n_frames)
{
    size_t bytes = (size_t)n_frames * sizeof(float);
    return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; // far from overflow: both factors are small
}

enum status planes_init(struct planes *p, struct allocator *a, uint32_t n_channels, uint32_t n_frames)
{
    *p = (struct planes){.a = a};
    if (n_channels == 0 || n_channels > MAX_OUTPUT_CHANNELS || n_frames == 0) return STATUS_BAD_ARGUMENT;
    p->memory = make_bytes(n_channels, plane_bytes(n_frames), a);
    if (p->memory == NULL) return STATUS_NO_MEMORY;
    p->n_channels = n_channels;
    p->n_frames = n_frames;
    for (uint32_t i = 0; i < n_channels; i++)
        p->plane[i] = (float *)(void *)((char *)p->memory + i * plane_bytes(n_frames));
    return STATUS_OK;
}

void planes_fini(struct planes *p)
{
    allocator_unmake(p->a, p->memory, p->n_channels, plane_bytes(p->n_frames));
    *p = (struct planes){0};
}
