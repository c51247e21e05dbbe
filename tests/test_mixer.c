// SPDX-License-Identifier: MIT
// test_mixer.c - the whole signal flow, many voices on nested buses, against a double-precision sum of them.
#include "mixer/mixer.h"
#include "tests/arena_limits.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

#define N_BUSES  8
#define N_VOICES 48
#define N_SOUNDS 4
#define N_FRAMES 3000

static struct rig_sound sounds[N_SOUNDS];

struct fixture {
    struct arena arena;
    struct bus_graph graph;
    struct mixer mixer;
    float left[N_FRAMES], right[N_FRAMES];
};

static struct fixture f;

static int make_sounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < N_SOUNDS; i++)
        rig_sound_make(&sounds[i], 2000, 1 + i % 2, i / 2 ? SAMPLE_S16 : SAMPLE_F32, rig_noise);
    return 0;
}

static int free_sounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < N_SOUNDS; i++)
        rig_sound_free(&sounds[i]);
    return 0;
}

/// Master alone feeds the device; bus 1 feeds it, bus 2 feeds bus 1, and so on.
static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    if (arena_init(&f.arena, 1 << 22) || bus_graph_init(&f.graph, arena_allocator(&f.arena), N_BUSES))
        return 1;
    f.graph.n_buses = N_BUSES;
    for (uint16_t b = 0; b < N_BUSES; b++)
        f.graph.parent[b] = (uint16_t)(b ? b - 1 : 0);
    f.graph.out[0] = 1;
    f.graph.width[0] = 2;
    bus_graph_sort(&f.graph);
    struct mixer_config config = {.rate = 48000,
                                  .n_voices = N_VOICES,
                                  .n_buses = N_BUSES,
                                  .n_channels = 2,
                                  .declick_frames = 240,
                                  .graph = &f.graph};
    return (int)mixer_init(&f.mixer,
                           &(struct mixer_memory){arena_allocator(&f.arena), arena_allocator(&f.arena),
                                                  arena_allocator(&f.arena)},
                           &config);
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&f.arena);
    return 0;
}

static void render(uint32_t from, uint32_t to)
{
    for (uint32_t done = from; done < to;) {
        uint32_t n = to - done < BLOCK_FRAMES ? to - done : BLOCK_FRAMES;
        float *planes[] = {f.left + done, f.right + done};
        mixer_render(&f.mixer, planes, n);
        done += n;
    }
}

static void test_many_voices_against_the_reference(void **state)
{
    (void)state;
    static double sum[2][N_FRAMES];
    struct voice_start starts[N_VOICES];
    uint64_t seed = 21;
    float bus_gain[N_BUSES];
    memset(sum, 0, sizeof sum);
    double through = 1;
    for (uint32_t b = 0; b < N_BUSES; b++) {
        bus_gain[b] = (float)random_between(&seed, 0.5, 1.2);
        buses_set_gain(&f.mixer.buses, b, &(struct change){.value = (double)gain_to_db(bus_gain[b])});
    }
    for (uint32_t v = 0; v < N_VOICES; v++) {
        const struct sound *s = &sounds[v % N_SOUNDS].sound;
        starts[v] = rig_start(s);
        starts[v].bus = (uint16_t)random_below(&seed, N_BUSES);
        starts[v].position = (int64_t)random_below(&seed, 1900) << 32;
        starts[v].gain_db = (float)random_between(&seed, -60, -28);
        starts[v].pan = (float)random_between(&seed, -1, 1);
        struct level level = rig_level(&starts[v]);
        voices_start(&f.mixer.voices, v, &starts[v]);
        through = 1;
        for (uint32_t b = 0; b <= starts[v].bus; b++)
            through *= (double)bus_gain[b];
        for (uint32_t i = 0; i < N_FRAMES; i++) {
            int64_t frame = (starts[v].position >> 32) + i;
            sum[0][i] += rig_sample(s, 0, frame) * (double)level.left * through;
            sum[1][i] += rig_sample(s, s->n_channels - 1, frame) * (double)level.right * through;
        }
    }
    render(0, N_FRAMES);
    for (uint32_t i = 0; i < N_FRAMES; i++) {
        assert_true(fabs((double)f.left[i] - fmax(-1, fmin(1, sum[0][i]))) < 5e-6);
        assert_true(fabs((double)f.right[i] - fmax(-1, fmin(1, sum[1][i]))) < 5e-6);
    }
    assert_int_equal(f.mixer.voices.n_active, 0);
    assert_int_equal(f.mixer.voices.n_ended, N_VOICES);
}

