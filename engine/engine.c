// SPDX-License-Identifier: MIT
// engine.c - owns everything: the memory, the audio side, control and the worker, without sockets or
// backends.
#include "engine/engine.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "alloc/vm.h"
#include "engine/log.h"

/// Room for at least two commands a voice, so that all of them can be stopped at once, and for one a bus, so
/// that any can be soloed.
static uint32_t queue_slots(const struct config *config)
{
    uint32_t slots = config->queue;
    while (slots < 2 * config->voices || slots < config->buses)
        slots *= 2;
    return slots;
}

/// Which key of the configuration limits each region; streams and debug have no memory of their own yet.
static const struct {
    enum memory_region region;
    enum config_key key;
    size_t offset; // of the key's value, in MiB, in struct config
} budgets[] = {
    {MEMORY_VOICES, CONFIG_KEY_voices_budget, offsetof(struct config, voices_budget)},
    {MEMORY_MIXER, CONFIG_KEY_mixer_budget, offsetof(struct config, mixer_budget)},
    {MEMORY_SOUNDS, CONFIG_KEY_sound_memory, offsetof(struct config, sound_memory)},
    {MEMORY_CONTROL, CONFIG_KEY_control_budget, offsetof(struct config, control_budget)},
    {MEMORY_QUEUES, CONFIG_KEY_queues_budget, offsetof(struct config, queues_budget)},
    {MEMORY_SCRATCH, CONFIG_KEY_scratch_budget, offsetof(struct config, scratch_budget)},
};

static void undo_memory(void *memory)
{
    memory_fini(memory);
}

static void undo_control(void *control)
{
    control_fini(control);
}

static enum status init_memory(struct engine *e, char *reason)
{
    struct memory_config map = {0};
    for (size_t i = 0; i < COUNT_OF(budgets); i++) {
        uint32_t mib;
        memcpy(&mib, (const char *)&e->config + budgets[i].offset, sizeof mib);
        map.budget_bytes[budgets[i].region] = (size_t)mib << 20;
    }
    enum status status = memory_init(&e->memory, &map);
    if (status)
        snprintf(reason, ERROR_TEXT_BYTES, "no address space for the budgets: %s", status_text(status));
    else
        cleanup_push(&e->cleanup, undo_memory, &e->memory);
    return status;
}

/// Names the budget that was too small, and where it was set.
static void say_what_is_full(const struct engine *e, enum status status, char *reason)
{
    char why[256], where[CONFIG_PATH_BYTES + 16];
    for (size_t i = 0; i < COUNT_OF(budgets); i++) {
        memory_explain(&e->memory, budgets[i].region, why, sizeof why);
        if (!why[0]) continue;
        config_say_origin(&e->config, budgets[i].key, where, sizeof where);
        snprintf(reason, ERROR_TEXT_BYTES,
                 "%.300s: the budget %s is too small for %u voices, %u buses and %u sounds: %s", where,
                 config_key_name(budgets[i].key), e->config.voices, e->config.buses, e->config.sounds, why);
        return;
    }
    snprintf(reason, ERROR_TEXT_BYTES, "cannot set up the engine: %s", status_text(status));
}

static enum status init_parts(struct engine *e, uint32_t rate, uint32_t n_channels, char *reason)
{
    struct control *c = &e->control;
    e->config.channels = n_channels;
    enum status status = control_init(c, &e->memory, &e->config, rate);
    if (!status) cleanup_push(&e->cleanup, undo_control, c);
    struct rt_memory rt = {.queues = memory_allocator(&e->memory, MEMORY_QUEUES),
                           .mixer = {.voices = memory_allocator(&e->memory, MEMORY_VOICES),
                                     .buses = memory_allocator(&e->memory, MEMORY_MIXER),
                                     .scratch = memory_allocator(&e->memory, MEMORY_SCRATCH)}};
    struct mixer_config mixer = {.rate = rate,
                                 .n_voices = e->config.voices,
                                 .n_buses = e->config.buses,
                                 .n_channels = n_channels,
                                 .declick_frames = c->declick_frames,
                                 .graph = &c->buses.graphs[0]};
    if (!status) status = engine_rt_init(&e->rt, &rt, &mixer, queue_slots(&e->config), e->config.schedule);
    if (status) {
        say_what_is_full(e, status, reason);
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
    enum status status = init_memory(e, reason);
    if (!status) status = init_parts(e, rate, n_channels, reason);
    e->control.is_offline = is_offline;
    if (is_offline) clock_init_exact(&e->rt.clock, rate, 0);
    if (status) engine_fini(e);
    return status;
}

void engine_fini(struct engine *e)
{
    cleanup_run(&e->cleanup);
}

static size_t committed_bytes(const struct memory *m)
{
    size_t sum = 0;
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        struct memory_usage usage;
        memory_usage(m, (enum memory_region)i, &usage);
        sum += usage.committed_bytes;
    }
    return sum;
}

enum status engine_seal(struct engine *e, char *reason)
{
    bool must = strcmp(e->config.lock_memory, "yes") == 0;
    bool may = strcmp(e->config.lock_memory, "no") != 0;
    bool all_locked = memory_seal(&e->memory, may);
    if (!vm_hold_program(may)) log_debug("the code is resident, but not locked");
    if (all_locked) return STATUS_OK;

    struct rlimit limit;
    char where[CONFIG_PATH_BYTES + 16];
    getrlimit(RLIMIT_MEMLOCK, &limit);
    config_say_origin(&e->config, CONFIG_KEY_lock_memory, where, sizeof where);
    snprintf(
        reason, ERROR_TEXT_BYTES,
        "cannot lock %zu KiB of memory: the limit is %llu KiB (RLIMIT_MEMLOCK). Raise it with LimitMEMLOCK= "
        "in "
        "the unit or `memlock` in /etc/security/limits.d, or set lock_memory = no (%.300s: lock_memory = %s)",
        committed_bytes(&e->memory) >> 10, (unsigned long long)limit.rlim_cur >> 10, where,
        e->config.lock_memory);
    if (must) return STATUS_NOT_ALLOWED;
    e->control.is_unlocked = true;
    log_warning("%s; going on without", reason);
    return STATUS_OK;
}

static void print_region(const struct memory *m, enum memory_region region, FILE *to)
{
    struct memory_usage usage;
    memory_usage(m, region, &usage);
    fprintf(to, "%-30s %14zu %14zu\n", usage.name, usage.used_bytes, usage.budget_bytes);
    const struct arena *a = &m->parts[region].arena;
    for (uint32_t i = 0; i < a->n_tags; i++)
        fprintf(to, "  %-28s %14zu\n", a->tags[i].name, arena_tag_bytes(a, i));
}

void engine_print_memory(const struct engine *e, FILE *to)
{
    fprintf(to, "%-30s %14s %14s\n", "memory, in bytes", "taken at start", "budget");
    for (int i = 0; i < MEMORY_REGIONS; i++)
        print_region(&e->memory, (enum memory_region)i, to);
    fprintf(to, "%-30s %14zu\n", "in all", committed_bytes(&e->memory));
}
