// SPDX-License-Identifier: MIT
// engine.c - owns everything: the memory, the audio side, control and the worker, without sockets or
// backends.
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/log.h"

/// Address space for all but the sounds; it costs nothing until it is used. The largest configuration takes
/// about an eighth of it.
#define ARENA_BYTES ((size_t)4 << 30)

/// Room for at least two commands a voice, so that all of them can be stopped at once.
static uint32_t queue_slots(const struct config *config)
{
    uint32_t slots = config->queue;
    while (slots < 2 * config->voices)
        slots *= 2;
    return slots;
}

static enum status init_parts(struct engine *e, uint32_t rate, uint32_t n_channels, char *reason)
{
    struct control *c = &e->control;
    e->config.channels = n_channels;
    enum status status = control_init(c, arena_allocator(&e->arena), &e->config, rate);
    struct mixer_config mixer = {.rate = rate,
                                 .n_voices = e->config.voices,
                                 .n_buses = e->config.buses,
                                 .n_channels = n_channels,
                                 .declick_frames = c->declick_frames,
                                 .graph = &c->buses.graphs[0]};
    if (!status) status = engine_rt_init(&e->rt, arena_allocator(&e->arena), &mixer, queue_slots(&e->config));
    if (status) {
        snprintf(reason, ERROR_TEXT_BYTES, "no memory for %u voices, %u buses and %u sounds: %s",
                 e->config.voices, e->config.buses, e->config.sounds, status_text(status));
        return status;
    }
    c->rt = &e->rt;
    c->snapshot = latest_read(&e->rt.snapshot);
    return control_configure_buses(c, reason);
}

enum status engine_init(struct engine *e, const struct config *config, uint32_t rate, uint32_t n_channels,
                        bool is_offline, char *reason)
{
    memset(e, 0, sizeof *e);
    e->config = *config;
    enum status status = arena_init(&e->arena, ARENA_BYTES);
    if (status) snprintf(reason, ERROR_TEXT_BYTES, "no address space: %s", status_text(status));
    if (!status) status = init_parts(e, rate, n_channels, reason);
    e->control.is_offline = is_offline;
    if (status) engine_fini(e);
    return status;
}

void engine_fini(struct engine *e)
{
    control_fini(&e->control);
    arena_fini(&e->arena);
}

enum status engine_seal(struct engine *e, char *reason)
{
    bool must = strcmp(e->config.lock_memory, "yes") == 0;
    bool may = strcmp(e->config.lock_memory, "no") != 0;
    if (arena_seal(&e->arena, may)) return STATUS_OK;

    struct rlimit limit;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    snprintf(reason, ERROR_TEXT_BYTES,
             "cannot lock %zu KiB of memory: the limit is %llu KiB (RLIMIT_MEMLOCK). Raise it with "
             "LimitMEMLOCK= in "
             "the unit or `memlock` in /etc/security/limits.d, or set lock_memory = no",
             e->arena.committed_bytes >> 10, (unsigned long long)limit.rlim_cur >> 10);
    if (must) return STATUS_NOT_ALLOWED;
    log_warning("%s; going on without", reason);
    return STATUS_OK;
}

void engine_print_memory(const struct engine *e)
{
    size_t tagged = 0;
    printf("%-28s %14s\n", "memory", "bytes");
    for (uint32_t i = 0; i < e->arena.n_tags; i++) {
        printf("%-28s %14zu\n", e->arena.tags[i].name, arena_tag_bytes(&e->arena, i));
        tagged += arena_tag_bytes(&e->arena, i);
    }
    printf("%-28s %14zu\n", "answers that wait", MAX_WAITING_ANSWERS * sizeof(struct waiting_answer));
    printf("%-28s %14zu\n", "all that is taken at start",
           tagged + MAX_WAITING_ANSWERS * sizeof(struct waiting_answer));
    printf("%-28s %14llu  (as sounds are loaded, at most)\n", "sounds",
           (unsigned long long)e->config.sound_memory << 20);
}
