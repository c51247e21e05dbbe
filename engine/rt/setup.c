// SPDX-License-Identifier: MIT
// setup.c - set-up of the audio side.
#include <assert.h>

#include "engine/rt/engine_rt.h"

/// Events that can wait at once, at the most: a voice owes two (started, ended) before control gives its slot
/// out again, and control counts the syncs and graphs that are under way.
#define OWED_EVENTS(n_voices) (2 * (n_voices) + MAX_SYNCS + MAX_GRAPHS)

static_assert(OWED_EVENTS(65536) + SPARE_EVENTS <= 1u << 24,
              "the event queue of the largest engine can be made");

enum status engine_rt_init(struct engine_rt *e, const struct rt_memory *memory,
                           const struct mixer_config *config, uint32_t queue_slots)
{
    struct allocator *a = memory->queues;
    *e = (struct engine_rt){.snapshot_interval = config->rate / 10,
                            .owed_events = OWED_EVENTS(config->n_voices)};
    allocator_tag(a, "command and event queues");
    enum status status = queue_init(&e->commands, a, queue_slots, sizeof(struct command));
    if (status) return status;
    status = queue_init(&e->events, a, queue_slots_for(e->owed_events + SPARE_EVENTS), sizeof(struct event));
    if (status) return status;
    allocator_tag(a, "reports");
    status = ring_init(&e->reports, a, REPORT_BYTES, REPORT_BLOCKS);
    if (status) return status;
    allocator_tag(a, "snapshots");
    size_t snapshot_bytes = sizeof(struct snapshot) + config->n_buses * sizeof(struct bus_meter);
    status = latest_init(&e->snapshot, a, (uint32_t)snapshot_bytes);
    if (status) return status;
    return mixer_init(&e->mixer, &memory->mixer, config);
}
