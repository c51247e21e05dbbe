// SPDX-License-Identifier: MIT
// setup.c - set-up of the audio side.
#include <assert.h>

#include "engine/rt/engine_rt.h"

/// Events that can wait at once, at the most: a voice owes two (started, ended) before control gives its slot
/// out again, an entry of the schedule one, and control counts the syncs, snapshots, graphs, reports and
/// replacements that are under way.
#define OWED_EVENTS(n_voices, n_scheduled)                                                                   \
    (2 * (n_voices) + (n_scheduled) + MAX_SYNCS + MAX_GRAPHS + MAX_VOICE_REPORTS + MAX_JOURNAL_EVENTS +      \
     MAX_REPLACEMENTS)

static_assert(OWED_EVENTS(65536, 65535) + SPARE_EVENTS <= 1u << 24,
              "the event queue of the largest engine can be made");

static enum status init_queues(struct engine_rt *e, struct allocator *a, uint32_t queue_slots)
{
    allocator_tag(a, "command and event queues");
    enum status status = queue_init(&e->commands, a, queue_slots, sizeof(struct command));
    if (status) return status;
    return queue_init(&e->events, a, queue_slots_for(e->owed_events + SPARE_EVENTS), sizeof(struct event));
}

static enum status init_reports(struct engine_rt *e, struct allocator *a, uint32_t n_buses)
{
    allocator_tag(a, "reports");
    enum status status = ring_init(&e->reports, a, REPORT_BYTES, REPORT_BLOCKS);
    if (status) return status;
    allocator_tag(a, "snapshots");
    size_t snapshot_bytes = sizeof(struct snapshot) + n_buses * sizeof(struct bus_report);
    status = latest_init(&e->snapshot, a, (uint32_t)snapshot_bytes);
    if (status) return status;
    return latest_init(&e->clock_state, a, sizeof(struct clock_state));
}

static enum status init_schedule(struct engine_rt *e, struct allocator *a, uint32_t n_voices,
                                 uint32_t n_scheduled)
{
    allocator_tag(a, "scheduled commands");
    e->generation = make(uint32_t, n_voices, a);
    if (!e->generation) return STATUS_NO_MEMORY;
    return schedule_init(&e->schedule, a, n_scheduled);
}

enum status engine_rt_init(struct engine_rt *e, const struct rt_memory *memory,
                           const struct mixer_config *config, uint32_t queue_slots, uint32_t n_scheduled)
{
    struct allocator *a = memory->queues;
    *e = (struct engine_rt){.snapshot_interval = config->rate / 10};
    if (config->n_voices < 1 || config->n_voices > 65536) return STATUS_BAD_ARGUMENT;
    if (n_scheduled < 1 || n_scheduled > UINT16_MAX) return STATUS_BAD_ARGUMENT;
    e->owed_events = OWED_EVENTS(config->n_voices, n_scheduled);
    clock_init(&e->clock, config->rate);
    enum status status = init_queues(e, a, queue_slots);
    if (!status) status = init_reports(e, a, config->n_buses);
    if (!status) status = init_schedule(e, a, config->n_voices, n_scheduled);
    if (!status) status = mixer_init(&e->mixer, &memory->mixer, config);
    return status;
}

void engine_rt_set_rate(struct engine_rt *e, uint32_t rate)
{
    if (rate == e->clock.rate) return;
    mixer_set_rate(&e->mixer, rate);
    clock_set_rate(&e->clock, rate);
    e->snapshot_interval = rate / 10;
    e->next_snapshot_frame = e->frame;
}
