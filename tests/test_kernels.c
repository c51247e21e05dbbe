// SPDX-License-Identifier: MIT
// test_kernels.c - the kernels of every instruction set that runs here against plain C, to the bit. A program
// of its own, without libraries, so that it can be built for another processor and run in an emulator.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/arena.h"
#include "engine/rt/float_mode.h"
#include "mixer/kernel.h"
#include "mixer/sinc.h"
#include "tests/random.h"

#define MAX_FRAMES   67
#define ROOM         16
#define MAX_VOICES   9
#define GUARD        7.5f
#define SOUND_FRAMES 3600
#define MIDDLE       1800

static const char *const interpolation_names[] = {"cubic", "linear", "sinc", "unity"};
static int16_t s16[2][SOUND_FRAMES];
static float f32[2][SOUND_FRAMES];
static struct sinc sinc;
static unsigned long n_checks;

/// What is being checked, for the message.
static struct {
    const char *isa;
    enum sample_format format;
    uint32_t n_channels, n_frames, n_voices;
    enum interpolation interpolation;
    double rate;
    bool ramped;
} now;

static void fail(uint32_t frame, float got, float wanted)
{
    printf("%s, %s, %u channels, %s, rate %g, %u frames, %u voices%s: frame %u is %a, not %a\n", now.isa,
           now.format == SAMPLE_S16 ? "16 bit" : "float", now.n_channels,
           interpolation_names[now.interpolation], now.rate, now.n_frames, now.n_voices,
           now.ramped ? ", ramped" : "", frame, (double)got, (double)wanted);
    exit(1);
}

static void check_float(uint32_t frame, float got, float wanted)
{
    n_checks++;
    if (memcmp(&got, &wanted, sizeof got) != 0 && !(isnan(got) && isnan(wanted))) fail(frame, got, wanted);
}

// ---- the meaning ----

static float sample(const struct kernel_voice *v, uint32_t channel, int64_t frame)
{
    if (now.format == SAMPLE_S16) return (float)((const int16_t *)v->samples[channel])[frame];
    return ((const float *)v->samples[channel])[frame];
}

