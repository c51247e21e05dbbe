// SPDX-License-Identifier: MIT
// roof.c - times bare mixing loops and the mixer's own kernels on the same data: bench_roof VOICES FRAMES
// ROUNDS
#include "bench/roof.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "alloc/arena.h"
#include "alloc/attr.h"
#include "mixer/kernel.h"
#include "mixer/sinc.h"

#define PITCH        1.1
#define FRAME        (INT64_C(1) << 32)
#define MIN_SECONDS  0.15 // of CPU time, for each figure
#define ARENA_BYTES  (16u << 20)
#define CHECK_VOICES 3u
#define SPARE_VOICES 64 // behind the last one: kernels fetch ahead

float sinc_rows[257][ROOF_TAPS];
float sinc_farrow[ROOF_POWERS][ROOF_TAPS / 2];

/// The sounds of all voices, in both formats, and what the mixer's kernels want to know of a voice.
struct data {
    uint32_t n_voices, n_frames;
    char *memory[2]; // by enum sample_format
    size_t stride[2];
    struct roof_voice *roof;
    struct kernel_voice *mixer, **mixer_list;
    struct sinc sinc;
};

struct job {
    const char *name;
    enum sample_format format;
    enum interpolation interpolation;
    roof_mix *roof;              // or:
    const struct kernels *mixer; // the project's own
};

static void *reserve(size_t n_bytes)
{
    void *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        perror("bench_roof: no memory");
        exit(1);
    }
    // A thousand voices touch more small pages in every block than the processor has entries for.
    madvise(p, n_bytes, MADV_HUGEPAGE);
    return p;
}

// ---- coefficients of the bare sinc: Blackman window ----

static double prototype(double t)
{
    double half = ROOF_TAPS / 2.0, edge = t / half;
    if (fabs(edge) >= 1) return 0;
    double window = 0.42 + 0.5 * cos(M_PI * edge) + 0.08 * cos(2 * M_PI * edge);
    return fabs(t) < 1e-9 ? 1 : sin(M_PI * t) / (M_PI * t) * window;
}

/// Tap k for a position `t` behind a frame.
static double tap(uint32_t k, double t)
{
    return prototype((double)k + 1 - ROOF_TAPS * 0.5 - t);
}

/// Solves the polynomial through ROOF_POWERS points, by elimination; the powers of x[i] are all different.
static void solve(const double *x, double *y)
{
    enum { N = ROOF_POWERS };
    double a[N][N + 1];
    for (int i = 0; i < N; i++) {
        for (int m = 0; m < N; m++)
            a[i][m] = pow(x[i], m);
        a[i][N] = y[i];
    }
    for (int p = 0; p < N; p++) {
        int best = p;
        for (int i = p; i < N; i++)
            if (fabs(a[i][p]) > fabs(a[best][p])) best = i;
        for (int m = 0; m <= N; m++) {
            double other = a[best][m];
            a[best][m] = a[p][m];
            a[p][m] = other;
        }
        for (int i = 0; i < N; i++) {
            double factor = i == p ? 0 : a[i][p] / a[p][p];
            for (int m = p; m <= N; m++)
                a[i][m] -= factor * a[p][m];
        }
    }
    for (int m = 0; m < N; m++)
        y[m] = a[m][N] / a[m][m];
}

static void make_coefficients(void)
{
    for (uint32_t phase = 0; phase <= 256; phase++)
        for (uint32_t k = 0; k < ROOF_TAPS; k++)
            sinc_rows[phase][k] = (float)tap(k, phase / 256.0);
    for (uint32_t k = 0; k < ROOF_TAPS / 2; k++) {
        double x[ROOF_POWERS], y[ROOF_POWERS]; // at Chebyshev's points of -1/2 to 1/2
        for (int i = 0; i < ROOF_POWERS; i++) {
            x[i] = 0.5 * cos(M_PI * (i + 0.5) / ROOF_POWERS);
            y[i] = tap(k, x[i] + 0.5);
        }
        solve(x, y);
        for (int m = 0; m < ROOF_POWERS; m++)
            sinc_farrow[m][k] = (float)y[m];
    }
}

// ---- data ----

