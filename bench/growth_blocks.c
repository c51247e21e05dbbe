// SPDX-License-Identifier: MIT
// growth_blocks.c - times single blocks of the audio side: bench_blocks idle | starts | timed | worst BLOCKS
// REPEATS
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc/arena.h"
#include "engine/rt/engine_rt.h"
#include "mixer/kernel.h"

#define RATE         48000
#define N_SLOTS      1024u
#define N_PLAYING    1000u
#define N_BUSES      8u
#define QUEUE_SLOTS  8192u
#define N_SCHEDULED  4096u
#define DECLICK      240u
#define ARENA_BYTES  (256u << 20)
#define SOUND_FRAMES RATE
#define GAIN_DB      (-34)
#define N_RUNS       2001 // of idle blocks, and of blocks with starts

struct rig {
    struct arena arena;
    struct bus_graph graph;
    struct engine_rt engine;
    float left[BLOCK_FRAMES], right[BLOCK_FRAMES];
    uint32_t free_slots[N_SLOTS], n_free;
    uint32_t playing[N_SLOTS], n_playing; // started and not stopped, in no order
    uint32_t place[N_SLOTS];              // slot -> place in `playing`
    uint32_t random;
    uint64_t now_ns; // by the clock that the engine is shown
};

static struct sound sounds[N_PLAYING];

static void die(const char *what)
{
    fprintf(stderr, "bench_blocks: %s\n", what);
    exit(1);
}

/// xorshift32: the same work at every run.
static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

static uint32_t below(struct rig *r, uint32_t n)
{
    return next_random(&r->random) % n;
}

// ---- set-up ----

static void make_sounds(void)
{
    uint32_t x = 1;
    for (uint32_t i = 0; i < N_PLAYING; i++) {
        void *memory = calloc(1, sound_bytes(SOUND_FRAMES, 1, SAMPLE_S16));
        if (!memory) die("no memory");
        sound_layout(&sounds[i], memory, SOUND_FRAMES, 1, SAMPLE_S16);
        int16_t *samples = sound_channel(&sounds[i], memory, 0);
        for (uint32_t f = 0; f < SOUND_FRAMES; f++)
            samples[f] = (int16_t)((int16_t)(next_random(&x) >> 16) / 32);
    }
}

/// All buses but the master feed the one before them.
static void rig_init(struct rig *r)
{
    memset(r, 0, sizeof *r);
    r->random = 1;
    r->now_ns = 1000000000;
    if (arena_init(&r->arena, ARENA_BYTES) || bus_graph_init(&r->graph, arena_allocator(&r->arena), N_BUSES))
        die("no memory");
    r->graph.n_buses = N_BUSES;
    for (uint32_t b = 1; b < N_BUSES; b++)
        r->graph.parent[b] = (uint16_t)(b - 1);
    r->graph.out[BUS_MASTER] = 1;
    r->graph.width[BUS_MASTER] = 2;
    bus_graph_sort(&r->graph);
    struct mixer_config config = {.rate = RATE,
                                  .n_voices = N_SLOTS,
                                  .n_buses = N_BUSES,
                                  .n_channels = 2,
                                  .declick_frames = DECLICK,
                                  .graph = &r->graph};
    struct allocator *a = arena_allocator(&r->arena);
    if (engine_rt_init(&r->engine, &(struct rt_memory){a, {a, a, a}}, &config, QUEUE_SLOTS, N_SCHEDULED))
        die("no engine");
    for (uint32_t s = N_SLOTS; s-- > 0;)
        r->free_slots[r->n_free++] = s;
}

static void rig_fini(struct rig *r)
{
    arena_fini(&r->arena);
}

// ---- commands, and what comes back ----

static void push(struct rig *r, const struct command *c)
{
    if (!queue_push(&r->engine.commands, c)) die("the queue is full");
}

static int64_t random_increment(struct rig *r)
{
    if (below(r, 10) < 7) return FRAME_ONE;
    return FRAME_ONE / 2 + (int64_t)below(r, 3u << 30); // 0.5 to 1.25
}

static struct change random_pan(struct rig *r)
{
    return (struct change){.value = (double)below(r, 201) * 0.01 - 1.0};
}

static void start(struct rig *r, bool is_plain)
{
    uint32_t slot = r->free_slots[--r->n_free];
    bool is_looping = is_plain || below(r, 2);
    struct command c = {.type = COMMAND_VOICE_START, .slot = slot};
    c.start = (struct voice_start){.sound = &sounds[slot % N_PLAYING],
                                   .position = (int64_t)below(r, SOUND_FRAMES / 2) << 32,
                                   .increment = is_plain ? FRAME_ONE : random_increment(r),
                                   .gain_db = GAIN_DB,
                                   .pan = (float)below(r, 201) * 0.01f - 1.0f,
                                   .end_frame = SOUND_FRAMES,
                                   .loop_end = is_looping ? SOUND_FRAMES : 0,
                                   .bus = (uint16_t)below(r, N_BUSES),
                                   .looping = is_looping};
    push(r, &c);
    r->place[slot] = r->n_playing;
    r->playing[r->n_playing++] = slot;
}

