// SPDX-License-Identifier: MIT
// test_voices.c - every state of a voice against every command, and no click from any of them.
#include "mixer/voices.h"
#include "tests/arena_limits.h"
#include "tests/mixer_rig.h"
#include "tests/random.h"

/// Long enough that no voice here meets its end by itself.
#define LONG_FRAMES 2000000

static struct rig_sound ones, tone;

static int make_sounds(void **state)
{
    (void)state;
    rig_sound_make(&ones, LONG_FRAMES, 1, SAMPLE_S16, rig_one);
    rig_sound_make(&tone, LONG_FRAMES, 2, SAMPLE_F32, rig_tone);
    return 0;
}

static int free_sounds(void **state)
{
    (void)state;
    rig_sound_free(&ones);
    rig_sound_free(&tone);
    return 0;
}

// ---- states and commands ----

enum command { STOP, PAUSE, RESUME, SEEK, GAIN, RATE, LEAVE_LOOP, LOOP, N_COMMANDS };

static void give(struct voices *v, enum command command)
{
    switch (command) {
    case STOP: voices_stop(v, 0, 0); break;
    case PAUSE: voices_pause(v, 0, 0); break;
    case RESUME: voices_resume(v, 0, 0); break;
    case SEEK: voices_seek(v, 0, rig_frames(5000)); break;
    case GAIN: voices_set_gain(v, 0, &(struct change){.value = (double)gain_to_db(0.25f)}); break;
    case RATE: voices_set_rate(v, 0, &(struct change){.value = -0.7}); break;
    case LEAVE_LOOP: voices_leave_loop(v, 0); break;
    case LOOP: voices_loop(v, 0); break;
    case N_COMMANDS: break;
    }
}

/// Brings voice 0 into a state, on its way where the state is one.
static void bring_into(struct rig *r, enum voice_state state)
{
    struct voice_start start = rig_start(&ones.sound);
    start.position = rig_frames(100000);
    start.loop_end = LONG_FRAMES;
    start.paused = state == VOICE_CUED;
    if (state == VOICE_FREE) return;
    voices_start(&r->voices, 0, &start);
    rig_render(r, NULL, NULL, 100, 64);
    if (state == VOICE_STOPPING) voices_stop(&r->voices, 0, 0);
    if (state == VOICE_PAUSING || state == VOICE_PAUSED) voices_pause(&r->voices, 0, 0);
    if (state == VOICE_SEEKING) voices_seek(&r->voices, 0, rig_frames(7000));
    rig_render(r, NULL, NULL, state == VOICE_PAUSED ? RIG_DECLICK + 1 : 77, 64);
    assert_int_equal(r->voices.state[0], state);
}

/// The state when the envelope has arrived, from each state with each command.
static const enum voice_state outcome[VOICE_SEEKING + 1][N_COMMANDS] = {
    [VOICE_FREE] = {VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE,
                    VOICE_FREE},
    [VOICE_CUED] = {VOICE_FREE, VOICE_CUED, VOICE_PLAYING, VOICE_CUED, VOICE_CUED, VOICE_CUED, VOICE_CUED,
                    VOICE_CUED},
    [VOICE_PLAYING] = {VOICE_FREE, VOICE_PAUSED, VOICE_PLAYING, VOICE_PLAYING, VOICE_PLAYING, VOICE_PLAYING,
                       VOICE_PLAYING, VOICE_PLAYING},
    [VOICE_STOPPING] = {VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE, VOICE_FREE,
                        VOICE_FREE},
    [VOICE_PAUSING] = {VOICE_FREE, VOICE_PAUSED, VOICE_PLAYING, VOICE_PAUSED, VOICE_PAUSED, VOICE_PAUSED,
                       VOICE_PAUSED, VOICE_PAUSED},
    [VOICE_PAUSED] = {VOICE_FREE, VOICE_PAUSED, VOICE_PLAYING, VOICE_PAUSED, VOICE_PAUSED, VOICE_PAUSED,
                      VOICE_PAUSED, VOICE_PAUSED},
    [VOICE_SEEKING] = {VOICE_FREE, VOICE_PAUSED, VOICE_PLAYING, VOICE_PLAYING, VOICE_PLAYING, VOICE_PLAYING,
                       VOICE_PLAYING, VOICE_PLAYING},
};

