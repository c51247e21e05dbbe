// SPDX-License-Identifier: MIT
// mixer.c - set-up of the mixer.
#include "mixer/mixer.h"

enum status mixer_init(struct mixer *m, struct allocator *voices, struct allocator *buses,
                       const struct mixer_config *config)
{
    *m = (struct mixer){.n_channels = config->n_channels};
    if (config->n_channels == 0) return STATUS_BAD_ARGUMENT;
    allocator_tag(voices, "columns");
    enum status status = voices_init(&m->voices, voices, config->n_voices, config->declick_frames);
    if (status) return status;
    uint32_t window_frames = config->rate / 10;
    allocator_tag(buses, "planes and meters");
    return buses_init(&m->buses, buses, config->n_buses, config->graph, window_frames,
                      config->declick_frames);
}
