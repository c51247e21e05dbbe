// SPDX-License-Identifier: MIT
// offline_rig.h - the whole engine, offline, on which packets are handled and time stands still between
// renders.
#ifndef TESTS_OFFLINE_RIG_H
#define TESTS_OFFLINE_RIG_H
#include <poll.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/dispatch.h"
#include "engine/engine.h"
#include "tests/check.h"
#include "tests/osc_build.h"

#define RATE     48000
#define N_FRAMES 4800

static char base[32];
static struct engine engine;
static float left[N_FRAMES], right[N_FRAMES];
static struct osc_build packet;
static enum role role;

// ---- an engine with a sound, a step from 0 to a constant, called "step" ----

static inline void path_of(char *path, const char *name)
{
    snprintf(path, 64, "%s/%s", base, name);
}

static inline void make_file(const char *name)
{
    static int16_t samples[N_FRAMES];
    char path[64];
    SF_INFO info = {.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16, .channels = 1, .samplerate = RATE};
    path_of(path, name);
    for (int i = 0; i < N_FRAMES; i++)
        samples[i] = 8192;
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    sf_writef_short(file, samples, N_FRAMES);
    sf_close(file);
}

static inline int make_files(void **state)
{
    (void)state;
    strcpy(base, "/tmp/chimed-XXXXXX");
    if (!mkdtemp(base)) return 1;
    static const char *const names[] = {"a.wav", "b.wav", "c.wav", "d.wav"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        make_file(names[i]);
    return 0;
}

static inline int remove_files(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", base);
    return system(command);
}

/// Waits for the loads that are under way.
static inline void settle(void)
{
    struct control *c = &engine.control;
    while (c->sounds.oldest_load) {
        struct pollfd fd = {.fd = c->worker.result_fd, .events = POLLIN};
        poll(&fd, 1, -1);
        control_drain_results(c);
    }
}

static inline void render(uint32_t n)
{
    float *const planes[] = {left, right};
    engine_rt_process(&engine.rt, NULL, planes, 2, n);
    control_drain_events(&engine.control);
}

static inline void begin(uint64_t time_tag)
{
    packet.n = 0;
    build_bundle(&packet, time_tag);
}

/// A message: path, then arguments of the types, each a text or a double; 0 after the last one.
static inline void build_args(const char *path, const char *types, va_list args)
{
    build_text(&packet, path);
    char tags[64] = ",";
    strcat(tags, types);
    build_text(&packet, tags);
    for (const char *t = types; *t; t++)
        if (*t == 's')
            build_text(&packet, va_arg(args, const char *));
        else if (*t == 'i')
            build_u32(&packet, (uint32_t)va_arg(args, int));
        else
            build_float(&packet, (float)va_arg(args, double));
}

/// Adds an element to the bundle.
static inline void add(const char *path, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    size_t at = build_begin(&packet);
    build_args(path, types, args);
    build_end(&packet, at);
    va_end(args);
}

/// Handles the packet. The error that it was refused with.
static inline enum api_error handle(void)
{
    struct datagram d = {.bytes = packet.bytes,
                         .n_bytes = (uint32_t)packet.n,
                         .client = {.kind = CLIENT_SCORE, .role = role},
                         .fd = -1};
    control_handle(&engine.control, &d);
    return engine.control.transaction.error;
}

/// A single message.
static inline enum api_error send_one(const char *path, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    packet.n = 0;
    build_args(path, types, args);
    va_end(args);
    return handle();
}

static inline int set_up(void **state)
{
    (void)state;
    static struct config config;
    char reason[ERROR_TEXT_BYTES], path[64];
    role = ROLE_ADMIN;
    config_defaults(&config);
    config.voices = 16;
    config.queue = 64;
    config.schedule = 16;
    config.buses = 8;
    config.sounds = 3;
    if (engine_init(&engine, &config, RATE, 2, true, reason)) return 1;
    engine.control.worker.roots.anywhere = true;
    if (worker_start(&engine.control.worker, reason, sizeof reason)) return 1;
    path_of(path, "a.wav");
    send_one("/sound/load", "ss", "step", path);
    settle();
    render(64);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    engine_fini(&engine);
    return 0;
}

// ---- what the books say ----

struct books {
    uint32_t n_voices, n_notify, n_buses, n_scheduled, n_commands, n_loads, n_voices_of_step;
    uint64_t n_started;
    float bus_gain;
};

static inline struct books read_books(void)
{
    const struct control *c = &engine.control;
    uint32_t step = sound_find(&c->sounds, "step");
    struct books b;
    memset(&b, 0, sizeof b);
    b.n_voices = c->voices.n_used;
    b.n_notify = c->voices.n_notify;
    b.n_buses = c->buses.n_buses;
    b.n_scheduled = c->book.n_used;
    b.n_commands = queue_used(&engine.rt.commands);
    b.n_loads = c->sounds.n_under_way;
    b.n_voices_of_step = sound_n_voices(&c->sounds.entries[step]);
    b.n_started = c->voices.n_started;
    return b;
}

static inline void assert_books(const struct books *expected)
{
    struct books now = read_books();
    assert_memory_equal(&now, expected, sizeof now);
    assert_int_equal(engine.rt.commands.n_staged, 0);
    assert_int_equal(engine.control.book.new_entries, BOOK_NONE);
}

/// The first frame of what was rendered last that is not silent; N_FRAMES when all are.
static inline uint32_t onset(void)
{
    uint32_t i = 0;
    while (i < N_FRAMES && left[i] == 0)
        i++;
    return i;
}

static inline uint64_t ntp_of(uint64_t frame)
{
    return clock_exact_ntp(&engine.rt.clock, frame);
}

#endif