static void test_every_command_in_every_state(void **state)
{
    (void)state;
    for (int from = VOICE_FREE; from <= VOICE_SEEKING; from++) {
        for (int command = 0; command < N_COMMANDS; command++) {
            struct rig r;
            float out[3 * RIG_DECLICK];
            rig_open(&r);
            bring_into(&r, (enum voice_state)from);
            r.voices.n_ended = 0;
            give(&r.voices, (enum command)command);
            rig_render(&r, out, NULL, COUNT_OF(out), 64);
            enum voice_state to = outcome[from][command];
            if ((int)r.voices.state[0] != (int)to)
                fail_msg("state %d, command %d: %d", from, command, r.voices.state[0]);
            enum voice_end why = VOICE_END_FINISHED;
            assert_int_equal(rig_ended(&r, 0, &why), from != VOICE_FREE && to == VOICE_FREE);
            if (from != VOICE_FREE && to == VOICE_FREE) assert_int_equal(why, VOICE_END_STOPPED);
            assert_int_equal(r.voices.n_active, to != VOICE_FREE);
            float last = to == VOICE_PLAYING ? (command == GAIN ? 0.25f : 1.0f) : 0.0f;
            assert_true(fabsf(out[COUNT_OF(out) - 1] - last) < 1e-4f);
            rig_close(&r);
        }
    }
}

// ---- clicks ----

/// The largest step from one sample to the next.
static float largest_step(const float *out, uint32_t n, float before)
{
    float most = 0;
    for (uint32_t i = 0; i < n; i++) {
        most = fmaxf(most, fabsf(out[i] - before));
        before = out[i];
    }
    return most;
}

/// On a sound of ones every step is the work of a ramp: level and envelope may both be moving.
static void test_no_command_clicks(void **state)
{
    (void)state;
    for (int from = VOICE_PLAYING; from <= VOICE_SEEKING; from++) {
        for (int command = 0; command < N_COMMANDS; command++) {
            struct rig r;
            float out[3 * RIG_DECLICK], before;
            rig_open(&r);
            bring_into(&r, (enum voice_state)from);
            rig_render(&r, &before, NULL, 1, 64);
            give(&r.voices, (enum command)command);
            rig_render(&r, out, NULL, COUNT_OF(out), 64);
            float step = largest_step(out, COUNT_OF(out), before);
            if (step > 1.76f / RIG_DECLICK)
                fail_msg("state %d, command %d: step %g", from, command, (double)step);
            rig_close(&r);
        }
    }
}

static void random_command(struct voices *v, uint64_t *seed)
{
    uint32_t fade = random_below(seed, 4) ? 0 : random_below(seed, 1000);
    switch ((enum command)random_below(seed, N_COMMANDS)) {
    case STOP:
        if (random_below(seed, 4) == 0) voices_stop(v, 0, fade);
        break;
    case PAUSE: voices_pause(v, 0, fade); break;
    case RESUME: voices_resume(v, 0, fade); break;
    case SEEK: voices_seek(v, 0, rig_frames(random_between(seed, 300000, 1700000))); break;
    case GAIN: {
        float gain = (float)random_between(seed, 0, 1);
        voices_set_gain(v, 0, &(struct change){.value = (double)gain_to_db(gain), .ramp_frames = fade});
        break;
    }
    case RATE: {
        double rate = random_between(seed, -2, 2);
        voices_set_rate(v, 0, &(struct change){rate, fade, (uint8_t)random_below(seed, N_CURVES), false});
        break;
    }
    case LEAVE_LOOP: voices_leave_loop(v, 0); break;
    case LOOP: voices_loop(v, 0); break;
    case N_COMMANDS: break;
    }
}

