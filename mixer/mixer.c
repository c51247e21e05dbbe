// SPDX-License-Identifier: MIT
// mixer.c - set-up of the mixer.
#include "mixer/mixer.h"

enum status mixer_init(struct mixer *m, struct allocator *a, const struct mixer_config *config)
{
    *m = (struct mixer){.n_channels = config->n_channels};
    if (config->n_channels == 0) return STATUS_BAD_ARGUMENT;
    allocator_tag(a, "voices, audio");
    enum status status = voices_init(&m->voices, a, config->n_voices, config->declick_frames);
    if (status) return status;
    uint32_t window_frames = config->rate / 10;
    allocator_tag(a, "buses, audio");
    status = buses_init(&m->buses, a, config->n_buses, config->graph, window_frames, config->declick_frames);
    return status;
}