/// 16 sums, of the taps that are equal modulo 16; then their sum in halves.
static float reference_sinc(const struct kernel_voice *v, uint32_t channel, int64_t position)
{
    uint32_t part = (uint32_t)position, bits = v->bank->phase_bits, n_taps = v->bank->n_taps;
    const float *row = v->bank->rows + (size_t)(part >> (32 - bits)) * n_taps, *next = row + n_taps;
    float t = (float)((part << bits) >> 8) / 16777216.0f, sums[SINC_TAP_STEP] = {0};
    for (uint32_t k = 0; k < n_taps; k++) {
        float c = row[k] + (next[k] - row[k]) * t;
        float product = c * sample(v, channel, (position >> 32) + k - n_taps / 2 + 1);
        sums[k % SINC_TAP_STEP] = k < SINC_TAP_STEP ? product : sums[k % SINC_TAP_STEP] + product;
    }
    for (int half = 8; half >= 4; half /= 2)
        for (int i = 0; i < half; i++)
            sums[i] += sums[i + half];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static float reference_frame(const struct kernel_voice *v, uint32_t channel, int64_t position)
{
    int64_t frame = position >> 32;
    float t = (float)((uint32_t)position >> 8) / 16777216.0f;
    if (now.interpolation == INTERPOLATION_UNITY) return sample(v, channel, frame);
    if (now.interpolation == INTERPOLATION_SINC) return reference_sinc(v, channel, position);
    float y0 = sample(v, channel, frame - 1), y1 = sample(v, channel, frame);
    float y2 = sample(v, channel, frame + 1), y3 = sample(v, channel, frame + 2);
    if (now.interpolation == INTERPOLATION_LINEAR) return y1 + (y2 - y1) * t;
    float c1 = 0.5f * (y2 - y0);
    float c2 = y0 - 2.5f * y1 + 2.0f * y2 - 0.5f * y3;
    float c3 = 0.5f * (y3 - y0) + 1.5f * (y1 - y2);
    return ((c3 * t + c2) * t + c1) * t + y1;
}

/// `r` NULL: the voice's own gains, else those of its ramps, which move on.
static void reference_mix(float *left, float *right, struct kernel_voice *v, struct kernel_ramps *r)
{
    float scale = now.format == SAMPLE_S16 ? 1.0f / 32768.0f : 1.0f;
    for (uint32_t i = 0; i < now.n_frames; i++, v->position += v->increment) {
        float gain_left = v->left * scale, gain_right = v->right * scale;
        if (r) {
            float both = ramp_value(&r->envelope) * ramp_value(&r->tail) * scale;
            gain_left = both * ramp_value(&r->left);
            gain_right = both * ramp_value(&r->right);
            ramp_advance(&r->left, 1);
            ramp_advance(&r->right, 1);
            ramp_advance(&r->envelope, 1);
            ramp_advance(&r->tail, 1);
        }
        left[i] += reference_frame(v, 0, v->position) * gain_left;
        right[i] += reference_frame(v, 1, v->position) * gain_right;
    }
}

// ---- voices ----

static uint64_t seed = 1;

static struct kernel_voice make_voice(void)
{
    struct kernel_voice v = {.left = (float)random_between(&seed, -2, 2),
                             .right = (float)random_between(&seed, -2, 2)};
    for (uint32_t c = 0; c < 2; c++) {
        uint32_t from = c < now.n_channels ? c : 0;
        v.samples[c] = now.format == SAMPLE_S16 ? (const void *)(s16[from] + MIDDLE) : f32[from] + MIDDLE;
    }
    v.increment = (int64_t)(now.rate * 4294967296.0);
    v.position = (int64_t)(random_between(&seed, 0, 16) * 4294967296.0); // every alignment
    if (now.interpolation == INTERPOLATION_UNITY || random_below(&seed, 4) == 0)
        v.position &= ~INT64_C(0xffffffff); // whole frames
    if (now.rate < -5) v.position += INT64_C(200) << 32;
    v.bank = sinc_bank_for(&sinc, v.increment);
    return v;
}

static void fill_planes(float planes[2][MAX_FRAMES + ROOM])
{
    for (uint32_t i = 0; i < MAX_FRAMES + ROOM; i++) {
        planes[0][i] = i < now.n_frames ? (float)random_between(&seed, -1, 1) : GUARD;
        planes[1][i] = i < now.n_frames ? (float)random_between(&seed, -1, 1) : GUARD;
    }
}

static void compare(float got[2][MAX_FRAMES + ROOM], float wanted[2][MAX_FRAMES + ROOM])
{
    for (uint32_t i = 0; i < MAX_FRAMES + ROOM; i++) {
        check_float(i, got[0][i], wanted[0][i]);
        check_float(i, got[1][i], wanted[1][i]);
    }
}

/// Steady, or moving for as many frames as are mixed at least; some are far on their way.
static struct ramp random_ramp(bool moves)
{
    struct ramp r = {.to = (float)random_between(&seed, -1, 1)};
    if (!moves) return r;
    static const uint32_t before[] = {0, 1, 33, 16777215, 500000000};
    uint32_t done = before[random_below(&seed, 5)];
    ramp_set(&r, (float)random_between(&seed, -1, 1), done + now.n_frames + random_below(&seed, 3));
    ramp_advance(&r, done);
    return r;
}

/// Any of the four may move, in any voice; most of the time gain and pan do.
static struct kernel_ramps random_ramps(void)
{
    uint32_t which = random_below(&seed, 2) ? 3 : random_below(&seed, 16);
    return (struct kernel_ramps){random_ramp(which & 1), random_ramp(which & 2), random_ramp(which & 4),
                                 random_ramp(which & 8)};
}

static void check_ramp(uint32_t voice, const struct ramp *got, const struct ramp *wanted)
{
    if (memcmp(got, wanted, sizeof *got) != 0) fail(voice, (float)got->done, (float)wanted->done);
}

/// What a kernel is called with, and the same for the reference.
struct work {
    struct kernel_voice voices[MAX_VOICES], *list[MAX_VOICES];
    struct kernel_ramps ramps[MAX_VOICES], *ramps_list[MAX_VOICES];
};

static void make_work(struct work *w)
{
    for (uint32_t i = 0; i < now.n_voices; i++) {
        w->voices[i] = make_voice();
        w->ramps[i] = random_ramps();
        w->list[i] = &w->voices[i];
        w->ramps_list[i] = &w->ramps[i];
    }
}

static void check_kernel(const struct kernels *k)
{
    float planes[2][MAX_FRAMES + ROOM], got[2][MAX_FRAMES + ROOM], wanted[2][MAX_FRAMES + ROOM];
    uint32_t kernel = kernel_index(now.format, now.n_channels, now.interpolation);
    uint32_t shift = random_below(&seed, 4); // planes may begin anywhere
    struct work w = {0};
    make_work(&w);
    struct work copy = w;
    fill_planes(wanted);
    memset(planes, 0, sizeof planes);
    for (int side = 0; side < 2; side++)
        memcpy(planes[side] + shift, wanted[side], sizeof wanted[side] - shift * sizeof(float));
    if (now.ramped)
        k->mix_ramped[kernel](planes[0] + shift, planes[1] + shift, w.list, w.ramps_list, now.n_voices,
                              now.n_frames);
    else
        k->mix[kernel](planes[0] + shift, planes[1] + shift, w.list, now.n_voices, now.n_frames);
    memcpy(got, wanted, sizeof got);
    for (int side = 0; side < 2; side++)
        memcpy(got[side], planes[side] + shift, sizeof got[side] - shift * sizeof(float));
    for (uint32_t i = 0; i < now.n_voices; i++) {
        reference_mix(wanted[0], wanted[1], &copy.voices[i], now.ramped ? &copy.ramps[i] : NULL);
        if (w.voices[i].position != copy.voices[i].position)
            fail(i, (float)w.voices[i].position, (float)copy.voices[i].position);
        check_ramp(i, &w.ramps[i].left, &copy.ramps[i].left);
        check_ramp(i, &w.ramps[i].right, &copy.ramps[i].right);
        check_ramp(i, &w.ramps[i].envelope, &copy.ramps[i].envelope);
        check_ramp(i, &w.ramps[i].tail, &copy.ramps[i].tail);
    }
    compare(got, wanted);
}

static const double rates[] = {1.1,       -1.1,   1,     -1,      0.06, -0.06, 0.5,
                               0.9999999, 1.5713, 1.572, -1.5715, 1.79, 1.8,   1.8001,
                               -1.8,      -1.801, 2,     -3,      7.77, 16,    -16};

static void check_mixing(const struct kernels *k)
{
    now.isa = k->isa;
    for (uint32_t kernel = 0; kernel < N_KERNELS; kernel++) {
        now.interpolation = (enum interpolation)(kernel % N_INTERPOLATIONS);
        now.n_channels = kernel / N_INTERPOLATIONS % SOUND_MAX_CHANNELS + 1;
        now.format = (enum sample_format)(kernel / N_INTERPOLATIONS / SOUND_MAX_CHANNELS);
        bool unity = now.interpolation == INTERPOLATION_UNITY;
        for (uint32_t i = 0; i < (unity ? 10 : COUNT_OF(rates)); i++) {
            now.rate = unity ? 1 : rates[i];
            for (now.n_frames = 0; now.n_frames <= MAX_FRAMES; now.n_frames++) {
                now.n_voices = i % (MAX_VOICES + 1);
                now.ramped = false;
                check_kernel(k);
                now.ramped = true;
                check_kernel(k);
            }
        }
    }
}

// ---- buses ----

/// `strange`: with numbers that are none, at random places.
static void check_send(const struct kernels *k, bool strange)
{
    static const float shares[] = {1.0f, 0.5f};
    float planes[2][MAX_FRAMES + ROOM], to[MAX_FRAMES + ROOM], before[MAX_FRAMES + ROOM];
    struct ramp gain = random_ramp(random_below(&seed, 2)), steps = gain;
    float share = shares[random_below(&seed, 2)];
    uint32_t n_strange = 0, shift = random_below(&seed, 4);
    struct kernel_meter meter = {.peak = 0.3f, .sum = 0.25f};
    double squares = 0.25;
    float highest = 0.3f;
    fill_planes(planes);
    memcpy(to, planes[1], sizeof to);
    for (uint32_t i = 0; strange && i < now.n_frames; i++)
        if (random_below(&seed, 3) == 0)
            planes[0][i] = (float[]){NAN, INFINITY, -INFINITY, -0.0f}[random_below(&seed, 4)];
    memcpy(before, planes[0], sizeof before);
    float moved[MAX_FRAMES + ROOM + 4];
    memcpy(moved + shift, planes[0], sizeof planes[0]);
    uint32_t n_found = k->send(moved + shift, &gain, &meter, to, share, now.n_frames);
    for (uint32_t i = 0; i < now.n_frames; i++) {
        float x = before[i] * ramp_value(&steps);
        ramp_advance(&steps, 1);
        n_strange += isfinite(x) ? 0 : 1;
        if (!isfinite(x)) x = 0.0f;
        highest = fabsf(x) > highest ? fabsf(x) : highest;
        squares += (double)x * (double)x;
        planes[1][i] += x * share;
    }
    for (uint32_t i = 0; i < MAX_FRAMES + ROOM; i++)
        check_float(i, to[i], planes[1][i]);
    check_float(0, meter.peak, highest);
    if (fabs((double)meter.sum - squares) > 1e-5 * squares) fail(0, meter.sum, (float)squares);
    if (n_found != n_strange) fail(0, (float)n_found, (float)n_strange);
    struct kernel_meter again = {.peak = 0.3f, .sum = 0.25f};
    n_found = k->send(before, &gain, &again, NULL, share, now.n_frames);
    if (n_found != n_strange || again.peak != meter.peak || again.sum != meter.sum)
        fail(1, again.sum, meter.sum);
}

static void check_clip(const struct kernels *k)
{
    static const float values[] = {1.0f,  -1.0f,     0.0f,       1.0000001f, -1.0000001f, -0.0f, 0.25f,
                                   3e38f, -INFINITY, 0.9999999f, INFINITY,   NAN,         -3.0f};
    float plane[MAX_FRAMES + ROOM], wanted[MAX_FRAMES + ROOM];
    uint32_t n_wanted = 0;
    for (uint32_t i = 0; i < MAX_FRAMES + ROOM; i++) {
        float x = plane[i] = wanted[i] = i < now.n_frames ? values[random_below(&seed, 13)] : GUARD;
        if (i >= now.n_frames) continue;
        n_wanted += x > 1.0f || x < -1.0f;
        wanted[i] = x > 1.0f ? 1.0f : x < -1.0f ? -1.0f : x;
    }
    uint32_t n = k->clip(plane, now.n_frames);
    if (n != n_wanted) fail(now.n_frames, (float)n, (float)n_wanted);
    for (uint32_t i = 0; i < MAX_FRAMES + ROOM; i++)
        check_float(i, plane[i], wanted[i]);
}

static void check_is_silent(const struct kernels *k)
{
    float plane[MAX_FRAMES + ROOM] = {0};
    plane[now.n_frames] = 1.0f;
    for (uint32_t i = 0; i < now.n_frames; i++)
        plane[i] = i % 2 ? -0.0f : 0.0f;
    if (!k->is_silent(plane, now.n_frames)) fail(0, 0, 1);
    for (uint32_t i = 0; i < now.n_frames; i++) {
        plane[i] = i % 2 ? NAN : -1e-40f;
        if (k->is_silent(plane, now.n_frames)) fail(i, 1, 0);
        plane[i] = 0.0f;
    }
}

static void check_buses(const struct kernels *k)
{
    for (now.n_frames = 0; now.n_frames <= MAX_FRAMES; now.n_frames++) {
        for (int round = 0; round < 20; round++) {
            check_send(k, round % 2);
            check_clip(k);
        }
        check_is_silent(k);
    }
    now.n_frames = 1;
    float huge[1] = {1e30f}, to[1] = {0}; // its square is no float
    struct ramp one = {.to = 1.0f};
    struct kernel_meter meter = {0};
    if (k->send(huge, &one, &meter, to, 1.0f, 1) != 0 || isfinite(meter.sum)) fail(0, meter.sum, INFINITY);
    check_float(0, meter.peak, 1e30f);
}

// ---- all ----

static void fill_sounds(bool strange)
{
    for (int i = 0; i < SOUND_FRAMES; i++) {
        for (int c = 0; c < 2; c++) {
            s16[c][i] = (int16_t)random_next(&seed);
            f32[c][i] = (float)random_between(&seed, -1, 1);
            if (strange && i % 7 == 0)
                f32[c][i] = (float[]){NAN, INFINITY, -INFINITY, 1e-40f, -1e-42f, 3e38f}[i / 7 % 6];
            if (strange && i % 5 == 0) s16[c][i] = i % 2 ? INT16_MIN : INT16_MAX;
        }
    }
}

static void check_all(const struct kernels *k)
{
    fill_sounds(false);
    check_mixing(k);
    check_buses(k);
    fill_sounds(true);
    check_mixing(k);
    printf("%s: %lu floats are equal\n", k->isa, n_checks);
}

int main(int argc, char **argv)
{
    struct arena arena;
    char names[64];
    if (arena_init(&arena, 4 << 20) || sinc_init(&sinc, arena_allocator(&arena))) return 2;
    if (argc > 1) float_mode_set(); // as on the audio thread
    unsetenv("CHIMED_ISA");
    kernel_check_choice(names, sizeof names);
    char *rest = names;
    for (char *name; (name = strsep(&rest, ", ")) != NULL;) {
        if (!name[0]) continue;
        setenv("CHIMED_ISA", name, 1);
        const struct kernels *k = kernel_pick();
        if (strcmp(k->isa, name) != 0 || !kernel_check_choice((char[64]){0}, 64)) return 3;
        check_all(k);
    }
    (void)argv;
    setenv("CHIMED_ISA", "abacus", 1);
    if (kernel_check_choice(names, sizeof names)) return 4;
    return 0;
}
