// SPDX-License-Identifier: MIT
// alloc.c - times what memory costs: bench/alloc runs it, also with other malloc()s, and makes the table.
//
// Each line that it prints is one figure: name, unit and the samples, separated by tabs. A sample is the mean
// of a few thousand operations, so that the clock's own cost vanishes.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "alloc/arena.h"
#include "alloc/pages.h"
#include "alloc/pool.h"
#include "alloc/ring.h"
#include "alloc/scratch.h"
#include "alloc/shared_pool.h"
#include "alloc/stack.h"
#include "alloc/vm.h"
#include "tests/random.h"

#define N_SAMPLES 300
#define N_OPS     4096

static double samples[N_SAMPLES];

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/// The compiler must take it that `p` is used here.
static inline void use(const void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

static void print(const char *name, const char *unit)
{
    printf("%s\t%s", name, unit);
    for (int i = 0; i < N_SAMPLES; i++)
        printf("\t%.4g", samples[i]);
    putchar('\n');
}

/// Times `body`, which stands for N operations, N_SAMPLES times; `before` is not counted. The first round
/// warms up.
#define MEASURE(name, n, before, body)                                                                       \
    do {                                                                                                     \
        for (int sample_ = -1; sample_ < N_SAMPLES; sample_++) {                                             \
            before;                                                                                          \
            double start_ = now_ns();                                                                        \
            body;                                                                                            \
            double end_ = now_ns();                                                                          \
            if (sample_ >= 0) samples[sample_] = (end_ - start_) / (n);                                      \
        }                                                                                                    \
        print(name, "ns");                                                                                   \
    } while (0)

#define REPEAT(n) for (uint32_t i = 0; i < (n); i++)

static void check(enum status status)
{
    if (!status) return;
    fprintf(stderr, "bench_alloc: %s\n", status_text(status));
    exit(1);
}

// ---- linear memory ----

#define ARENA_BYTES ((size_t)128 << 20)

static void bench_arena(void)
{
    struct arena a;
    check(arena_init(&a, ARENA_BYTES));
    use(arena_push(&a, ARENA_BYTES, 1, 1));
    vm_prefault(a.base, ARENA_BYTES);
    a.used_bytes = 0; // committed and resident, and as zero as it was
    arena_tag(&a, "bench");
    MEASURE("arena push, 64 B", N_OPS, , REPEAT(N_OPS) use(arena_push(&a, 1, 64, 64)));
    arena_reset(&a);
    MEASURE("arena push, 64 B, cleared for the second time", N_OPS, arena_reset(&a),
            REPEAT(N_OPS) use(arena_push(&a, 1, 64, 64)));
    MEASURE(
        "arena begin + push + end", N_OPS, arena_reset(&a), REPEAT(N_OPS) {
            struct arena_mark mark = arena_begin(&a);
            use(arena_push(&a, 1, 64, 64));
            arena_end(&a, mark);
        });
    MEASURE(
        "arena reset, 64 B in use", N_OPS, , REPEAT(N_OPS) {
            a.used_bytes = 64;
            arena_reset(&a);
        });
    MEASURE(
        "arena reset, 128 MiB in use", N_OPS, , REPEAT(N_OPS) {
            a.used_bytes = ARENA_BYTES;
            arena_reset(&a);
        });
    arena_fini(&a);
}

static void bench_scratch(struct allocator *memory)
{
    struct scratch s;
    check(scratch_init(&s, memory, (size_t)1 << 20));
    MEASURE(
        "scratch reset, 64 B in use", N_OPS, , REPEAT(N_OPS) {
            s.used_bytes = 64;
            scratch_reset(&s);
        });
    MEASURE(
        "scratch reset, 1 MiB in use", N_OPS, , REPEAT(N_OPS) {
            s.used_bytes = (size_t)1 << 20;
            scratch_reset(&s);
        });
    // Planes of 16 buses, and a gain curve of 64 frames for each of 1024 voices.
    MEASURE(
        "scratch, all of a block with 1024 voices", 8, , for (int block = 0; block < 8; block++) {
            REPEAT(32) use(SCRATCH_PUSH(&s, float, 64));
            REPEAT(1024) use(SCRATCH_PUSH(&s, float, 64));
            scratch_reset(&s);
        });
    scratch_fini(&s, memory);
}

static void bench_stack_and_ring(struct allocator *memory)
{
    struct stack s;
    struct ring r;
    check(stack_init(&s, memory, 1 << 16));
    MEASURE(
        "stack push + pop, 64 B", N_OPS, , REPEAT(N_OPS) {
            void *p = stack_push(&s, 1, 64, 8);
            use(p);
            stack_pop(&s, p);
        });
    stack_fini(&s, memory);

    check(ring_init(&r, memory, 1 << 20, 2));
    MEASURE("ring push, 64 B", N_OPS, (ring_advance(&r), ring_advance(&r)),
            REPEAT(N_OPS) use(ring_push(&r, 1, 64, 8)));
    uint64_t record[8] = {0};
    MEASURE(
        "ring put, a record of 64 B", N_OPS, (ring_advance(&r), ring_advance(&r)), REPEAT(N_OPS) {
            struct ring_ref ref = ring_put(&r, record, sizeof record);
            use(&ref);
        });
    ring_fini(&r, memory);
}

// ---- blocks ----

static void bench_pool(struct allocator *memory)
{
    struct pool p;
    check(pool_init(&p, memory, 1024, 64));
    MEASURE(
        "pool alloc + free, 64 B, with handle", N_OPS, , REPEAT(N_OPS) {
            pool_handle h;
            use(pool_alloc(&p, &h));
            use((void *)(uintptr_t)pool_free(&p, h));
        });
    static pool_handle handles[1024];
    MEASURE("pool alloc + free, 1024 in a row", 1024, , {
        REPEAT(1024) use(pool_alloc(&p, &handles[i]));
        REPEAT(1024) use((void *)(uintptr_t)pool_free(&p, handles[i]));
    });
    pool_fini(&p, memory);
}

struct contender {
    struct shared_pool *pool;
    _Atomic int *n_running;
    size_t cpu;
    double ns;
};

static void take_and_give(struct shared_pool *p, uint32_t n)
{
    REPEAT(n)
    {
        uint64_t h;
        use(shared_pool_alloc(p, &h));
        use((void *)(uintptr_t)shared_pool_free(p, h));
    }
}

#define N_CONTENDED 50000

static void *contend(void *ctx)
{
    struct contender *c = ctx;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(c->cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set); // on a machine with one CPU they take turns
    atomic_fetch_add(c->n_running, 1);
    while (atomic_load(c->n_running) < 2) {
    }
    double start = now_ns();
    take_and_give(c->pool, N_CONTENDED);
    c->ns = (now_ns() - start) / N_CONTENDED;
    return NULL;
}

static void bench_shared_pool(struct allocator *memory)
{
    struct shared_pool p;
    check(shared_pool_init(&p, memory, 1024, 64));
    MEASURE("shared pool alloc + free, alone", N_OPS, , take_and_give(&p, N_OPS));
    for (int k = 0; k < N_SAMPLES; k++) {
        pthread_t threads[2];
        _Atomic int n_running = 0;
        struct contender c[2] = {{&p, &n_running, 0, 0}, {&p, &n_running, 1, 0}};
        for (int i = 0; i < 2; i++)
            if (pthread_create(&threads[i], NULL, contend, &c[i])) exit(1);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        samples[k] = (c[0].ns + c[1].ns) / 2;
    }
    print("shared pool alloc + free, each of two threads", "ns");
    shared_pool_fini(&p, memory);
}

// ---- page runs ----

#define LIVE_RUNS 1000

/// Sounds of 0.1 to 10 s.
static size_t sound_bytes(uint64_t *seed)
{
    return (size_t)random_between(seed, 0.1 * 48000 * 2, 10 * 48000 * 2);
}

static void bench_pages(struct allocator *memory)
{
    struct pages p;
    static struct {
        uint32_t start, length;
    } runs[LIVE_RUNS];
    static uint32_t picks[N_OPS], lengths[N_OPS];
    uint64_t seed = 1;
    check(pages_init(&p, memory, (size_t)2 << 30, LIVE_RUNS + 1, false));
    for (int i = 0; i < LIVE_RUNS * 20; i++) { // until the gaps lie as they do after a long time
        uint32_t k = (uint32_t)i % LIVE_RUNS;
        if (i >= LIVE_RUNS) {
            k = random_below(&seed, LIVE_RUNS);
            use((void *)(uintptr_t)pages_unplace(&p, runs[k].start, runs[k].length));
        }
        runs[k].length = (uint32_t)(vm_round_to_pages(sound_bytes(&seed)) / p.page_bytes);
        if (!pages_place(&p, runs[k].length, &runs[k].start)) exit(1);
    }
    REPEAT(N_OPS)
    {
        picks[i] = random_below(&seed, LIVE_RUNS);
        lengths[i] = (uint32_t)(vm_round_to_pages(sound_bytes(&seed)) / p.page_bytes);
    }
    MEASURE(
        "page run alloc + free, 1000 live, the books", N_OPS, , REPEAT(N_OPS) {
            uint32_t k = picks[i];
            if (!pages_unplace(&p, runs[k].start, runs[k].length)) exit(1);
            runs[k].length = lengths[i];
            if (!pages_place(&p, runs[k].length, &runs[k].start)) exit(1);
        });
    struct pages_gaps gaps = pages_gaps(&p);
    fprintf(stderr, "bench_alloc: %u gaps between 1000 runs, fragmentation %.2f\n", gaps.n_runs,
            (double)gaps.fragmentation);
    MEASURE(
        "page run alloc + free, 256 KiB, with the system's part", 64, , REPEAT(64) {
            void *run;
            check(pages_alloc(&p, 256 << 10, &run));
            pages_free(&p, run, 256 << 10);
        });
    pages_fini(&p);
}

// ---- the ladder ----

__attribute__((noinline)) static void on_the_stack(void)
{
    char block[64];
    use(block);
}

static void bench_ladder_ends(void)
{
    MEASURE("stack variable, 64 B, with the call", N_OPS, , REPEAT(N_OPS) on_the_stack());
    MEASURE(
        "mmap + munmap, one page", 256, , REPEAT(256) {
            void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            use(p);
            munmap(p, 4096);
        });
    MEASURE(
        "mmap + first touch + munmap, one page", 256, , REPEAT(256) {
            char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            *(volatile char *)p = 1;
            munmap(p, 4096);
        });
}

/// `whose`: the name of the malloc() that was loaded.
static void bench_malloc(const char *whose)
{
    char name[128];
    static void *blocks[1024];
    static uint32_t sizes[1024];
    uint64_t seed = 3;
    snprintf(name, sizeof name, "malloc + free, 64 B, %s", whose);
    MEASURE(
        name, N_OPS, , REPEAT(N_OPS) {
            void *p = malloc(64);
            use(p);
            free(p);
        });
    REPEAT(1024) sizes[i] = 16 + random_below(&seed, 1024);
    snprintf(name, sizeof name, "malloc + free, 16 to 1039 B, 1024 in a row, %s", whose);
    MEASURE(name, 1024, , {
        REPEAT(1024) use(blocks[i] = malloc(sizes[i]));
        REPEAT(1024) free(blocks[i]);
    });
}

// ---- columns against rows ----

/// What a voice is, as a row; as columns these are arrays of their own.
struct voice_row {
    int64_t position, increment, seek;
    const void *sound;
    float gain, step;
    float left[4], right[4], envelope[4];
    uint32_t start, end, loop_start, loop_end, passes, fade_out, index;
    uint16_t bus;
    uint8_t state, looping, wrapped, why;
};

__attribute__((noinline)) static void pass_columns(float *restrict gain, const float *restrict step,
                                                   uint32_t n)
{
    REPEAT(n) gain[i] += step[i];
}

__attribute__((noinline)) static void pass_rows(struct voice_row *rows, uint32_t n)
{
    REPEAT(n) rows[i].gain += rows[i].step;
}

static void bench_columns(struct allocator *memory, uint32_t n)
{
    char name[64];
    float *gain = make(float, n, memory), *step = make(float, n, memory);
    struct voice_row *rows = make(struct voice_row, n, memory);
    if (!gain || !step || !rows) exit(1);
    snprintf(name, sizeof name, "gains of %u voices, columns", n);
    MEASURE(
        name, 16.0 * n, , REPEAT(16) {
            pass_columns(gain, step, n);
            use(gain);
        });
    snprintf(name, sizeof name, "gains of %u voices, rows of %zu B", n, sizeof *rows);
    MEASURE(
        name, 16.0 * n, , REPEAT(16) {
            pass_rows(rows, n);
            use(rows);
        });
    unmake(rows, n, memory);
    unmake(step, n, memory);
    unmake(gain, n, memory);
}

/// For a tool that counts: one arrangement alone, 100 passes.
static void count_columns(struct allocator *memory, const char *which, uint32_t n)
{
    float *gain = make(float, n, memory), *step = make(float, n, memory);
    struct voice_row *rows = make(struct voice_row, n, memory);
    if (!gain || !step || !rows) exit(1);
    REPEAT(100)
    {
        if (strcmp(which, "columns") == 0) pass_columns(gain, step, n);
        if (strcmp(which, "rows") == 0) pass_rows(rows, n);
    }
    use(gain);
    use(rows);
}

int main(int argc, char **argv)
{
    struct allocator memory = libc_allocator();
    if (argc == 3 && strcmp(argv[1], "malloc") == 0) {
        bench_malloc(argv[2]);
    } else if (argc == 4 && strcmp(argv[1], "count") == 0) {
        count_columns(&memory, argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    } else if (argc == 1) {
        bench_arena();
        bench_scratch(&memory);
        bench_stack_and_ring(&memory);
        bench_pool(&memory);
        bench_shared_pool(&memory);
        bench_pages(&memory);
        bench_ladder_ends();
        bench_columns(&memory, 1000);
        bench_columns(&memory, 16384);
    } else {
        fprintf(stderr, "usage: bench_alloc [malloc NAME | count columns|rows|none N]\n");
        return 2;
    }
    return 0;
}
