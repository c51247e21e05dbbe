// SPDX-License-Identifier: MIT
// chain_rig.h - a chain of backends that fail, hang, vanish and return on command, turned as the daemon does
// it.
#ifndef TESTS_CHAIN_RIG_H
#define TESTS_CHAIN_RIG_H
#include "engine/backends/chain.h"
#include "engine/backends/pace.h"
#include "engine/backends/planes.h"
#include "tests/player.h"

// These take the place of pick.c: jack and alsa are backends that obey the test, null is the real one.

enum how { FAILS, IS_BUSY, IS_CHOOSY, WORKS, HANGS_IN_OPEN, HANGS_IN_CLOSE, OTHER_RATE, BAD_RATE };

struct fake {
    struct backend base;
    struct planes planes;
    pthread_t thread;
    _Atomic bool stopping;
    bool started;
};

static _Atomic enum how how[N_BACKEND_KINDS];
static _Atomic bool stands_still[N_BACKEND_KINDS], let_go;
static _Atomic uint32_t n_open[N_BACKEND_KINDS], n_opened[N_BACKEND_KINDS], n_in_cycle, n_together, n_looks;
static struct fake *_Atomic newest[N_BACKEND_KINDS];

static const struct backend_ops fake_jack, fake_alsa;

void chimed_rt_enter(void)
{
    if (atomic_fetch_add(&n_in_cycle, 1) > 0) atomic_fetch_add(&n_together, 1);
}

void chimed_rt_leave(void)
{
    atomic_fetch_sub(&n_in_cycle, 1);
}

static enum backend_kind kind_of(const struct backend *b)
{
    return b->ops == &fake_jack ? BACKEND_JACK : BACKEND_ALSA;
}

/// In step with the clock, as a device is: what a busy machine was late for it asks for at once.
static void *fake_run(void *argument)
{
    struct fake *f = argument;
    struct pace pace;
    pace_start(&pace, f->base.rate, cycle_now_ns());
    while (!atomic_load(&f->stopping)) {
        if (atomic_load(&stands_still[kind_of(&f->base)]))
            pace_start(&pace, f->base.rate, cycle_now_ns());
        else
            backend_cycle(&f->base, f->planes.plane, 64);
        pace.frames += 64;
        pace_sleep(pace_due_ns(&pace), &f->stopping);
    }
    return NULL;
}

static enum status fake_open(enum backend_kind kind, const struct backend_ops *ops,
                             const struct config *config, struct backend **backend, char *reason)
{
    while (how[kind] == HANGS_IN_OPEN && !let_go)
        sleep_ms(1);
    snprintf(reason, BACKEND_REASON_BYTES, "the test does not want it");
    bool is_exclusive = how[kind] == IS_BUSY || how[kind] == IS_CHOOSY;
    if (is_exclusive && n_open[kind] > 0) return STATUS_BUSY; // one program at a time, as hw: has it
    if (how[kind] == IS_CHOOSY && config->period != 64) return STATUS_UNSUPPORTED;
    if (how[kind] == FAILS || how[kind] == HANGS_IN_OPEN) return STATUS_NOT_FOUND;
    struct fake *f = backend_make(sizeof *f);
    assert_non_null(f);
    assert_int_equal(planes_init(&f->planes, &f->base.memory, config->channels, 64), STATUS_OK);
    f->base.ops = ops;
    f->base.config = config;
    f->base.rate = how[kind] == OTHER_RATE ? 44100 : how[kind] == BAD_RATE ? 384000 : 48000;
    f->base.n_channels = config->channels;
    f->base.period_frames = 64;
    newest[kind] = f;
    n_open[kind]++;
    n_opened[kind]++;
    *backend = &f->base;
    return STATUS_OK;
}

static enum status jack_open(const struct config *config, const char *target, struct backend **b,
                             char *reason)
{
    (void)target;
    return fake_open(BACKEND_JACK, &fake_jack, config, b, reason);
}

static enum status alsa_open(const struct config *config, const char *target, struct backend **b,
                             char *reason)
{
    (void)target;
    return fake_open(BACKEND_ALSA, &fake_alsa, config, b, reason);
}

static enum status fake_start(struct backend *b, struct cycle *cycle, char *reason)
{
    struct fake *f = (struct fake *)b;
    (void)reason;
    b->cycle = cycle;
    f->started = true;
    return backend_thread_start(&f->thread, fake_run, f);
}