static void make_data(struct data *d)
{
    // Whole cache lines, an odd number of them: else all voices would meet in the same sets of the cache.
    uint32_t padded = ((d->n_frames + 2 * ROOF_PAD + 31) / 32 | 1) * 32;
    uint32_t x = 1;
    for (int f = 0; f < 2; f++) {
        d->stride[f] = (size_t)padded * sample_bytes((enum sample_format)f);
        d->memory[f] = reserve(d->stride[f] * d->n_voices);
    }
    for (size_t i = 0; i < (size_t)padded * d->n_voices; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        int16_t s = (int16_t)((int16_t)(x >> 16) / 32);
        ((int16_t *)(void *)d->memory[SAMPLE_S16])[i] = s;
        ((float *)(void *)d->memory[SAMPLE_F32])[i] = (float)s / 32768.0f;
    }
    d->roof = calloc(d->n_voices + SPARE_VOICES, sizeof *d->roof);
    d->mixer = calloc(d->n_voices, sizeof *d->mixer);
    d->mixer_list = reserve(d->n_voices * sizeof(void *));
    struct arena a;
    if (!d->roof || !d->mixer || arena_init(&a, ARENA_BYTES) || sinc_init(&d->sinc, arena_allocator(&a))) {
        fputs("bench_roof: no memory\n", stderr);
        exit(1);
    }
}

static size_t bytes_before(const struct job *job)
{
    // The bare kernels' first tap is the sample that they are given.
    switch (job->interpolation) {
    case INTERPOLATION_CUBIC: return sample_bytes(job->format);
    case INTERPOLATION_SINC: return (ROOF_TAPS / 2 - 1) * sample_bytes(job->format);
    default: return 0;
    }
}

/// All voices at `position` (32.32) of their sounds; those of the bare kernels at their first frame.
static void place_voices(struct data *d, const struct job *job, int64_t position, int64_t increment)
{
    for (uint32_t i = 0; i < d->n_voices + SPARE_VOICES; i++) {
        uint32_t v = i % d->n_voices;
        const char *sound = d->memory[job->format] + v * d->stride[job->format];
        sound += ROOF_PAD * sample_bytes(job->format);
        float right = (float)v / (float)d->n_voices, left = 1.0f - right;
        d->roof[i] = (struct roof_voice){sound - bytes_before(job), left, right};
        if (i != v) continue;
        d->mixer_list[i] = &d->mixer[i];
        d->mixer[i] = (struct kernel_voice){.samples = {sound, sound},
                                            .position = position,
                                            .increment = increment,
                                            .left = left,
                                            .right = right,
                                            .bank = sinc_bank_for(&d->sinc, increment)};
    }
}

// ---- measuring ----

static double cpu_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int64_t increment_of(const struct job *job)
{
    return job->interpolation == INTERPOLATION_UNITY ? FRAME : (int64_t)(PITCH * (double)FRAME);
}

static void run_block(struct data *d, const struct job *job, float *bus, int64_t position)
{
    if (job->roof)
        job->roof(bus, d->roof, d->n_voices, (uint32_t)(position >> 32), (uint32_t)position >> 8,
                  (uint32_t)(increment_of(job) >> 8));
    else if (job->mixer)
        job->mixer->mix[kernel_index(job->format, 1, job->interpolation)](
            bus, bus + ROOF_FRAMES, d->mixer_list, d->n_voices, ROOF_FRAMES);
}

/// ns for each voice and frame.
static double measure(struct data *d, const struct job *job)
{
    int64_t step = increment_of(job) * ROOF_FRAMES;
    int64_t n_blocks_a_pass = (d->n_frames * FRAME) / step;
    static _Alignas(64) float bus[2 * ROOF_FRAMES];
    double start = cpu_seconds(), seconds;
    int64_t n_blocks = 0;
    do {
        place_voices(d, job, 0, increment_of(job));
        for (int64_t i = 0; i < n_blocks_a_pass; i++) {
            memset(bus, 0, sizeof bus);
            run_block(d, job, bus, i * step);
        }
        n_blocks += n_blocks_a_pass;
        seconds = cpu_seconds() - start;
    } while (seconds < MIN_SECONDS);
    return seconds * 1e9 / ((double)n_blocks * ROOF_FRAMES * d->n_voices);
}

// ---- a bench of something that mixes wrongly says nothing ----

static double sample_of(const struct data *d, const struct job *job, uint32_t voice, int64_t frame)
{
    const char *sound = d->memory[job->format] + voice * d->stride[job->format];
    frame += ROOF_PAD;
    if (job->format == SAMPLE_S16) return ((const int16_t *)(const void *)sound)[frame] / 32768.0;
    return (double)((const float *)(const void *)sound)[frame];
}

