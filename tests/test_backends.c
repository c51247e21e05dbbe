// SPDX-License-Identifier: MIT
// test_backends.c - the backends with the real engine on a real timer, on alsa-lib's plugins and on a JACK
// server.
#include <errno.h>
#include <fcntl.h>
#include <jack/jack.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/backends/alsa_device.h"
#include "engine/backends/backend.h"
#include "engine/log.h"
#include "tests/check.h"

#define SOUND_FRAMES 65536u
#define NS_PER_MS    UINT64_C(1000000)

static char folder[] = "/tmp/chimed-backends-XXXXXX";
static char jack_server[32];
static int16_t samples[2][SOUND_PAD_FRAMES + SOUND_FRAMES + SOUND_PAD_FRAMES];

static void sleep_ms(uint64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * NS_PER_MS)},
              NULL);
}

static uint64_t ms_since(uint64_t start_ns)
{
    return (cycle_now_ns() - start_ns) / NS_PER_MS;
}

// ---- a stall, on demand, at the beginning of a real-time section ----

static _Atomic uint32_t n_entered, n_left, stall_ms;

void chimed_rt_enter(void)
{
    n_entered++;
    uint32_t ms = atomic_exchange(&stall_ms, 0);
    if (ms > 0) sleep_ms(ms);
}

void chimed_rt_leave(void)
{
    n_left++;
}

// ---- an engine that plays one 16-bit stereo sound from its first frame ----

struct player {
    struct arena arena;
    struct bus_graph graph;
    struct sound sound;
    struct engine_rt engine;
    struct cycle cycle;
};

static void player_init(struct player *p, uint32_t n_channels)
{
    assert_int_equal(arena_init(&p->arena, 64u << 20), STATUS_OK);
    assert_int_equal(bus_graph_init(&p->graph, &p->arena, 1), STATUS_OK);
    p->graph.n_buses = 1;
    p->graph.out[0] = 1;
    p->graph.width[0] = n_channels < 2 ? 1 : 2;
    bus_graph_sort(&p->graph);
    struct mixer_config mixer = {.rate = 48000,
                                 .n_voices = 4,
                                 .n_buses = 1,
                                 .n_channels = n_channels,
                                 .declick_frames = 240,
                                 .graph = &p->graph};
    assert_int_equal(engine_rt_init(&p->engine, &p->arena, &mixer, 64), STATUS_OK);
    p->sound = (struct sound){.n_frames = SOUND_FRAMES, .n_channels = 2, .format = SAMPLE_S16};
    for (uint32_t i = 0; i < 2; i++)
        p->sound.channels[i] = samples[i] + SOUND_PAD_FRAMES;
    struct command play = {.type = COMMAND_VOICE_START,
                           .start = {.sound = &p->sound,
                                     .increment = FRAME_ONE,
                                     .level = {.left = 1.0f, .right = 1.0f},
                                     .end_frame = SOUND_FRAMES}};
    assert_true(queue_push(&p->engine.commands, &play));
    cycle_init(&p->cycle, &p->engine, 48000);
}