static void fake_stop(struct backend *b)
{
    struct fake *f = (struct fake *)b;
    if (!f->started) return;
    atomic_store(&f->stopping, true);
    pthread_join(f->thread, NULL);
    f->started = false;
}

static void fake_close(struct backend *b)
{
    while (how[kind_of(b)] == HANGS_IN_CLOSE && !let_go)
        sleep_ms(1);
    fake_stop(b);
    n_open[kind_of(b)]--;
    planes_fini(&((struct fake *)b)->planes);
    backend_unmake(b, sizeof(struct fake));
}

static void fake_look(struct backend *b)
{
    (void)b;
    n_looks++;
}

static void fake_describe(const struct backend *b, char *text, uint32_t size)
{
    (void)b;
    snprintf(text, size, "of the test");
}

static const struct backend_ops fake_jack = {.name = "jack",
                                             .open = jack_open,
                                             .start = fake_start,
                                             .stop = fake_stop,
                                             .close = fake_close,
                                             .look = fake_look,
                                             .describe = fake_describe};
static const struct backend_ops fake_alsa = {.name = "alsa",
                                             .open = alsa_open,
                                             .start = fake_start,
                                             .stop = fake_stop,
                                             .close = fake_close,
                                             .describe = fake_describe};

const struct backend_ops *backend_ops_of(enum backend_kind kind)
{
    return kind == BACKEND_JACK ? &fake_jack : kind == BACKEND_ALSA ? &fake_alsa : &backend_null;
}

enum status backend_open(const struct backend_choice *choice, const struct config *config, struct backend **b,
                         char *reason)
{
    return backend_ops_of(choice->kind)->open(config, choice->target, b, reason);
}

enum status backend_pick(const struct backend_list *list, const struct config *config, uint32_t *index,
                         struct backend **b, char *reason)
{
    enum status status = STATUS_NOT_FOUND;
    for (*index = 0; *index < list->n && status; ++*index)
        status = backend_open(&list->choices[*index], config, b, reason);
    --*index;
    return status;
}

// ---- a chain that is turned as the daemon does it ----

static struct chain chain;
static struct player *player;
static uint64_t frames_before;

static void turn(void)
{
    chain_turn(&chain, (int64_t)cycle_now_ns());
    assert_true(player->cycle.frames >= frames_before);
    frames_before = player->cycle.frames;
    sleep_ms(1);
}

static const char *plays(void)
{
    return chain.current->choice.word;
}

static inline void turn_until(const char *word, uint64_t most_ms)
{
    uint64_t start_ns = cycle_now_ns();
    while (strcmp(plays(), word) != 0 || chain.next) {
        if (ms_since(start_ns) > most_ms) fail_msg("%s plays, not %s", plays(), word);
        turn();
    }
}

static inline void turn_for(uint64_t ms)
{
    uint64_t start_ns = cycle_now_ns();
    while (ms_since(start_ns) < ms)
        turn();
}

static inline void begin(const char *list)
{
    char reason[BACKEND_REASON_BYTES];
    struct config config = make_config("", "");
    snprintf(config.backend, sizeof config.backend, "%s", list);
    player = player_new(2);
    frames_before = 0;
    let_go = false;
    for (uint32_t i = 0; i < N_BACKEND_KINDS; i++) {
        n_opened[i] = 0;
        stands_still[i] = false;
    }
    n_looks = n_together = n_in_cycle = 0;
    n_open[BACKEND_JACK] = n_open[BACKEND_ALSA] = 0;
    if (chain_open(&chain, &config, reason)) fail_msg("%s", reason);
    assert_int_equal(chain_start(&chain, &player->cycle, reason), STATUS_OK);
}

/// After chain_stop().
static inline void leave(void)
{
    uint64_t start_ns = cycle_now_ns();
    for (uint32_t i = 0; i < N_BACKEND_KINDS; i++) {
        while (n_open[i] > 0 && ms_since(start_ns) < 10000)
            sleep_ms(1); // a helper that hung may come back after the chain has lost patience
        assert_int_equal(n_open[i], 0);
    }
    for (uint32_t i = 0; i < chain.n_entries; i++)
        while (entry_has_job(&chain.entries[i]) && !atomic_load(&chain.entries[i].is_done))
            sleep_ms(1);             // it has closed, and is about to say so
    assert_int_equal(n_together, 0); // never two threads in the engine
    assert_int_equal(n_in_cycle, 0);
    player_free(player);
}

static inline void end(void)
{
    let_go = true;
    bool has_stopped = chain_stop(&chain); // or some hang, as they were told to
    (void)has_stopped;
    leave();
}

#endif