static void test_random_commands_never_click(void **state)
{
    (void)state;
    struct rig r;
    uint64_t seed = 77;
    float before = 0;
    uint32_t n_started = 0;
    rig_open(&r);
    for (int i = 0; i < 20000; i++) {
        float out[200];
        if (r.voices.state[0] == VOICE_FREE) {
            struct voice_start start = rig_start(&ones.sound);
            start.position = rig_frames(1000000);
            start.loop_start = 200000;
            start.loop_end = 1800000;
            start.fade_in_frames = RIG_DECLICK; // starts at full level are clicks by design
            voices_start(&r.voices, 0, &start);
            assert_true(before < 1.0f / RIG_DECLICK);
            n_started++;
        }
        random_command(&r.voices, &seed);
        uint32_t n = 1 + random_below(&seed, COUNT_OF(out));
        rig_render(&r, out, NULL, n, 64);
        float step = largest_step(out, n, before);
        if (step > 2.01f / RIG_DECLICK) fail_msg("round %d: step %g", i, (double)step);
        before = out[n - 1];
        rig_ended(&r, 0, NULL);
    }
    assert_true(n_started > 100);
    rig_close(&r);
}

static void test_attack_is_kept(void **state)
{
    (void)state;
    struct rig r;
    float out[100];
    rig_open(&r);
    struct voice_start start = rig_start(&ones.sound);
    voices_start(&r.voices, 3, &start);
    rig_render(&r, out, NULL, 1, 64);
    assert_true(fabsf(out[0] - 1.0f) < 1e-4f);
    start.paused = true;
    voices_start(&r.voices, 4, &start);
    rig_render(&r, out, NULL, 50, 64);
    voices_stop(&r.voices, 3, 0);
    rig_render(&r, NULL, NULL, 2 * RIG_DECLICK, 64);
    voices_resume(&r.voices, 4, 0);
    rig_render(&r, out, NULL, 1, 64);
    assert_true(fabsf(out[0] - 1.0f) < 1e-4f);
    rig_close(&r);
}

// ---- stops ----

/// Frames until voice 0 has ended.
static uint32_t frames_until_ended(struct rig *r)
{
    uint32_t n = 0;
    for (; !rig_ended(r, 0, NULL); n++)
        rig_render(r, NULL, NULL, 1, 1);
    return n;
}

static void test_second_stop_may_only_hasten(void **state)
{
    (void)state;
    static const uint32_t later[] = {0, 1, 100, RIG_DECLICK, 1000, 100000};
    for (uint32_t first = 0; first <= 2000; first += 400) {
        for (uint32_t waited = 0; waited < first + RIG_DECLICK; waited += 60) {
            for (size_t i = 0; i < COUNT_OF(later); i++) {
                struct rig r;
                rig_open(&r);
                bring_into(&r, VOICE_PLAYING);
                voices_stop(&r.voices, 0, first);
                uint32_t total = first > RIG_DECLICK ? first : RIG_DECLICK;
                uint32_t before = waited < total ? waited : total - 1;
                if (before > 0) rig_render(&r, NULL, NULL, before, 64);
                voices_stop(&r.voices, 0, later[i]);
                uint32_t n = frames_until_ended(&r), left = total - before;
                uint32_t wanted = later[i] > RIG_DECLICK ? later[i] : RIG_DECLICK;
                assert_int_equal(n - 1, left < wanted ? left : wanted);
                rig_close(&r);
            }
        }
    }
}