static double expected(const struct data *d, const struct job *job, uint32_t voice, double position)
{
    int64_t frame = (int64_t)floor(position);
    double t = position - (double)frame, sum = 0;
    if (job->interpolation == INTERPOLATION_UNITY) return sample_of(d, job, voice, frame);
    if (job->interpolation == INTERPOLATION_SINC) {
        for (uint32_t k = 0; k < ROOF_TAPS; k++)
            sum += tap(k, t) * sample_of(d, job, voice, frame + k - (ROOF_TAPS / 2 - 1));
        return sum;
    }
    double y[4];
    for (int k = 0; k < 4; k++)
        y[k] = sample_of(d, job, voice, frame + k - 1);
    double c1 = 0.5 * (y[2] - y[0]), c2 = y[0] - 2.5 * y[1] + 2 * y[2] - 0.5 * y[3];
    double c3 = 0.5 * (y[3] - y[0]) + 1.5 * (y[1] - y[2]);
    return ((c3 * t + c2) * t + c1) * t + y[1];
}

/// Ends the program when a bare kernel is not what it says.
static void check(struct data *d, const struct job *job)
{
    double rate = (double)increment_of(job) / (double)FRAME, worst = 0;
    int64_t start = 10 * FRAME + (job->interpolation == INTERPOLATION_UNITY ? 0 : 12345678);
    float bus[2 * ROOF_FRAMES] = {0};
    struct data few = *d;
    few.n_voices = CHECK_VOICES;
    place_voices(&few, job, start, increment_of(job));
    run_block(&few, job, bus, start);
    for (int i = 0; i < ROOF_FRAMES; i++) {
        double left = 0, position = (double)start / (double)FRAME + i * rate;
        for (uint32_t v = 0; v < CHECK_VOICES; v++)
            left += expected(d, job, v, position) * (1 - (double)v / CHECK_VOICES);
        worst = fmax(worst, fabs(left - (double)bus[i]));
    }
    if (worst < 1e-5) return;
    fprintf(stderr, "bench_roof: %s is wrong by %g\n", job->name, worst);
    exit(1);
}

// ---- all of it ----

static void run(struct data *d, const struct job *job, const char *kind, const char *isa, int n_rounds)
{
    if (job->roof) check(d, job);
    for (int i = 0; i < n_rounds; i++)
        printf("%s %s %s %.5f\n", kind, isa, job->name, measure(d, job));
}

static void run_isa(struct data *d, const struct roof_kernels *r, const struct kernels *mixer, int n_rounds)
{
    const struct job jobs[] = {
        {"unity-s16", SAMPLE_S16, INTERPOLATION_UNITY, r->unity_s16, NULL},
        {"unity-f32", SAMPLE_F32, INTERPOLATION_UNITY, r->unity_f32, NULL},
        {"cubic-s16", SAMPLE_S16, INTERPOLATION_CUBIC, r->cubic_s16, NULL},
        {"cubic-f32", SAMPLE_F32, INTERPOLATION_CUBIC, r->cubic_f32, NULL},
        {"sinc-s16", SAMPLE_S16, INTERPOLATION_SINC, r->sinc_s16, NULL},
        {"sinc-f32", SAMPLE_F32, INTERPOLATION_SINC, r->sinc_f32, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        struct job own = jobs[i];
        own.roof = NULL;
        own.mixer = mixer;
        run(d, &jobs[i], "bare", r->isa, n_rounds);
        run(d, &own, "mixer", r->isa, n_rounds);
    }
}

int main(int argc, char **argv)
{
    struct data d = {.n_voices = argc == 4 ? (uint32_t)atoi(argv[1]) : 0,
                     .n_frames = argc == 4 ? (uint32_t)atoi(argv[2]) : 0};
    if (d.n_voices < CHECK_VOICES || d.n_frames < 256) {
        fputs("usage: bench_roof VOICES FRAMES ROUNDS\n", stderr);
        return 2;
    }
    int n_rounds = atoi(argv[3]);
    make_coefficients();
    make_data(&d);
    run_isa(&d, &roof_baseline, &kernels_baseline, n_rounds);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        run_isa(&d, &roof_avx2, &kernels_avx2, n_rounds);
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        run_isa(&d, &roof_avx512, &kernels_avx512, n_rounds);
#endif
    return 0;
}
