// SPDX-License-Identifier: MIT
// player.h - what the tests of the backends share: an engine that plays a known sound, and a configuration.
#ifndef TESTS_PLAYER_H
#define TESTS_PLAYER_H
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "engine/backends/backend.h"
#include "engine/log.h"
#include "tests/check.h"

#define SOUND_FRAMES 65536u
#define NS_PER_MS    UINT64_C(1000000)

static char folder[] = "/tmp/chimed-backends-XXXXXX";
static char jack_server[32]; // a name that no server has but one of the test's own
static int16_t samples[2][SOUND_PAD_FRAMES + SOUND_FRAMES + SOUND_PAD_FRAMES];

static inline void sleep_ms(uint64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * NS_PER_MS)},
              NULL);
}

static inline uint64_t ms_since(uint64_t start_ns)
{
    return (cycle_now_ns() - start_ns) / NS_PER_MS;
}

// ---- an engine that plays one 16-bit stereo sound from its first frame ----

struct player {
    struct arena arena;
    struct bus_graph graph;
    struct sound sound;
    struct engine_rt engine;
    struct cycle cycle;
};

static inline void player_init(struct player *p, uint32_t n_channels)
{
    assert_int_equal(arena_init(&p->arena, 64u << 20), STATUS_OK);
    assert_int_equal(bus_graph_init(&p->graph, arena_allocator(&p->arena), 1), STATUS_OK);
    p->graph.n_buses = 1;
    p->graph.out[0] = 1;
    p->graph.width[0] = n_channels < 2 ? 1 : 2;
    bus_graph_sort(&p->graph);
    struct mixer_config mixer = {.rate = 48000,
                                 .n_voices = 4,
                                 .n_buses = 1,
                                 .n_channels = n_channels,
                                 .declick_frames = 240,
                                 .graph = &p->graph};
    assert_int_equal(
        engine_rt_init(&p->engine,
                       &(struct rt_memory){arena_allocator(&p->arena),
                                           {arena_allocator(&p->arena), arena_allocator(&p->arena),
                                            arena_allocator(&p->arena)}},
                       &mixer, 64, 16),
        STATUS_OK);
    p->sound = (struct sound){.n_frames = SOUND_FRAMES, .n_channels = 2, .format = SAMPLE_S16};
    for (uint32_t i = 0; i < 2; i++)
        p->sound.channels[i] = samples[i] + SOUND_PAD_FRAMES;
    struct command play = {.type = COMMAND_VOICE_START,
                           .start = {.sound = &p->sound, .increment = FRAME_ONE, .end_frame = SOUND_FRAMES}};
    assert_true(queue_push(&p->engine.commands, &play));
    cycle_init(&p->cycle, &p->engine, 48000);
}

static inline struct player *player_new(uint32_t n_channels)
{
    struct player *p = aligned_alloc(CACHE_LINE, (sizeof *p + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    assert_non_null(p);
    memset(p, 0, sizeof *p);
    player_init(p, n_channels);
    return p;
}

static inline void player_free(struct player *p)
{
    arena_fini(&p->arena);
    free(p);
}

static inline struct config make_config(const char *backend, const char *device)
{
    struct config c = {.channels = 2, .rate = 48000, .period = 64, .periods = 2, .rt_priority = 10};
    snprintf(c.backend, sizeof c.backend, "%s", backend);
    snprintf(c.device, sizeof c.device, "%s", device);
    snprintf(c.format, sizeof c.format, "auto");
    snprintf(c.access, sizeof c.access, "auto");
    snprintf(c.jack_name, sizeof c.jack_name, "chimed-test");
    snprintf(c.jack_server, sizeof c.jack_server, "%s", jack_server);
    snprintf(c.jack_connect, sizeof c.jack_connect, "physical");
    return c;
}

/// The first that there is of config.backend.
static inline enum status pick(const struct config *config, struct backend **backend, char *reason)
{
    struct backend_list list;
    struct strbuf what = strbuf_make(reason, BACKEND_REASON_BYTES);
    uint32_t index;
    enum status status = backend_list_parse(&list, config->backend, &what);
    return status ? status : backend_pick(&list, config, &index, backend, reason);
}

static inline struct backend *open_or_fail(const struct config *config)
{
    struct backend *backend = NULL;
    char reason[BACKEND_REASON_BYTES] = "";
    if (pick(config, &backend, reason) != STATUS_OK) fail_msg("open: %s", reason);
    return backend;
}

static inline void start_or_fail(struct backend *backend, struct cycle *cycle)
{
    char reason[BACKEND_REASON_BYTES] = "";
    backend->cycle = cycle;
    backend_open_gate(backend, false);
    if (backend->ops->start(backend, cycle, reason) != STATUS_OK) fail_msg("start: %s", reason);
}

/// Frames rendered during `ms`, in percent of those that real time asks for.
static inline uint64_t pace_percent(const struct cycle *cycle, uint32_t rate, uint64_t ms)
{
    uint64_t start_ns = cycle_now_ns(), frames = cycle->frames;
    sleep_ms(ms);
    return (cycle->frames - frames) * 100000 / (ms_since(start_ns) * rate);
}

/// A window of `ms` in which frames come within `tolerance` percent of real time. A busy machine gets 20 s to
/// have one; a device that runs at another rate never has one.
static inline void assert_pace(const struct cycle *cycle, uint32_t rate, uint64_t ms, uint64_t tolerance)
{
    uint64_t start_ns = cycle_now_ns(), percent;
    do {
        percent = pace_percent(cycle, rate, ms);
        if (percent >= 100 - tolerance && percent <= 100 + tolerance) return;
    } while (ms_since(start_ns) < 20000);
    fail_msg("%" PRIu64 " %% of real time", percent);
}

/// stderr goes to a file between these two; the text is the caller's to free.
static inline int begin_stderr(int *kept)
{
    char path[sizeof folder + 16];
    snprintf(path, sizeof path, "%s/stderr", folder);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    *kept = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    return file;
}

static inline char *end_stderr(int file, int kept)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(pread(file, text, 65535, 0) >= 0);
    close(file);
    return text;
}

/// A sound of every 16-bit value, in another order on each side; a folder with a private ALSA configuration.
static inline int player_set_up(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_INFO);
    for (uint32_t i = 0; i < SOUND_FRAMES; i++) {
        samples[0][SOUND_PAD_FRAMES + i] = (int16_t)(uint16_t)(i * 40503u + 77u);
        samples[1][SOUND_PAD_FRAMES + i] = (int16_t)(uint16_t)(i * 12345u + 32768u);
    }
    snprintf(jack_server, sizeof jack_server, "chimed-test-%d", (int)getpid());
    if (mkdtemp(folder) == NULL) return -1;
    char path[sizeof folder + 32], configs[sizeof path + 64];
    snprintf(path, sizeof path, "%s/asound.conf", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL) return -1;
    fprintf(file,
            "pcm.chimed_file { type file slave.pcm null file \"%s/out.raw\" format raw }\n"
            "pcm.chimed_broken { type no_such_type }\n"
            "pcm.chimed_jack { type jack playback_ports { 0 system:playback_1 1 system:playback_2 } }\n",
            folder);
    fclose(file);
    snprintf(configs, sizeof configs, "/usr/share/alsa/alsa.conf:%s",
             path); // alone it would replace all of it
    return setenv("ALSA_CONFIG_PATH", configs, 1);
}

static inline int player_tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"asound.conf", "out.raw", "stderr"};
    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        char path[sizeof folder + 32];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

#endif
