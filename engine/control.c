// SPDX-License-Identifier: MIT
// control.c - the books of the control thread, and what every handler needs.
#include "engine/control.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// No list item is left out for its length, and no error.
static_assert(SOUND_NAME_BYTES + CONFIG_NAME_BYTES + 128 <= OSC_MAX_ARGS_BYTES, "the longest item fits");
static_assert(2 * OSC_MAX_PATH_BYTES + ERROR_TEXT_BYTES <= OSC_MAX_ARGS_BYTES, "the longest error fits");

// ---- set-up ----

enum status control_init(struct control *c, struct memory *memory, const struct config *config, uint32_t rate)
{
    *c = (struct control){.config = config, .memory = memory, .rate = rate};
    c->worker.wake_fd = c->worker.result_fd = -1;
    c->declick_frames = control_frames(c, (double)config->ramp);
    methods_init();
    struct allocator *voices = memory_allocator(memory, MEMORY_VOICES);
    struct allocator *mixer = memory_allocator(memory, MEMORY_MIXER);
    struct allocator *tables = memory_allocator(memory, MEMORY_CONTROL);
    allocator_tag(voices, "books");
    enum status status = voice_table_init(&c->voices, voices, config->voices);
    allocator_tag(mixer, "books and graphs");
    if (!status) status = bus_table_init(&c->buses, mixer, config->buses, config->channels);
    // A job for each sound that is freed, for each load, for other folders, and two for the one that is
    // resampled.
    if (!status)
        status = worker_init(&c->worker, memory_allocator(memory, MEMORY_QUEUES), memory, config, rate,
                             config->sounds + MAX_LOADS + 4);
    allocator_tag(tables, "stack");
    if (!status) status = stack_init(&c->stack, tables, CONTROL_STACK_BYTES);
    allocator_tag(tables, "sounds");
    if (!status) status = sound_table_init(&c->sounds, tables, config->sounds, &c->worker);
    allocator_tag(tables, "schedule");
    if (!status) status = schedule_book_init(&c->book, tables, config->schedule);
    allocator_tag(tables, "packets");
    if (!status) status = transaction_init(&c->transaction, tables);
    if (!status) status = holds_init(&c->holds, tables);
    if (!status) status = subscriptions_init(&c->subscriptions, tables);
    allocator_tag(tables, "journal");
    if (!status && config->state_folder[0]) status = journal_init(&c->journal, tables, config);
    if (status) control_fini(c);
    return status;
}

void control_fini(struct control *c)
{
    worker_fini(&c->worker);
}

// ---- for the handlers ----

bool control_push(struct control *c, const struct command *command)
{
    struct command copy = *command;
    copy.rate = c->rate;
    if (queue_push(&c->rt->commands, &copy)) return true;
    if (c->is_offline) {
        engine_rt_process(c->rt, NULL, NULL, 0, 0);
        return queue_push(&c->rt->commands, &copy);
    }
    c->n_commands_refused++;
    return false;
}

bool control_has_room(struct control *c, uint32_t n)
{
    if (queue_room(&c->rt->commands) >= n) return true;
    if (c->is_offline) engine_rt_process(c->rt, NULL, NULL, 0, 0);
    return queue_room(&c->rt->commands) >= n;
}

uint32_t control_frames(const struct control *c, double seconds)
{
    double frames = round(seconds * c->rate);
    return frames < 4294967295.0 ? (uint32_t)frames : UINT32_MAX;
}

struct measured_rate control_measured_rate(struct control *c)
{
    const struct clock_state *state = latest_read(&c->rt->clock_state);
    double hz = state->rate_hz;
    // What was measured before the rate changed stands there until the next cycle.
    if (hz > 0 && fabs(hz / c->rate - 1) > 0.02) hz = c->rate;
    return (struct measured_rate){.hz = hz, .ppm = hz > 0 ? (hz / c->rate - 1) * 1e6 : 0};
}

void control_publish_graph(struct control *c)
{
    if (c->transaction.phase == TRANSACTION_CHECKS) {
        c->transaction.has_graph = true;
        return;
    }
    const struct bus_graph *graph = bus_make_graph(&c->buses);
    c->graph_is_stale = true;
    if (!graph) return;
    struct command command = {.type = COMMAND_BUS_GRAPH, .graph = graph};
    if (control_push(c, &command))
        c->graph_is_stale = false;
    else
        c->buses.graph_in_use[graph->index] = false;
}
