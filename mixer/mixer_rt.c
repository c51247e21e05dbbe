// SPDX-License-Identifier: MIT
// mixer_rt.c - the whole signal flow of one block.
#include <string.h>

#include "mixer/mixer.h"
#include "mixer/output.h"

RT_SAFE void mixer_render(struct mixer *m, float *const *out, uint32_t n_frames)
{
    scratch_reset(&m->scratch);
    for (uint32_t c = 0; c < m->n_channels; c++)
        memset(out[c], 0, n_frames * sizeof(float));

    buses_clear(&m->buses, n_frames);
    voices_render(&m->voices, &m->scratch, m->buses.planes, n_frames);
    buses_render(&m->buses, out, m->n_channels, n_frames);
    m->n_clipped += output_clip(m->buses.kernels, out, m->n_channels, n_frames);
}

RT_SAFE void mixer_set_rate(struct mixer *m, uint32_t rate)
{
    struct rate_change change = {.from = m->voices.rate, .to = rate};
    uint32_t declick_frames = rate_change_some_frames((struct rate_change){.from = m->first.rate, .to = rate},
                                                      m->first.declick_frames);
    voices_change_rate(&m->voices, change, declick_frames);
    buses_change_rate(&m->buses, change, rate / 10, declick_frames);
}
