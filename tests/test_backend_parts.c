// SPDX-License-Identifier: MIT
// test_backend_parts.c - what the backends are made of, without a device: samples, decisions, clocks and
// cycles.
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>

#include "alloc/adaptors.h"
#include "engine/backends/alsa_format.h"
#include "engine/backends/alsa_guard.h"
#include "engine/backends/alsa_recovery.h"
#include "engine/backends/backend.h"
#include "engine/backends/planes.h"
#include "tests/check.h"

// ---- samples ----

/// What a sample becomes, as integer arithmetic on a double has it: independent of the code under test.
static int64_t reference(float sample, int bits)
{
    double scaled = ldexp((double)sample, bits - 1), low = floor(scaled), part = scaled - low;
    double most = ldexp(1.0, bits - 1) - 1;
    double rounded = part > 0.5 || (part == 0.5 && fmod(low, 2) != 0) ? low + 1 : low;
    return (int64_t)(rounded > most ? most : rounded < -most - 1 ? -most - 1 : rounded);
}

static int bits_of(enum alsa_format format)
{
    return format == ALSA_FORMAT_S16 ? 16 : format == ALSA_FORMAT_S32 ? 32 : 24;
}

/// The bytes that `sample` must become, little-endian as the machine is.
static void reference_bytes(enum alsa_format format, float sample, uint8_t *bytes)
{
    if (format == ALSA_FORMAT_FLOAT) {
        memcpy(bytes, &sample, sizeof sample);
        return;
    }
    uint64_t value = (uint64_t)reference(sample, bits_of(format));
    for (uint32_t i = 0; i < alsa_format_info(format)->bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t random_bits(void)
{
    static uint32_t state = 12345;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/// Ordinary samples, halves between two integers, full scale and its neighbours, and what is far outside.
static float test_sample(uint32_t i)
{
    static const float edges[] = {0.0f,       -0.0f,       1.0f,     -1.0f,     0.99999994f, -0.99999994f,
                                  1.0000001f, -1.0000001f, 1e30f,    -1e30f,    1e-40f,      -1e-40f,
                                  0.9999847f, -0.9999847f, 2.0f,     -2.0f,     0.5f,        -0.5f,
                                  0.9999695f, 0.99998474f, 3.4e38f,  -3.4e38f,  0x1p-31f,    -0x1p-31f,
                                  0x1.8p-23f, -0x1.8p-23f, 0x1p-24f, -0x1p-24f, 0x1.8p-16f,  -0x1.8p-16f};
    if (i % 3 == 0) return edges[(i / 3) % COUNT_OF(edges)];
    if (i % 3 == 1) return ((float)(random_bits() % 65536) - 32768.0f + 0.5f) / 32768.0f;
    return ((float)random_bits() / 8388608.0f - 1.0f) * 1.1f;
}

/// Every length, at every alignment of a byte, alone and as one of three channels: and not a byte beside.
static void test_conversion_against_reference(void **state)
{
    (void)state;
    float from[67];
    uint8_t got[67 * 12 + 8], want[67 * 12 + 8];
    uint32_t sample = 0;
    for (uint32_t f = 0; f < ALSA_N_FORMATS; f++) {
        const struct alsa_format_info *info = alsa_format_info((enum alsa_format)f);
        for (uint32_t n = 0; n <= 67; n++)
            for (uint32_t layout = 0; layout < 4; layout++) {
                uint32_t step = layout % 2 == 0 ? info->bytes : info->bytes * 3, start = layout / 2;
                memset(got, 0xa5, sizeof got);
                memset(want, 0xa5, sizeof want);
                for (uint32_t i = 0; i < n; i++) {
                    from[i] = test_sample(sample++);
                    reference_bytes((enum alsa_format)f, from[i], want + start + (size_t)i * step);
                }
                info->convert(got + start, step, from, n);
                assert_memory_equal(got, want, sizeof got);
            }
    }
}

/// Each of the 65536 samples of a 16-bit sound goes through every format and back without a change.
static void test_conversion_keeps_16_bit(void **state)
{
    (void)state;
    for (int32_t value = INT16_MIN; value <= INT16_MAX; value++) {
        float sample = (float)value / 32768.0f;
        int16_t s16;
        int32_t s24, s32;
        uint8_t s24_3[3];
        alsa_format_info(ALSA_FORMAT_S16)->convert(&s16, 2, &sample, 1);
        alsa_format_info(ALSA_FORMAT_S24)->convert(&s24, 4, &sample, 1);
        alsa_format_info(ALSA_FORMAT_S24_3)->convert(s24_3, 3, &sample, 1);
        alsa_format_info(ALSA_FORMAT_S32)->convert(&s32, 4, &sample, 1);
        assert_int_equal(s16, value);
        assert_int_equal(s24, value * 256);
        assert_int_equal(s32, value * 65536);
        assert_int_equal(s24_3[0], 0);
        assert_int_equal((int16_t)(uint16_t)(s24_3[1] | s24_3[2] << 8), value);
    }
}

// ---- decisions ----

struct decision {
    const char *what;
    enum alsa_state before;
    struct alsa_seen seen;
    enum alsa_action action;
    enum alsa_state after;
    bool xrun;
};

#define PERIOD 64
#define SEEN(...)                                                                                            \
    {                                                                                                        \
        .state = SND_PCM_STATE_RUNNING, __VA_ARGS__                                                          \
    }
#define SEEN_AS(s, ...)                                                                                      \
    {                                                                                                        \
        .state = SND_PCM_STATE_##s, __VA_ARGS__                                                              \
    }

static const struct decision decisions[] = {
    {"first look", ALSA_STARTING, SEEN_AS(SETUP, .error = 0), ALSA_DO_START, ALSA_STARTING, false},
    {"started", ALSA_STARTING, SEEN(.avail_frames = 0), ALSA_DO_WAIT, ALSA_RUNNING, false},
    {"started, room", ALSA_STARTING, SEEN(.avail_frames = 64), ALSA_DO_RENDER, ALSA_RUNNING, false},
    {"a start that was put off", ALSA_STARTING, SEEN_AS(PREPARED, .error = -EAGAIN), ALSA_DO_START,
     ALSA_STARTING, false},
    {"no room", ALSA_RUNNING, SEEN(.avail_frames = 63), ALSA_DO_WAIT, ALSA_RUNNING, false},
    {"room", ALSA_RUNNING, SEEN(.avail_frames = 64), ALSA_DO_RENDER, ALSA_RUNNING, false},
    {"room for more", ALSA_RUNNING, SEEN(.avail_frames = 128), ALSA_DO_RENDER, ALSA_RUNNING, false},
    {"a plugin that never runs", ALSA_RUNNING, SEEN_AS(PREPARED, .avail_frames = 64), ALSA_DO_RENDER,
     ALSA_RUNNING, false},
    {"not yet", ALSA_RUNNING, SEEN(.error = -EAGAIN), ALSA_DO_WAIT, ALSA_RUNNING, false},
    {"interrupted", ALSA_RUNNING, SEEN(.error = -EINTR), ALSA_DO_WAIT, ALSA_RUNNING, false},
    {"xrun by error", ALSA_RUNNING, SEEN(.error = -EPIPE), ALSA_DO_START, ALSA_STARTING, true},
    {"xrun by state", ALSA_RUNNING, SEEN_AS(XRUN, .avail_frames = 999), ALSA_DO_START, ALSA_STARTING, true},
    {"xrun with POLLERR", ALSA_RUNNING, SEEN_AS(XRUN, .poll_failed = true), ALSA_DO_START, ALSA_STARTING,
     true},
    {"xrun at the start", ALSA_STARTING, SEEN(.error = -EPIPE), ALSA_DO_START, ALSA_STARTING, false},
    {"stopped by the driver", ALSA_RUNNING, SEEN_AS(SETUP, .poll_failed = true), ALSA_DO_START, ALSA_STARTING,
     true},
    {"stalled", ALSA_RUNNING, SEEN(.stalled = true), ALSA_DO_START, ALSA_STARTING, true},
    {"some other error", ALSA_RUNNING, SEEN(.error = -EIO), ALSA_DO_START, ALSA_STARTING, true},
    {"suspended by state", ALSA_RUNNING, SEEN_AS(SUSPENDED, .error = 0), ALSA_DO_RESUME, ALSA_SUSPENDED,
     true},
    {"suspended by error", ALSA_RUNNING, SEEN(.error = -ESTRPIPE), ALSA_DO_RESUME, ALSA_SUSPENDED, true},
    {"suspended, POLLERR", ALSA_RUNNING, SEEN_AS(SUSPENDED, .poll_failed = true), ALSA_DO_RESUME,
     ALSA_SUSPENDED, true},
    {"still suspended", ALSA_SUSPENDED, SEEN_AS(SUSPENDED, .error = -EAGAIN), ALSA_DO_RESUME_LATER,
     ALSA_SUSPENDED, false},
    {"cannot resume", ALSA_SUSPENDED, SEEN_AS(SUSPENDED, .error = -ENOSYS), ALSA_DO_START, ALSA_STARTING,
     false},
    {"resumed", ALSA_SUSPENDED, SEEN(.avail_frames = 64), ALSA_DO_RENDER, ALSA_RUNNING, false},
    {"resumed as it was before it ran", ALSA_SUSPENDED, SEEN_AS(PREPARED, .avail_frames = 0), ALSA_DO_START,
     ALSA_STARTING, false},
    {"resumed dry", ALSA_SUSPENDED, SEEN_AS(XRUN, .error = 0), ALSA_DO_START, ALSA_STARTING, false},
    {"unplugged while suspended", ALSA_SUSPENDED, SEEN_AS(DISCONNECTED, .error = 0), ALSA_DO_CLOSE, ALSA_GONE,
     false},
    {"unplugged by error", ALSA_RUNNING, SEEN(.error = -ENODEV), ALSA_DO_CLOSE, ALSA_GONE, false},
    {"unplugged by state, with room", ALSA_RUNNING, SEEN_AS(DISCONNECTED, .avail_frames = 64), ALSA_DO_CLOSE,
     ALSA_GONE, false},
    {"unplugged by poll alone, with room", ALSA_RUNNING, SEEN(.poll_failed = true, .avail_frames = 64),
     ALSA_DO_CLOSE, ALSA_GONE, false},
    {"unplugged at the start", ALSA_STARTING, SEEN(.error = -ENODEV), ALSA_DO_CLOSE, ALSA_GONE, false},
    {"gone for good", ALSA_GONE, SEEN(.avail_frames = 64), ALSA_DO_CLOSE, ALSA_GONE, false},
};

static void test_recovery_decisions(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < COUNT_OF(decisions); i++) {
        const struct decision *d = &decisions[i];
        struct alsa_recovery r = {.state = d->before};
        bool xrun = !d->xrun;
        enum alsa_action action = alsa_recovery_step(&r, &d->seen, PERIOD, &xrun);
        if (action != d->action || r.state != d->after || xrun != d->xrun)
            fail_msg("%s: action %d, state %d, xrun %d", d->what, (int)action, (int)r.state, (int)xrun);
    }
}

static enum alsa_action step(struct alsa_recovery *r, struct alsa_seen seen)
{
    bool xrun;
    return alsa_recovery_step(r, &seen, PERIOD, &xrun);
}

/// A device that never starts is tried at once, then in pauses, then given up.
static void test_recovery_gives_up(void **state)
{
    (void)state;
    struct alsa_recovery r = {0};
    struct alsa_seen broken = SEEN_AS(SETUP, .error = -EIO);
    assert_int_equal(step(&r, broken), ALSA_DO_START);
    for (uint32_t i = 1; i < ALSA_MAX_FAILURES; i++)
        assert_int_equal(step(&r, broken), ALSA_DO_START_LATER);
    assert_int_equal(step(&r, broken), ALSA_DO_CLOSE);
    assert_int_equal(r.state, ALSA_GONE);
}

/// A device that plays between its xruns is never given up, and each time started at once.
static void test_recovery_forgets_failures(void **state)
{
    (void)state;
    struct alsa_recovery r = {0};
    for (uint32_t i = 0; i < 10 * ALSA_MAX_FAILURES; i++) {
        assert_int_equal(step(&r, (struct alsa_seen)SEEN_AS(XRUN, .error = 0)), ALSA_DO_START);
        assert_int_equal(step(&r, (struct alsa_seen)SEEN(.avail_frames = PERIOD)), ALSA_DO_RENDER);
    }
}

/// A suspension that does not end is prepared anew after its last attempt, and a second one counts from 0.
static void test_recovery_resumes_a_while(void **state)
{
    (void)state;
    struct alsa_recovery r = {.state = ALSA_RUNNING};
    struct alsa_seen asleep = SEEN_AS(SUSPENDED, .error = -EAGAIN);
    for (uint32_t round = 0; round < 2; round++) {
        assert_int_equal(step(&r, asleep), ALSA_DO_RESUME);
        for (uint32_t i = 1; i < ALSA_MAX_RESUMES; i++)
            assert_int_equal(step(&r, asleep), ALSA_DO_RESUME_LATER);
        assert_int_equal(step(&r, asleep), ALSA_DO_START);
        assert_int_equal(step(&r, (struct alsa_seen)SEEN(.avail_frames = PERIOD)), ALSA_DO_RENDER);
    }
}

// ---- clocks ----

static void test_pace_has_no_drift(void **state)
{
    (void)state;
    struct pace pace;
    pace_start(&pace, 44100, 1000);
    for (uint32_t i = 0; i < 44100 * 10; i++) // 441 frames are 10 ms exactly
        pace.frames += 441;
    assert_int_equal(pace_due_ns(&pace), UINT64_C(4410000000000) + 1000);
    pace.frames = UINT64_C(192000) * 3600 * 24 * 365 * 100; // a hundred years
    pace.rate = 192000;
    assert_int_equal(pace_due_ns(&pace), UINT64_C(3600) * 24 * 365 * 100 * 1000000000 + 1000);
    assert_int_equal(pace_length_ns(48000, 1), 20833);
    assert_int_equal(pace_length_ns(48000, 0), 0);
}

static void test_pace_sleep_ends_when_told(void **state)
{
    (void)state;
    _Atomic bool stopping = true;
    uint64_t before = cycle_now_ns();
    pace_sleep(before + UINT64_C(60000000000), &stopping);
    assert_true(cycle_now_ns() - before < UINT64_C(10000000000));
    stopping = false;
    before = cycle_now_ns();
    pace_sleep(before + 70000000, &stopping); // more than one slice
    assert_true(cycle_now_ns() - before >= 70000000);
}

/// An hour on a device whose clock is `ppm` fast, in bursts of whole buffers: true when it was taken for one
/// without a clock.
static bool guard_trips(int64_t ppm)
{
    struct alsa_guard g;
    uint64_t now = 1000000000, start = now, written = 0;
    alsa_guard_start(&g, 48000, 768, now);
    while (now - start < UINT64_C(3600000000000)) {
        now += 16000000; // a buffer: the worst wake-up that is no xrun
        uint64_t played = (now - start) / 1000 * (uint64_t)(48000 + 48000 * ppm / 1000000) / 1000000;
        for (; written + 256 <= played; written += 256)
            assert_false(alsa_guard_wrote(&g, 256, now));
    }
    return g.free_running;
}

static void test_guard_leaves_real_devices_alone(void **state)
{
    (void)state;
    assert_false(guard_trips(0));
    assert_false(guard_trips(300));
    assert_false(guard_trips(-300));
    assert_false(guard_trips(100000));
    assert_true(guard_trips(1000000));
}

static void test_guard_paces_free_runners(void **state)
{
    (void)state;
    struct alsa_guard g;
    uint64_t now = 5000000000, frames = 768, buffer_ns = pace_length_ns(48000, 768);
    alsa_guard_start(&g, 48000, 768, now);
    assert_int_equal(alsa_guard_due_ns(&g), 0);
    for (; alsa_guard_due_ns(&g) == 0; frames += 256)
        assert_false(alsa_guard_wrote(&g, 256, now));
    assert_true(frames / 3 <= 768);
    // In step with the clock again, to the nanoseconds that were rounded off before it was noticed.
    uint64_t exact = now + pace_length_ns(48000, frames);
    assert_in_range(alsa_guard_due_ns(&g) + 10, exact, exact + 20);
    for (uint32_t i = 0; i < 1000; i++) {
        now = alsa_guard_due_ns(&g);
        assert_false(alsa_guard_wrote(&g, 256, now));
        frames += 256;
    }
    exact = 5000000000 + pace_length_ns(48000, frames);
    assert_in_range(alsa_guard_due_ns(&g) + 10, exact, exact + 20);
    now += UINT64_C(10000000000); // a stall: nothing is made up for
    assert_true(alsa_guard_wrote(&g, 256, now));
    assert_true(alsa_guard_due_ns(&g) >= now && alsa_guard_due_ns(&g) <= now + buffer_ns);
}

// ---- buffers and cycles ----

static void test_planes(void **state)
{
    (void)state;
    struct planes p;
    struct allocator libc = libc_allocator();
    struct failing f;
    struct counting counted;
    struct allocator *a = counting_allocator(&counted, failing_allocator(&f, &libc, 1, false));
    assert_int_equal(planes_init(&p, a, 0, 64), STATUS_BAD_ARGUMENT);
    planes_fini(&p);
    assert_int_equal(planes_init(&p, a, 2, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(planes_init(&p, a, MAX_OUTPUT_CHANNELS + 1, 64), STATUS_BAD_ARGUMENT);
    assert_int_equal(planes_init(&p, a, MAX_OUTPUT_CHANNELS, 17), STATUS_OK);
    for (uint32_t i = 0; i < MAX_OUTPUT_CHANNELS; i++) {
        assert_int_equal((uintptr_t)p.plane[i] % CACHE_LINE, 0);
        for (uint32_t j = 0; j < 17; j++) {
            assert_true(p.plane[i][j] == 0.0f);
            p.plane[i][j] = 1.0f; // no plane overlaps a later one
        }
    }
    planes_fini(&p);
    planes_fini(&p);
    assert_int_equal(planes_init(&p, a, 2, 64), STATUS_NO_MEMORY);
    planes_fini(&p);
    assert_int_equal(counted.n_made, 1);
    assert_int_equal(counted.live_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversion_against_reference),
        cmocka_unit_test(test_conversion_keeps_16_bit),
        cmocka_unit_test(test_recovery_decisions),
        cmocka_unit_test(test_recovery_gives_up),
        cmocka_unit_test(test_recovery_forgets_failures),
        cmocka_unit_test(test_recovery_resumes_a_while),
        cmocka_unit_test(test_pace_has_no_drift),
        cmocka_unit_test(test_pace_sleep_ends_when_told),
        cmocka_unit_test(test_guard_leaves_real_devices_alone),
        cmocka_unit_test(test_guard_paces_free_runners),
        cmocka_unit_test(test_planes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