static void forget(struct rig *r, uint32_t slot)
{
    uint32_t hole = r->place[slot], last = r->playing[--r->n_playing];
    r->playing[hole] = last;
    r->place[last] = hole;
    r->place[slot] = UINT32_MAX;
}

static void stop(struct rig *r, uint32_t slot)
{
    push(r, &(struct command){.type = COMMAND_VOICE_STOP, .slot = slot});
    forget(r, slot);
}

static void drain(struct rig *r)
{
    struct event e;
    while (queue_pop(&r->engine.events, &e)) {
        if (e.type != EVENT_VOICE_ENDED) continue;
        if (r->place[e.slot] != UINT32_MAX) forget(r, e.slot); // it has come to its end by itself
        r->free_slots[r->n_free++] = e.slot;
    }
}

/// A few starts, stops and changes.
static void disturb(struct rig *r)
{
    for (uint32_t n = below(r, 4); n > 0 && r->n_playing > 0; n--)
        stop(r, r->playing[below(r, r->n_playing)]);
    for (uint32_t n = 0; n < 8 && r->n_playing < N_PLAYING && r->n_free > 0; n++)
        start(r, false);
    for (uint32_t n = below(r, 6); n > 0 && r->n_playing > 0; n--) {
        struct command c = {.slot = r->playing[below(r, r->n_playing)]};
        switch (below(r, 3)) {
        case 0:
            c.type = COMMAND_VOICE_PAN;
            c.change = random_pan(r);
            c.change.ramp_frames = below(r, 2400);
            break;
        case 1:
            c.type = COMMAND_VOICE_RATE;
            c.change.value = (double)random_increment(r) / (double)FRAME_ONE;
            break;
        default: c.type = COMMAND_VOICE_SEEK; c.seek.position = (int64_t)below(r, SOUND_FRAMES) << 32;
        }
        push(r, &c);
    }
    if (below(r, 8) == 0) {
        struct command c = {.type = COMMAND_BUS_PAN, .slot = below(r, N_BUSES)};
        c.change = random_pan(r);
        push(r, &c);
    }
}

// ---- measuring ----

static double now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/// One call of the engine, in ns.
static float process(struct rig *r, uint32_t n_frames)
{
    float *const out[] = {r->left, r->right};
    struct moment moment = {.monotonic_ns = r->now_ns, .ntp = clock_ntp_of_ns(r->now_ns)};
    r->now_ns += n_frames * UINT64_C(1000000000) / RATE;
    double begin = now_ns();
    engine_rt_process(&r->engine, n_frames > 0 ? &moment : NULL, out, 2, n_frames);
    return (float)(now_ns() - begin);
}

static int compare(const void *a, const void *b)
{
    float x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void print_quantiles(const char *name, float *ns, size_t n)
{
    static const double shares[] = {0, 0.5, 0.99, 0.999, 0.9999, 1};
    qsort(ns, n, sizeof *ns, compare);
    printf("%s", name);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        size_t at = (size_t)ceil(shares[i] * (double)n);
        printf(" %.1f", (double)ns[at > 0 ? at - 1 : 0]);
    }
    putchar('\n');
}

static void run_idle(struct rig *r)
{
    static float ns[N_RUNS];
    rig_init(r);
    for (int i = 0; i < N_RUNS; i++)
        ns[i] = process(r, BLOCK_FRAMES);
    print_quantiles("idle", ns, N_RUNS);
    rig_fini(r);
}

/// All voices at once, again and again: what a start and a stop cost, and the block behind them.
static void run_starts(struct rig *r)
{
    static float starts[N_RUNS], first[N_RUNS], steady[N_RUNS], stops[N_RUNS];
    rig_init(r);
    for (int i = 0; i < N_RUNS; i++) {
        while (r->n_playing < N_PLAYING)
            start(r, true);
        starts[i] = process(r, 0) / N_PLAYING;
        first[i] = process(r, BLOCK_FRAMES);
        for (uint32_t n = 0; n < 2 * DECLICK / BLOCK_FRAMES; n++)
            steady[i] = process(r, BLOCK_FRAMES);
        while (r->n_playing > 0)
            stop(r, r->playing[r->n_playing - 1]);
        stops[i] = process(r, 0) / N_PLAYING;
        for (uint32_t n = 0; n < 2 * DECLICK / BLOCK_FRAMES; n++)
            process(r, BLOCK_FRAMES);
        drain(r);
        if (r->n_free != N_SLOTS) die("a voice has not ended");
    }
    print_quantiles("start", starts, N_RUNS);
    print_quantiles("stop", stops, N_RUNS);
    print_quantiles("block-after-starts", first, N_RUNS);
    print_quantiles("block-steady", steady, N_RUNS);
    rig_fini(r);
}

