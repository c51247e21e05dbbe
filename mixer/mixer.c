// SPDX-License-Identifier: MIT
// mixer.c - set-up of the mixer.
#include "mixer/mixer.h"

enum status mixer_init(struct mixer *m, const struct mixer_memory *memory, const struct mixer_config *config)
{
    *m = (struct mixer){.n_channels = config->n_channels, .first = {config->rate, config->declick_frames}};
    if (config->n_channels == 0) return STATUS_BAD_ARGUMENT;
    allocator_tag(memory->scratch, "block");
    enum status status = scratch_init(&m->scratch, memory->scratch, MIXER_SCRATCH_BYTES);
    if (status) return status;
    allocator_tag(memory->voices, "interpolation tables");
    status = sinc_init(&m->sinc, memory->voices);
    if (status) return status;
    allocator_tag(memory->voices, "columns");
    status = voices_init(&m->voices, memory->voices, &m->sinc, config->n_voices, config->rate,
                         config->declick_frames);
    if (status) return status;
    uint32_t window_frames = config->rate / 10;
    allocator_tag(memory->buses, "planes and meters");
    return buses_init(&m->buses, memory->buses, config->n_buses, config->graph, window_frames,
                      config->declick_frames);
}
