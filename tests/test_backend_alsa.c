// SPDX-License-Identifier: MIT
// test_backend_alsa.c - the ALSA backend on alsa-lib's own devices: what it writes, how fast, and what it
// refuses.
#include <sys/resource.h>

#include "engine/backends/alsa_device.h"
#include "tests/player.h"

// ---- ALSA: what is written ----

/// The bytes of one sample of the sound in a device's format.
static uint32_t sample_to_bytes(const char *format, int16_t sample, uint8_t *bytes)
{
    float scaled = (float)sample / 32768.0f;
    int32_t wide = (int32_t)sample * (strcmp(format, "s24") == 0 ? 256 : 65536);
    if (strcmp(format, "float") == 0) return memcpy(bytes, &scaled, 4), 4;
    if (strcmp(format, "s16") == 0) return memcpy(bytes, &sample, 2), 2;
    return memcpy(bytes, &wide, 4), 4;
}

/// Compares what the file plugin wrote with silence of `silent_frames` and then the sound. Returns the
/// frames.
static uint32_t check_capture(const char *format, uint32_t silent_frames)
{
    char path[sizeof folder + 16];
    snprintf(path, sizeof path, "%s/out.raw", folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t got[8], want[8];
    uint32_t n_frames = 0, frame_bytes = 2 * sample_to_bytes(format, 0, want);
    for (; fread(got, frame_bytes, 1, file) == 1; n_frames++) {
        bool silent = n_frames < silent_frames;
        uint32_t at = SOUND_PAD_FRAMES + n_frames - silent_frames;
        for (uint32_t c = 0; c < 2; c++)
            (void)sample_to_bytes(format, silent ? 0 : samples[c][at], want + c * frame_bytes / 2);
        if (memcmp(got, want, frame_bytes) != 0) fail_msg("%s: frame %u differs", format, n_frames);
    }
    fclose(file);
    return n_frames;
}

static void play_to_file(const char *format, const char *access, uint32_t period, uint32_t periods)
{
    struct config config = make_config("alsa", "chimed_file");
    snprintf(config.format, sizeof config.format, "%s", format);
    snprintf(config.access, sizeof config.access, "%s", access);
    config.period = period;
    config.periods = periods;
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    assert_int_equal(b->period_frames, period);
    assert_int_equal(b->latency_frames, period * (periods - 1));
    start_or_fail(b, &p->cycle);
    uint64_t start_ns = cycle_now_ns();
    while (p->cycle.frames < 9600 && ms_since(start_ns) < 10000)
        sleep_ms(5);
    char text[BACKEND_REASON_BYTES];
    b->ops->describe(b, text, sizeof text);
    assert_non_null(strstr(text, "chimed_file"));
    assert_non_null(strstr(text, strcmp(access, "rw") == 0 ? " rw " : " mmap "));
    b->ops->close(b);
    assert_in_range(p->cycle.frames, 9600, SOUND_FRAMES);
    assert_true(check_capture(format, period * periods) >= 4800);
    player_free(p);
}

static void test_alsa_bytes(void **state)
{
    (void)state;
    static const char *const formats[] = {"s16", "s24", "s32", "float"};
    for (uint32_t i = 0; i < COUNT_OF(formats); i++) {
        play_to_file(formats[i], "auto", 64, 2);
        play_to_file(formats[i], "mmap", 100, 3); // periods that the engine's blocks do not divide
        play_to_file(formats[i], "rw", 100, 3);
    }
}

/// alsa-lib's null device takes frames at any speed: the guard must keep time and leave the processor alone.
static void test_alsa_free_runner(void **state)
{
    (void)state;
    struct config config = make_config("alsa", "null");
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    start_or_fail(b, &p->cycle);
    uint64_t percent = pace_percent(&p->cycle, 48000, 1000);
    getrusage(RUSAGE_SELF, &after);
    int64_t cpu_us =
        (after.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_utime.tv_sec - before.ru_stime.tv_sec) *
            1000000 +
        (after.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_utime.tv_usec - before.ru_stime.tv_usec);
    uint64_t start_ns = cycle_now_ns();
    b->ops->stop(b);
    assert_true(ms_since(start_ns) < 600);
    assert_in_range(percent, 30, 300);
    assert_in_range(cpu_us, 0, 500000);
    assert_false(b->lost);
    b->ops->close(b);
    player_free(p);
}

// ---- what cannot be opened ----

static void test_alsa_refusals(void **state)
{
    (void)state;
    static const char *const devices[] = {"hw:29", "plughw:29,3", "hw:CARD=NoSuchCard", "no_such_pcm",
                                          "",      "a:b{c",       "chimed_broken"};
    for (uint32_t i = 0; i < COUNT_OF(devices); i++) {
        struct config config = make_config("alsa", devices[i]);
        struct backend *b = NULL;
        char reason[BACKEND_REASON_BYTES] = "";
        int kept, file = begin_stderr(&kept);
        enum status status = pick(&config, &b, reason);
        char *text = end_stderr(file, kept);
        if (status == STATUS_OK) fail_msg("\"%s\" opened", devices[i]);
        assert_null(b);
        assert_non_null(strstr(reason, "ALSA"));
        assert_non_null(strstr(reason, devices[i]));
        assert_string_equal(text, ""); // alsa-lib's chatter belongs to the debug level
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alsa_bytes),
        cmocka_unit_test(test_alsa_free_runner),
        cmocka_unit_test(test_alsa_refusals),
    };
    return cmocka_run_group_tests(tests, player_set_up, player_tear_down);
}