static void test_stop_while_held_is_at_once(void **state)
{
    (void)state;
    for (int from = VOICE_CUED; from <= VOICE_PAUSED; from += VOICE_PAUSED - VOICE_CUED) {
        struct rig r;
        rig_open(&r);
        bring_into(&r, (enum voice_state)from);
        voices_stop(&r.voices, 0, 48000);
        rig_render(&r, NULL, NULL, 1, 64);
        assert_true(rig_ended(&r, 0, NULL));
        assert_int_equal(r.voices.n_active, 0);
        rig_close(&r);
    }
}

// ---- seeks ----

static void test_seek_while_pausing_waits_for_silence(void **state)
{
    (void)state;
    struct rig r;
    float out[RIG_DECLICK];
    rig_open(&r);
    struct voice_start start = rig_start(&tone.sound);
    voices_start(&r.voices, 0, &start);
    rig_render(&r, NULL, NULL, 1000, 64);
    voices_pause(&r.voices, 0, 5000);
    rig_render(&r, NULL, NULL, 1000, 64);
    voices_seek(&r.voices, 0, rig_frames(50000));
    voices_seek(&r.voices, 0, rig_frames(60000)); // the last one counts
    rig_render(&r, NULL, NULL, 4001, 64);
    assert_int_equal(r.voices.state[0], VOICE_PAUSED);
    assert_true(r.voices.voices[0].now.position == rig_frames(60000));
    voices_seek(&r.voices, 0, rig_frames(70000)); // while held: at once
    assert_true(r.voices.voices[0].now.position == rig_frames(70000));
    voices_resume(&r.voices, 0, 0);
    rig_render(&r, out, NULL, COUNT_OF(out), 64);
    for (uint32_t i = 0; i < COUNT_OF(out); i++) {
        double expected = (double)i / RIG_DECLICK * rig_sample(&tone.sound, 0, 70000 + i);
        assert_true(fabs((double)out[i] - expected) < 1e-5);
    }
    rig_close(&r);
}

/// A long fade to a pause does not hold up a jump that a resume asks for.
static void test_resume_before_the_jump(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    bring_into(&r, VOICE_PLAYING);
    voices_pause(&r.voices, 0, 1000000);
    rig_render(&r, NULL, NULL, 1000, 64);
    voices_seek(&r.voices, 0, rig_frames(500000));
    voices_resume(&r.voices, 0, 0);
    rig_render(&r, NULL, NULL, 2 * RIG_DECLICK + 2, 64);
    assert_int_equal(r.voices.state[0], VOICE_PLAYING);
    assert_true(r.voices.voices[0].now.position > rig_frames(500000));
    rig_close(&r);
}

// ---- set-up ----

static void test_bad_arguments(void **state)
{
    (void)state;
    struct arena a = {0};
    struct voices v;
    assert_int_equal(voices_init(&v, arena_allocator(&a), rig_sinc(), 0, RIG_RATE, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(voices_init(&v, arena_allocator(&a), rig_sinc(), 65537, RIG_RATE, 1),
                     STATUS_BAD_ARGUMENT);
    assert_int_equal(voices_init(&v, arena_allocator(&a), rig_sinc(), 1, RIG_RATE, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(voices_init(&v, arena_allocator(&a), rig_sinc(), 1, RIG_RATE, 1), STATUS_NO_MEMORY);
}

static enum status init_one(void *object, struct allocator *a)
{
    return voices_init(object, a, rig_sinc(), 100, RIG_RATE, 240);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct voices v;
    check_arena_sizes(&(struct arena_user){init_one, NULL, &v});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_in_every_state),
        cmocka_unit_test(test_no_command_clicks),
        cmocka_unit_test(test_random_commands_never_click),
        cmocka_unit_test(test_attack_is_kept),
        cmocka_unit_test(test_second_stop_may_only_hasten),
        cmocka_unit_test(test_stop_while_held_is_at_once),
        cmocka_unit_test(test_seek_while_pausing_waits_for_silence),
        cmocka_unit_test(test_resume_before_the_jump),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, make_sounds, free_sounds);
}