/// A command that does nothing, at a frame from here.
static void push_timed(struct rig *r, uint32_t entry, uint32_t frames)
{
    uint64_t ns = r->now_ns + frames * UINT64_C(1000000000) / RATE;
    push(r, &(struct command){.type = COMMAND_VOICE_PAUSE,
                              .generation = 1, // which no voice has
                              .when = WHEN_TIME,
                              .entry = (uint16_t)entry,
                              .time = clock_ntp_of_ns(ns)});
}

/// What it costs to put 1000 commands into the schedule and to carry them out at one frame, and a block with
/// a command at every frame, which is cut as often as the engine lets it be.
static void run_timed(struct rig *r)
{
    static float in[N_RUNS], out[N_RUNS], cut[N_RUNS];
    rig_init(r);
    while (r->n_playing < N_PLAYING)
        start(r, true);
    for (int i = 0; i < 100; i++)
        process(r, BLOCK_FRAMES);
    for (int i = 0; i < N_RUNS; i++) {
        float steady = process(r, BLOCK_FRAMES);
        for (uint32_t k = 0; k < 1000; k++)
            push_timed(r, k, 4 * BLOCK_FRAMES); // one period behind that
        in[i] = (process(r, BLOCK_FRAMES) - steady) / 1000;
        for (int k = 0; k < 4; k++)
            process(r, BLOCK_FRAMES);
        out[i] = (process(r, BLOCK_FRAMES) - steady) / 1000;
        for (uint32_t k = 0; k < BLOCK_FRAMES; k++)
            push_timed(r, k, BLOCK_FRAMES + k);
        process(r, BLOCK_FRAMES);
        process(r, BLOCK_FRAMES);
        uint64_t n_blocks = r->engine.n_blocks;
        cut[i] = process(r, BLOCK_FRAMES);
        if (r->engine.n_blocks - n_blocks < BLOCK_FRAMES / 2) die("the commands did not cut the block");
        while (r->engine.schedule.n_used > 0)
            process(r, BLOCK_FRAMES);
        drain(r);
    }
    print_quantiles("schedule", in, N_RUNS);
    print_quantiles("carry-out", out, N_RUNS);
    print_quantiles("block-cut", cut, N_RUNS);
    rig_fini(r);
}

/// The same random work several times over. `all`: every block of the first time. `least`: of each block the
/// fastest time, which leaves out what the machine did meanwhile, but nothing that the engine does again.
static void run_worst(struct rig *r, size_t n_blocks, int n_repeats)
{
    float *all = calloc(n_blocks, sizeof *all), *least = calloc(n_blocks, sizeof *least);
    if (!all || !least) die("no memory");
    for (int repeat = 0; repeat < n_repeats; repeat++) {
        rig_init(r);
        while (r->n_playing < N_PLAYING)
            start(r, false);
        for (int i = 0; i < 1000; i++) { // until the first of them have ended, and all pages were touched
            process(r, BLOCK_FRAMES);
            drain(r);
            disturb(r);
        }
        for (size_t i = 0; i < n_blocks; i++) {
            float ns = process(r, BLOCK_FRAMES);
            if (repeat == 0) all[i] = least[i] = ns;
            if (ns < least[i]) least[i] = ns;
            drain(r);
            disturb(r);
        }
        rig_fini(r);
    }
    print_quantiles("all", all, n_blocks);
    print_quantiles("least", least, n_blocks);
    free(all);
    free(least);
}

int main(int argc, char **argv)
{
    static struct rig r;
    if (argc == 2 && strcmp(argv[1], "idle") == 0) {
        run_idle(&r);
    } else if (argc == 2 && strcmp(argv[1], "starts") == 0) {
        make_sounds();
        run_starts(&r);
    } else if (argc == 2 && strcmp(argv[1], "timed") == 0) {
        make_sounds();
        run_timed(&r);
    } else if (argc == 4 && strcmp(argv[1], "worst") == 0 && atol(argv[2]) > 0 && atoi(argv[3]) > 0) {
        make_sounds();
        run_worst(&r, (size_t)atol(argv[2]), atoi(argv[3]));
    } else {
        fputs("usage: bench_blocks idle | starts | timed | worst BLOCKS REPEATS\n", stderr);
        return 2;
    }
    return 0;
}
