// SPDX-License-Identifier: MIT
// setup.c - set-up of the audio side.
#include "engine/rt/engine_rt.h"

#include <assert.h>

static_assert(SPARE_EVENTS >= 256, "room for every bus graph that can be under way, and for reports");

uint32_t engine_rt_event_slots(uint32_t n_voices)
{
    uint32_t needed = 2 * n_voices + MAX_SYNCS + SPARE_EVENTS, slots = 2;
    while (slots < needed)
        slots *= 2;
    return slots;
}

enum status engine_rt_init(struct engine_rt *e, struct arena *a, const struct mixer_config *config,
                           uint32_t queue_slots)
{
    *e = (struct engine_rt){.snapshot_interval = config->rate / 10};
    enum status status = queue_init(&e->commands, a, queue_slots, sizeof(struct command));
    if (status) return status;
    status = queue_init(&e->events, a, engine_rt_event_slots(config->n_voices), sizeof(struct event));
    if (status) return status;
    size_t snapshot_bytes = sizeof(struct snapshot) + config->n_buses * sizeof(struct bus_meter);
    status = latest_init(&e->snapshot, a, (uint32_t)snapshot_bytes);
    if (status) return status;
    return mixer_init(&e->mixer, a, config);
}