static struct player *player_new(uint32_t n_channels)
{
    struct player *p = aligned_alloc(CACHE_LINE, (sizeof *p + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    assert_non_null(p);
    memset(p, 0, sizeof *p);
    player_init(p, n_channels);
    return p;
}

static void player_free(struct player *p)
{
    arena_fini(&p->arena);
    free(p);
}

static struct config make_config(const char *backend, const char *device)
{
    struct config c = {.channels = 2, .rate = 48000, .period = 64, .periods = 2, .rt_priority = 10};
    snprintf(c.backend, sizeof c.backend, "%s", backend);
    snprintf(c.device, sizeof c.device, "%s", device);
    snprintf(c.format, sizeof c.format, "auto");
    snprintf(c.jack_name, sizeof c.jack_name, "chimed-test");
    snprintf(c.jack_server, sizeof c.jack_server, "%s", jack_server);
    snprintf(c.jack_connect, sizeof c.jack_connect, "physical");
    return c;
}

static struct backend *open_or_fail(const struct config *config)
{
    struct backend *backend = NULL;
    char reason[BACKEND_REASON_BYTES] = "";
    if (backend_pick(config, &backend, reason) != STATUS_OK) fail_msg("open: %s", reason);
    return backend;
}

static void start_or_fail(struct backend *backend, struct cycle *cycle)
{
    char reason[BACKEND_REASON_BYTES] = "";
    if (backend->ops->start(backend, cycle, reason) != STATUS_OK) fail_msg("start: %s", reason);
}

/// Frames rendered during `ms`, in percent of those that real time asks for.
static uint64_t pace_percent(const struct cycle *cycle, uint32_t rate, uint64_t ms)
{
    uint64_t start_ns = cycle_now_ns(), frames = cycle->frames;
    sleep_ms(ms);
    return (cycle->frames - frames) * 100000 / (ms_since(start_ns) * rate);
}

/// stderr goes to a file between these two; the text is the caller's to free.
static int begin_stderr(int *kept)
{
    char path[sizeof folder + 16];
    snprintf(path, sizeof path, "%s/stderr", folder);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    *kept = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    return file;
}

static char *end_stderr(int file, int kept)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(pread(file, text, 65535, 0) >= 0);
    close(file);
    return text;
}

// ---- cycle ----

static void test_cycle_counts(void **state)
{
    (void)state;
    struct player *p = player_new(2);
    float left[480], right[480], *out[] = {left, right};
    uint32_t entered = n_entered;
    cycle_run(&p->cycle, out, 2, 480);
    for (uint32_t i = 0; i < 480; i++)
        assert_true(left[i] * 32768.0f == (float)samples[0][SOUND_PAD_FRAMES + i]);
    cycle_run(&p->cycle, out, 2, 1);
    assert_int_equal(p->cycle.n_cycles, 2);
    assert_int_equal(p->cycle.frames, 481);
    assert_int_equal(p->cycle.last_frames, 1);
    assert_int_equal(p->cycle.thread_id, gettid());
    assert_int_equal(n_entered, entered + 2);
    assert_int_equal(n_left, n_entered);
    assert_true(cycle_now_ns() - p->cycle.last_start_ns < UINT64_C(60000000000));
    cycle_attach(&p->cycle);
    assert_int_equal(p->cycle.thread_id, 0);
    player_free(p);
}

/// 20 ms spent on 10 ms of audio: a worst load of at least 2, an average that takes a hundredth of it.
static void test_cycle_load(void **state)
{
    (void)state;
    struct player *p = player_new(2);
    float left[480], right[480], *out[] = {left, right};
    stall_ms = 20;
    cycle_run(&p->cycle, out, 2, 480);
    assert_true(p->cycle.load_worst_ppm >= 2000000);
    assert_in_range(p->cycle.load_average_ppm, p->cycle.load_worst_ppm / 100 - 1,
                    p->cycle.load_worst_ppm / 100 + 1);
    uint32_t worst = p->cycle.load_worst_ppm;
    cycle_run(&p->cycle, out, 2, 480);
    assert_int_equal(p->cycle.load_worst_ppm, worst);
    p->cycle.load_worst_ppm = 0;
    cycle_run(&p->cycle, out, 2, 480);
    assert_in_range(p->cycle.load_worst_ppm, 1, worst - 1);
    player_free(p);
}

// ---- null ----

static void test_null_keeps_time(void **state)
{
    (void)state;
    struct config config = make_config("null", "");
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    assert_int_equal(b->rate, 48000);
    assert_int_equal(b->n_channels, 2);
    for (uint32_t round = 0; round < 2; round++) { // it can be started again
        start_or_fail(b, &p->cycle);
        assert_in_range(pace_percent(&p->cycle, 48000, 500), 50, 150);
        b->ops->stop(b);
        uint64_t frames = p->cycle.frames;
        sleep_ms(20);
        assert_int_equal(p->cycle.frames, frames);
        b->ops->stop(b);
    }
    assert_false(b->lost);
    b->ops->close(b);
    player_free(p);
}

/// A stall is an xrun and is not caught up: in all no more frames than the time without it has.
static void test_null_skips_a_stall(void **state)
{
    (void)state;
    struct config config = make_config("null", "");
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    start_or_fail(b, &p->cycle);
    uint64_t start_ns = cycle_now_ns();
    stall_ms = 400;
    while (b->n_xruns == 0 && ms_since(start_ns) < 10000)
        sleep_ms(1);
    b->ops->stop(b);
    assert_true(b->n_xruns >= 1);
    assert_true(p->cycle.frames < (ms_since(start_ns) - 400) * 48 + 16 * 64);
    b->ops->close(b);
    player_free(p);
}

static void test_null_stops_soon(void **state)
{
    (void)state;
    struct config config = make_config("null", "");
    config.rate = 8000;
    config.period = 8192; // more than a second
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    start_or_fail(b, &p->cycle);
    while (p->cycle.n_cycles == 0)
        sleep_ms(1);
    uint64_t start_ns = cycle_now_ns();
    b->ops->close(b);
    assert_true(ms_since(start_ns) < 600);
    player_free(p);
}

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

static void play_to_file(const char *format, uint32_t period, uint32_t periods)
{
    struct config config = make_config("alsa", "chimed_file");
    snprintf(config.format, sizeof config.format, "%s", format);
    config.period = period;
    config.periods = periods;
    struct player *p = player_new(2);
    struct backend *b = open_or_fail(&config);
    assert_int_equal(b->period_frames, period);
    start_or_fail(b, &p->cycle);
    uint64_t start_ns = cycle_now_ns();
    while (p->cycle.frames < 9600 && ms_since(start_ns) < 10000)
        sleep_ms(5);
    char text[BACKEND_REASON_BYTES];
    b->ops->describe(b, text, sizeof text);
    assert_non_null(strstr(text, "chimed_file"));
    assert_non_null(strstr(text, "mmap"));
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
        play_to_file(formats[i], 64, 2);
        play_to_file(formats[i], 100, 3); // periods that the engine's blocks do not divide
    }
}