/// Voices that end do not change how those that go on are rounded: any cut gives the same bits.
static void test_the_cut_does_not_matter(void **state)
{
    static float reference[N_FRAMES];
    uint64_t seed = 5;
    for (int round = 0; round < 40; round++) {
        assert_int_equal(set_up(state), 0);
        uint64_t voice_seed = 99;
        for (uint32_t v = 0; v < N_VOICES; v++) {
            struct voice_start start = rig_start(&sounds[v % N_SOUNDS].sound);
            start.position = (int64_t)random_below(&voice_seed, 1990) << 32;
            start.increment = rig_frames(random_between(&voice_seed, 0.9, 1.1));
            start.gain_db = -34.0f;
            start.pan = -0.2f;
            voices_start(&f.mixer.voices, v, &start);
        }
        for (uint32_t done = 0; done < N_FRAMES;) {
            uint32_t left = N_FRAMES - done, n = round ? 1 + random_below(&seed, BLOCK_FRAMES) : BLOCK_FRAMES;
            if (n > left) n = left;
            mixer_render(&f.mixer, (float *[]){f.left + done, f.right + done}, n);
            done += n;
        }
        if (round == 0) memcpy(reference, f.left, sizeof reference);
        assert_memory_equal(f.left, reference, sizeof reference);
        tear_down(state);
    }
    assert_int_equal(set_up(state), 0);
}

static float loud_on_the_right(uint32_t channel, uint32_t frame)
{
    (void)frame;
    return channel == 0 ? 1.0f : 1.5f;
}

static void test_clipping_is_counted(void **state)
{
    (void)state;
    struct rig_sound loud;
    rig_sound_make(&loud, 1000, 2, SAMPLE_F32, loud_on_the_right);
    struct voice_start start = rig_start(&loud.sound);
    voices_start(&f.mixer.voices, 0, &start);
    render(0, 1500);
    assert_int_equal(f.mixer.n_clipped, 1000);
    for (uint32_t i = 0; i < 1500; i++) {
        assert_true(f.left[i] == (i < 1000 ? 1.0f : 0.0f));
        assert_true(f.right[i] == (i < 1000 ? 1.0f : 0.0f));
    }
    rig_sound_free(&loud);
}

static float broken(uint32_t channel, uint32_t frame)
{
    if (frame == 100) return NAN;
    if (frame == 500) return INFINITY;
    return rig_tone(channel, frame) * 0.4f;
}

/// A file of floats may hold anything: what is no number is silence, on its bus, and the others never see it.
static void test_sounds_that_hold_no_numbers(void **state)
{
    (void)state;
    struct rig_sound bad;
    uint32_t counted = 0;
    rig_sound_make(&bad, 1000, 1, SAMPLE_F32, broken);
    struct voice_start start = rig_start(&bad.sound);
    start.bus = 3;
    voices_start(&f.mixer.voices, 0, &start);
    start = rig_start(&sounds[0].sound);
    start.gain_db = -6.0f;
    double gain = (double)rig_level(&start).left;
    voices_start(&f.mixer.voices, 1, &start);
    for (uint32_t done = 0; done < 1000; done += 50) {
        render(done, done + 50);
        for (uint32_t i = 0; i < f.mixer.buses.n_nonfinite; i++) {
            assert_int_equal(f.mixer.buses.nonfinite_bus[i], 3);
            counted += f.mixer.buses.nonfinite_count[i];
        }
    }
    assert_int_equal(counted, 4); // two frames, both sides
    for (uint32_t i = 0; i < 1000; i++) {
        double tone = i == 100 || i == 500 ? 0 : rig_sample(&bad.sound, 0, i);
        double expected = tone + gain * rig_sample(&sounds[0].sound, 0, i);
        assert_true(fabs((double)f.left[i] - expected) < 1e-6);
    }
    rig_sound_free(&bad);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    struct mixer m;
    struct mixer_config config = {48000, 1, 1, 0, 1, &f.graph};
    assert_int_equal(mixer_init(&m,
                                &(struct mixer_memory){arena_allocator(&f.arena), arena_allocator(&f.arena),
                                                       arena_allocator(&f.arena)},
                                &config),
                     STATUS_BAD_ARGUMENT);
    config = (struct mixer_config){9, 1, 1, 1, 1, &f.graph}; // a meter's window of no frames
    assert_int_equal(mixer_init(&m,
                                &(struct mixer_memory){arena_allocator(&f.arena), arena_allocator(&f.arena),
                                                       arena_allocator(&f.arena)},
                                &config),
                     STATUS_BAD_ARGUMENT);
    config = (struct mixer_config){48000, 0, 1, 1, 1, &f.graph};
    assert_int_equal(mixer_init(&m,
                                &(struct mixer_memory){arena_allocator(&f.arena), arena_allocator(&f.arena),
                                                       arena_allocator(&f.arena)},
                                &config),
                     STATUS_BAD_ARGUMENT);
}

static enum status init_mixer(void *object, struct allocator *a)
{
    return mixer_init(object, &(struct mixer_memory){a, a, a},
                      &(struct mixer_config){48000, 64, 16, 2, 240, &f.graph});
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct mixer m;
    check_arena_sizes(&(struct arena_user){init_mixer, NULL, &m});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_voices_against_the_reference),
        TEST(test_the_cut_does_not_matter),
        TEST(test_clipping_is_counted),
        TEST(test_sounds_that_hold_no_numbers),
        TEST(test_bad_arguments),
        TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
