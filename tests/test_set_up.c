// SPDX-License-Identifier: MIT
// test_set_up.c - the inits that put others together: with every budget too small, and each request refused.
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "alloc/vm.h"
#include "engine/backends/planes.h"
#include "engine/engine.h"
#include "engine/score.h"
#include "tests/arena_limits.h"

#define RATE 48000

static struct config config;
static struct memory memory;
static struct control control;
static struct engine engine;

static int count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int n = 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static int begin(void **state)
{
    (void)state;
    config_defaults(&config);
    config.voices = 64;
    config.buses = 8;
    config.sounds = 64;
    config.queue = 64;
    memcpy(config.lock_memory, "no", sizeof "no");
    return 0;
}

// ---- control ----

static const enum memory_region regions[] = {MEMORY_VOICES, MEMORY_MIXER, MEMORY_SOUNDS, MEMORY_CONTROL,
                                             MEMORY_QUEUES};

/// Sets control up once; what a region used is returned.
static size_t init_control(enum memory_region region, size_t budget, bool suffices)
{
    struct memory_config map = {0};
    for (size_t i = 0; i < COUNT_OF(regions); i++)
        map.budget_bytes[regions[i]] = (size_t)16 << 20;
    map.budget_bytes[region] = budget;
    assert_int_equal(memory_init(&memory, &map), STATUS_OK);

    enum status status = control_init(&control, &memory, &config, RATE);
    assert_int_equal(!status, suffices);
    struct memory_usage usage;
    memory_usage(&memory, region, &usage);
    if (suffices)
        control_fini(&control);
    else if (region != MEMORY_SOUNDS)
        assert_int_equal(usage.n_refused > 0, true);
    memory_fini(&memory);
    return usage.used_bytes;
}

static void test_control_in_budgets_of_every_size(void **state)
{
    (void)state;
    int n_fds = count_fds();
    size_t page = vm_page_bytes();
    for (size_t i = 0; i < COUNT_OF(regions); i++) {
        size_t needed = init_control(regions[i], (size_t)16 << 20, true);
        if (regions[i] == MEMORY_SOUNDS) needed = page;
        assert_true(needed > 0);
        for (size_t budget = 0; budget < needed; budget += page)
            init_control(regions[i], budget, false);
        init_control(regions[i], needed, true);
    }
    assert_int_equal(count_fds(), n_fds);
}

// ---- engine ----

static void test_engine_names_the_budget(void **state)
{
    (void)state;
    int n_fds = count_fds();
    config.voices = 20000;
    config.buses = 1024;
    config.sounds = 20000;
    static const struct {
        const char *key;
        size_t offset;
    } budgets[] = {{"voices_budget", offsetof(struct config, voices_budget)},
                   {"mixer_budget", offsetof(struct config, mixer_budget)},
                   {"control_budget", offsetof(struct config, control_budget)},
                   {"queues_budget", offsetof(struct config, queues_budget)}};
    char reason[ERROR_TEXT_BYTES], wanted[64];
    assert_int_equal(engine_init(&engine, &config, RATE, 2, true, reason), STATUS_OK);
    engine_fini(&engine);
    for (size_t i = 0; i < COUNT_OF(budgets); i++) {
        uint32_t one = 1, *budget = (uint32_t *)(void *)((char *)&config + budgets[i].offset);
        uint32_t enough = *budget;
        *budget = one;
        assert_int_equal(engine_init(&engine, &config, RATE, 2, true, reason), STATUS_NO_MEMORY);
        snprintf(wanted, sizeof wanted, "the budget [memory] %s is too small", budgets[i].key);
        assert_non_null(strstr(reason, wanted));
        assert_int_equal(count_fds(), n_fds);
        *budget = enough;
    }
}

// ---- what render has of its own ----

static enum status init_score(void *score, struct allocator *a)
{
    return score_open(score, a, "/dev/null"); // no file that could be mapped
}

static void fini_score(void *score)
{
    score_close(score);
}

static enum status init_planes(void *planes, struct allocator *a)
{
    return planes_init(planes, a, 2, 64);
}

static void fini_planes(void *planes)
{
    planes_fini(planes);
}

static void test_render(void **state)
{
    (void)state;
    struct score score = {0};
    struct planes planes = {0};
    int n_fds = count_fds();
    check_arena_sizes(&(struct arena_user){init_score, fini_score, &score});
    check_arena_sizes(&(struct arena_user){init_planes, fini_planes, &planes});
    assert_int_equal(count_fds(), n_fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_control_in_budgets_of_every_size, begin),
        cmocka_unit_test_setup(test_engine_names_the_budget, begin),
        cmocka_unit_test(test_render),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