/// The same without mmap, which every device that runs here has: the device's own functions, called directly.
static void test_alsa_bytes_without_mmap(void **state)
{
    (void)state;
    static const char *const formats[] = {"s16", "s24", "s32", "float"};
    for (uint32_t i = 0; i < COUNT_OF(formats); i++) {
        struct config config = make_config("alsa", "chimed_file");
        snprintf(config.format, sizeof config.format, "%s", formats[i]);
        struct player *p = player_new(2);
        struct planes planes;
        struct alsa_device d;
        char reason[BACKEND_REASON_BYTES] = "";
        assert_int_equal(planes_init(&planes, 2, 64), STATUS_OK);
        if (alsa_device_open(&d, &config, false, reason) != STATUS_OK) fail_msg("%s", reason);
        assert_false(d.mmap);
        assert_int_equal(alsa_device_start(&d), 0);
        for (uint32_t n = 0; n < 150; n++) {
            cycle_run(&p->cycle, planes.plane, 2, 64);
            assert_int_equal(alsa_device_write(&d, planes.plane), 0);
        }
        alsa_device_close(&d);
        alsa_device_close(&d);
        assert_true(check_capture(formats[i], 128) >= 4800);
        planes_fini(&planes);
        player_free(p);
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
        enum status status = backend_pick(&config, &b, reason);
        char *text = end_stderr(file, kept);
        if (status == STATUS_OK) fail_msg("\"%s\" opened", devices[i]);
        assert_null(b);
        assert_non_null(strstr(reason, "ALSA"));
        assert_non_null(strstr(reason, devices[i]));
        assert_string_equal(text, ""); // alsa-lib's chatter belongs to the debug level
        free(text);
    }
}

static void test_pick_fixed(void **state)
{
    (void)state;
    struct backend *b = NULL;
    char reason[BACKEND_REASON_BYTES] = "";
    struct config config = make_config("jack", "");
    assert_int_equal(backend_pick(&config, &b, reason), STATUS_NOT_FOUND);
    assert_non_null(strstr(reason, "jackd"));
    assert_non_null(strstr(reason, "--backend"));
    config = make_config("drums", "");
    assert_int_equal(backend_pick(&config, &b, reason), STATUS_NOT_FOUND);
    assert_non_null(strstr(reason, "drums"));
    assert_null(b);
}

/// `auto` says which one it took, and of those before it why not.
static void test_pick_auto(void **state)
{
    (void)state;
    static const struct {
        const char *device, *taken;
    } cases[] = {{"hw:29", "null"}, {"null", "alsa"}};
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
        struct config config = make_config("auto", cases[i].device);
        int kept, file = begin_stderr(&kept);
        struct backend *b = NULL;
        char reason[BACKEND_REASON_BYTES] = "", taken[32];
        enum status status = backend_pick(&config, &b, reason);
        char *text = end_stderr(file, kept);
        assert_int_equal(status, STATUS_OK);
        assert_string_equal(b->ops->name, cases[i].taken);
        snprintf(taken, sizeof taken, "backend: %s (", cases[i].taken);
        assert_non_null(strstr(text, "not jack: no JACK server"));
        assert_true((strstr(text, "not alsa: there is no ALSA device \"hw:29\"") != NULL) == (i == 0));
        assert_non_null(strstr(text, taken));
        b->ops->close(b);
        free(text);
    }
}

// ---- real-time priority ----

#define CANNOT_SET_LIMIT 99

/// In a process of its own that may only have priority `limit`: exits with the priority that it got.
static int priority_under(rlim_t limit)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit rlimit = {limit, limit};
        struct config config = make_config("null", "");
        struct sched_param got;
        config.rt_priority = 20;
        bool ready =
            setrlimit(RLIMIT_RTPRIO, &rlimit) == 0 && (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        if (!ready) _exit(CANNOT_SET_LIMIT);
        backend_make_realtime(&config);
        backend_make_realtime(&config); // says it once
        sched_getparam(0, &got);
        _exit(got.sched_priority);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_realtime_refused(void **state)
{
    (void)state;
    int kept, file = begin_stderr(&kept);
    int got = priority_under(0);
    char *text = end_stderr(file, kept);
    assert_int_equal(got, 0);
    assert_non_null(strstr(text, "warning: THE AUDIO THREAD RUNS WITHOUT REAL-TIME PRIORITY"));
    assert_non_null(strstr(text, "RLIMIT_RTPRIO is 0"));
    char *advice = strstr(text, "LimitRTPRIO=20");
    assert_non_null(advice);
    assert_null(strstr(advice + 1, "LimitRTPRIO=20"));
    free(text);
}

static void test_realtime_limited(void **state)
{
    (void)state;
    int kept, file = begin_stderr(&kept);
    int got = priority_under(5);
    char *text = end_stderr(file, kept);
    bool said = strstr(text, "priority 5 instead of 20") != NULL && strstr(text, "LimitRTPRIO=20") != NULL;
    free(text);
    if (got == CANNOT_SET_LIMIT) {
        print_message("skipped: raising RLIMIT_RTPRIO takes CAP_SYS_RESOURCE\n");
        skip();
    }
    assert_int_equal(got, 5);
    assert_true(said);
}

// ---- JACK ----

static pid_t start_jackd(void)
{
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd <= 2; fd++)
            dup2(null, fd);
        execlp("jackd", "jackd", "-n", jack_server, "--no-realtime", "-d", "dummy", "-r", "48000", "-p", "64",
               NULL);
        _exit(127);
    }
    assert_true(child > 0);
    return child;
}

static void end_jackd(pid_t server, int how)
{
    kill(server, how);
    waitpid(server, NULL, 0);
}

/// Opens as soon as the server is there.
static struct backend *open_when_ready(const struct config *config)
{
    struct backend *b = NULL;
    char reason[BACKEND_REASON_BYTES] = "";
    uint64_t start_ns = cycle_now_ns();
    while (backend_pick(config, &b, reason) != STATUS_OK) {
        if (ms_since(start_ns) > 20000) fail_msg("no JACK server in 20 s: %s", reason);
        sleep_ms(50);
    }
    return b;
}

static bool connected(jack_client_t *client, const char *from, const char *to)
{
    const jack_port_t *port = jack_port_by_name(client, from);
    const char **targets = port != NULL ? jack_port_get_all_connections(client, port) : NULL;
    bool found = targets != NULL && targets[0] != NULL && targets[1] == NULL && strcmp(targets[0], to) == 0;
    jack_free(targets);
    return found;
}

static void test_jack_plays(void **state)
{
    (void)state;
    pid_t server = start_jackd();
    struct config config = make_config("jack", "");
    config.channels = 3; // one more than the server has
    struct player *p = player_new(3);
    struct backend *b = open_when_ready(&config);
    assert_int_equal(b->rate, 48000);
    assert_int_equal(b->period_frames, 64);
    start_or_fail(b, &p->cycle);
    assert_in_range(pace_percent(&p->cycle, 48000, 500), 50, 150);

    jack_client_t *client = jack_client_open("look", JackNoStartServer | JackServerName, NULL, jack_server);
    assert_non_null(client);
    assert_true(connected(client, "chimed-test:out_1", "system:playback_1"));
    assert_true(connected(client, "chimed-test:out_2", "system:playback_2"));
    assert_non_null(jack_port_by_name(client, "chimed-test:out_3"));
    assert_int_equal(jack_set_buffer_size(client, 256), 0);
    uint64_t start_ns = cycle_now_ns();
    while ((b->period_frames != 256 || p->cycle.last_frames != 256) && ms_since(start_ns) < 5000)
        sleep_ms(5);
    assert_int_equal(b->period_frames, 256);
    assert_int_equal(p->cycle.last_frames, 256);
    jack_client_close(client);

    b->ops->stop(b);
    uint64_t frames = p->cycle.frames;
    sleep_ms(50);
    assert_int_equal(p->cycle.frames, frames);
    b->ops->close(b);
    player_free(p);
    end_jackd(server, SIGTERM);
}

/// alsa-lib's jack plugin is a device with a clock and with exactly two channels.
static void test_alsa_on_a_clock(void **state)
{
    (void)state;
    pid_t server = start_jackd();
    struct config config = make_config("jack", "");
    struct player *p = player_new(2);
    struct backend *b = open_when_ready(&config);
    b->ops->close(b);
    setenv("JACK_DEFAULT_SERVER", jack_server, 1);
    config = make_config("alsa", "chimed_jack");
    config.period = 256;
    config.periods = 4;
    b = open_or_fail(&config);
    for (uint32_t round = 0; round < 2; round++) { // it can be started again
        start_or_fail(b, &p->cycle);
        assert_in_range(pace_percent(&p->cycle, 48000, 500), 50, 150);
        b->ops->stop(b);
    }
    assert_false(b->lost);
    b->ops->close(b);

    char reason[BACKEND_REASON_BYTES] = "";
    config.channels = 6;
    b = NULL;
    assert_int_equal(backend_pick(&config, &b, reason), STATUS_UNSUPPORTED);
    assert_non_null(strstr(reason, "has 2 channels and 6 are configured"));
    assert_null(b);
    unsetenv("JACK_DEFAULT_SERVER");
    player_free(p);
    end_jackd(server, SIGTERM);
}

/// The server is killed: the backend is lost, closes soon, and another one finds the next server.
static void test_jack_server_dies(void **state)
{
    (void)state;
    struct config config = make_config("jack", "");
    struct player *p = player_new(2);
    for (uint32_t round = 0; round < 2; round++) {
        pid_t server = start_jackd();
        struct backend *b = open_when_ready(&config);
        start_or_fail(b, &p->cycle);
        assert_in_range(pace_percent(&p->cycle, 48000, 200), 30, 170);
        end_jackd(server, round == 0 ? SIGKILL : SIGTERM);
        uint64_t start_ns = cycle_now_ns();
        while (!b->lost && ms_since(start_ns) < 5000)
            sleep_ms(5);
        assert_true(b->lost);
        start_ns = cycle_now_ns();
        b->ops->close(b);
        assert_true(ms_since(start_ns) < 4000);
    }
    player_free(p);
}

/// The server hangs: nothing waits for it for long, and when it goes on a new client can be opened.
static void test_jack_server_hangs(void **state)
{
    (void)state;
    struct config config = make_config("jack", "");
    struct player *p = player_new(2);
    pid_t server = start_jackd();
    struct backend *b = open_when_ready(&config);
    start_or_fail(b, &p->cycle);
    kill(server, SIGSTOP);
    uint64_t start_ns = cycle_now_ns();
    b->ops->close(b);
    assert_true(ms_since(start_ns) < 6000);

    char reason[BACKEND_REASON_BYTES] = "";
    struct backend *other = NULL;
    start_ns = cycle_now_ns();
    assert_int_equal(backend_pick(&config, &other, reason), STATUS_BUSY);
    assert_true(ms_since(start_ns) < 1000);
    assert_non_null(strstr(reason, "hangs"));

    kill(server, SIGCONT);
    other = open_when_ready(&config);
    start_or_fail(other, &p->cycle);
    assert_in_range(pace_percent(&p->cycle, 48000, 200), 30, 170);
    other->ops->close(other);
    player_free(p);
    end_jackd(server, SIGTERM);
}

// ---- all of it ----

static int set_up(void **state)
{
    (void)state;
    log_init(LOG_LEVEL_INFO);
    for (uint32_t i = 0; i < SOUND_FRAMES; i++) { // every 16-bit value, in another order on each side
        samples[0][SOUND_PAD_FRAMES + i] = (int16_t)(uint16_t)(i * 40503u + 77u);
        samples[1][SOUND_PAD_FRAMES + i] = (int16_t)(uint16_t)(i * 12345u + 32768u);
    }
    snprintf(jack_server, sizeof jack_server, "chimed-test-%d", (int)getpid());
    if (mkdtemp(folder) == NULL) return -1;
    char path[sizeof folder + 32], configs[sizeof path + 64];
    snprintf(path, sizeof path, "%s/asound.conf", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL) return -1;
    fprintf(file,
            "pcm.chimed_file { type file slave.pcm null file \"%s/out.raw\" format raw }\n"
            "pcm.chimed_broken { type no_such_type }\n"
            "pcm.chimed_jack { type jack playback_ports { 0 system:playback_1 1 system:playback_2 } }\n",
            folder);
    fclose(file);
    snprintf(configs, sizeof configs, "/usr/share/alsa/alsa.conf:%s", path);
    return setenv("ALSA_CONFIG_PATH", configs, 1);
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"asound.conf", "out.raw", "stderr"};
    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        char path[sizeof folder + 32];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycle_counts),
        cmocka_unit_test(test_cycle_load),
        cmocka_unit_test(test_null_keeps_time),
        cmocka_unit_test(test_null_skips_a_stall),
        cmocka_unit_test(test_null_stops_soon),
        cmocka_unit_test(test_alsa_bytes),
        cmocka_unit_test(test_alsa_bytes_without_mmap),
        cmocka_unit_test(test_alsa_free_runner),
        cmocka_unit_test(test_alsa_refusals),
        cmocka_unit_test(test_pick_fixed),
        cmocka_unit_test(test_pick_auto),
        cmocka_unit_test(test_realtime_refused),
        cmocka_unit_test(test_realtime_limited),
        cmocka_unit_test(test_jack_plays),
        cmocka_unit_test(test_alsa_on_a_clock),
        cmocka_unit_test(test_jack_server_dies),
        cmocka_unit_test(test_jack_server_hangs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
