// SPDX-License-Identifier: MIT
// fuzz_dispatch.c - a session with the whole engine, but for sockets and devices: commands, time and clients
// as lines of text. Every command must be answered once.
//
//   a line of text      a message, or a part of the bundle that is open
//   {MS ... }           a bundle whose time tag lies MS milliseconds from now; "{" alone: at once
//   @N                  N times 64 frames pass, at most 1024
//   !                   all loads end
//   ~MS                 the system's clock jumps
//   >N                  from here on the client is number N: UDP, UNIX, a connection; read, play, admin
//   offline             as the first line: the clock is that of a score
//
// As to set an engine up takes long, many inputs make one session. What it has seen so far is in the file
// fuzz_dispatch.journal: given as the only input, that shows again what ended the run.
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine/dispatch.h"
#include "engine/engine.h"
#include "engine/handlers.h"
#include "engine/log.h"
#include "engine/now.h"
#include "engine/osc/pattern.h"
#include "engine/osc/text.h"
#include "engine/publish.h"
#include "engine/transport_setup.h"
#include "tests/fuzz/fuzz.h"

#define RATE         48000
#define BLOCK        64
#define PACKET_BYTES 16384
#define NTP_OF_1970  UINT64_C(2208988800)

/// Inputs and bytes of a session.
#define MAX_INPUTS    100
#define JOURNAL_BYTES 1000000

/// A session under way.
static struct session {
    struct engine engine;
    struct transport transport;
    struct cycle cycle;
    bool is_offline;
    struct client client;
    uint8_t packet[PACKET_BYTES];
    size_t n_packet; // of a bundle that is open
    uint32_t n_messages, n_expected, n_answers;
    float planes[2][BLOCK];
    uint32_t n_inputs;
    size_t n_journal;
} s;

static char *journal; // a file that is mapped: it stays when the process does not
static bool is_open;

static struct config config;
static char folder[] = "/tmp/chimed-fuzz-XXXXXX";

// ---- a clock that only the session moves ----

static int64_t clock_now_ns, clock_step_ns;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
    int64_t ns = clock_now_ns + INT64_C(5000000000);
    if (id == CLOCK_REALTIME) ns += clock_step_ns + INT64_C(1700000000000000000);
    *ts = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return 0;
}

static uint64_t ntp_now(void)
{
    uint64_t ns = (uint64_t)now_ns(CLOCK_REALTIME);
    return (ns / 1000000000 + NTP_OF_1970) << 32 | ((ns % 1000000000) << 32) / 1000000000;
}

// ---- what goes out ----

void __wrap_transport_send(struct transport *t, const struct client *to, const uint8_t *bytes,
                           uint32_t n_bytes);

static void count_answer(void *context, const struct osc_message *m)
{
    (void)context;
    static const char *const answers[] = {"/done", "/error", "/synced", "/hello"};
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        s.n_answers += strcmp(m->path, answers[i]) == 0;
}

/// In place of the sockets' one: what is sent is well formed, and no longer than it may be.
void __wrap_transport_send(struct transport *t, const struct client *to, const uint8_t *bytes,
                           uint32_t n_bytes)
{
    (void)t;
    CHECK(!osc_packet_check(bytes, n_bytes));
    CHECK(to->kind == CLIENT_UNIX || to->kind == CLIENT_UDP || to->kind == CLIENT_STREAM);
    if (to->kind == CLIENT_UDP) CHECK(n_bytes <= MAX_UDP_BYTES);
    if (to->kind == CLIENT_UNIX) CHECK(n_bytes <= MAX_UNIX_BYTES);
    osc_packet_visit(bytes, n_bytes, count_answer, NULL);
}

// ---- the engine ----

static void write_sound(const char *name, uint32_t n_channels, uint32_t n_frames)
{
    char path[64];
    uint32_t n_bytes = n_frames * n_channels * 2, rate = RATE, whole = 36 + n_bytes, format_bytes = 16;
    uint16_t head[] = {1, (uint16_t)n_channels}, tail[] = {(uint16_t)(n_channels * 2), 16};
    uint32_t byte_rate = rate * n_channels * 2;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    CHECK(file);
    fwrite("RIFF", 4, 1, file), fwrite(&whole, 4, 1, file), fwrite("WAVEfmt ", 8, 1, file);
    fwrite(&format_bytes, 4, 1, file), fwrite(head, 4, 1, file), fwrite(&rate, 4, 1, file);
    fwrite(&byte_rate, 4, 1, file), fwrite(tail, 4, 1, file), fwrite("data", 4, 1, file);
    fwrite(&n_bytes, 4, 1, file);
    for (uint32_t i = 0; i < n_frames * n_channels; i++) {
        int16_t sample = (int16_t)(i * 331);
        fwrite(&sample, 2, 1, file);
    }
    fclose(file);
}

static const struct {
    const char *name;
    uint32_t n_channels, n_frames;
} sounds[] = {{"bell.wav", 1, 3000}, {"wide.wav", 2, 200}, {"big.wav", 1, 300000}, {"big2.wav", 1, 300000}};

static void remove_folder(void)
{
    char path[64];
    for (size_t i = 0; i < COUNT_OF(sounds); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, sounds[i].name);
        unlink(path);
    }
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    CHECK(mkdtemp(folder));
    atexit(remove_folder);
    for (size_t i = 0; i < COUNT_OF(sounds); i++)
        write_sound(sounds[i].name, sounds[i].n_channels, sounds[i].n_frames);
    config_defaults(&config);
    config.voices = 16;
    config.buses = 24;
    config.sounds = 6;
    config.sound_memory = 1;
    config.queue = 64;
    config.schedule = 32;
    config.clients = 16;
    config.connections = 4;
    memcpy(config.lock_memory, "no", sizeof "no");
    snprintf(config.sound_folder, sizeof config.sound_folder, "%s", folder);
    log_init((enum log_level)0); // says nothing

    int fd = open("fuzz_dispatch.journal", O_RDWR | O_CREAT, 0666);
    CHECK(fd >= 0 && ftruncate(fd, JOURNAL_BYTES) == 0);
    journal = mmap(NULL, JOURNAL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(journal != MAP_FAILED);
    close(fd);
    return 0;
}

static void set_client(unsigned n)
{
    s.client = (struct client){.kind = n % 3 == 0   ? CLIENT_UDP
                                       : n % 3 == 1 ? CLIENT_UNIX
                                                    : CLIENT_STREAM,
                               .role = (enum role)(n / 3 % 3),
                               .address_bytes = sizeof s.client.address.stream};
    s.client.address.stream.index = n;
}

static void open_session(bool is_offline)
{
    char reason[ERROR_TEXT_BYTES];
    struct transport_config how;
    memset(&s, 0, sizeof s);
    clock_now_ns = clock_step_ns = 0;
    s.is_offline = is_offline;
    CHECK(!engine_init(&s.engine, &config, RATE, 2, is_offline, reason));
    transport_configure(&how, &config);
    CHECK(!transport_init(&s.transport, memory_allocator(&s.engine.memory, MEMORY_CONTROL), &how));
    s.engine.control.transport = s.engine.control.replies.transport = &s.transport;
    s.engine.control.cycle = &s.cycle;
    if (worker_start(&s.engine.control.worker, reason, sizeof reason)) {
        fprintf(stderr, "%s\n", reason); // the variable CHIMED_DECODE must name the decoder
        abort();
    }
    cycle_init(&s.cycle, &s.engine.rt, RATE);
    memset(journal, '\n', JOURNAL_BYTES);
    is_open = true;
}

/// What a turn of the daemon's loop does beside taking packets.
static void turn(void)
{
    struct control *c = &s.engine.control;
    control_drain_events(c);
    push_syncs(c);
    push_unschedules(c);
    publish_due(c, monotonic_ns());
    reply_flush(&c->replies);
}

static void pass_frames(uint32_t n_blocks)
{
    float *planes[2] = {s.planes[0], s.planes[1]};
    for (uint32_t i = 0; i < n_blocks; i++) {
        struct moment now = {.monotonic_ns = (uint64_t)monotonic_ns(), .ntp = ntp_now()};
        engine_rt_process(&s.engine.rt, s.is_offline ? NULL : &now, planes, 2, BLOCK);
        clock_now_ns += BLOCK * INT64_C(1000000000) / RATE;
        turn();
    }
}

/// Waits until all loads have ended, and takes them.
static void end_loads(void)
{
    struct control *c = &s.engine.control;
    while (c->sounds.oldest_load) {
        struct pollfd fd = {.fd = c->worker.result_fd, .events = POLLIN};
        poll(&fd, 1, -1);
        control_drain_results(c);
        pass_frames(1);
    }
}

// ---- packets ----

/// Answers that a message gets: one for each method that it stands for.
static void expect_answers(void *context, const struct osc_message *m)
{
    (void)context;
    uint32_t n = 0;
    if (method_find(m->path) == N_METHODS && pattern_is(m->path))
        for (unsigned method = 0; method < N_METHODS; method++)
            n += pattern_matches(m->path, method_info((enum method)method)->path);
    s.n_expected += n ? n : 1;
}

static void send_packet(const uint8_t *bytes, size_t n_bytes)
{
    struct engine_rt *rt = &s.engine.rt;
    while (queue_room(&rt->commands) < rt->commands.n_slots / 2) // as the daemon's loop waits
        pass_frames(1);
    struct datagram d = {.bytes = bytes,
                         .n_bytes = (uint32_t)n_bytes,
                         .client = s.client,
                         .fd = -1,
                         .arrival_ns = monotonic_ns()};
    if (osc_packet_check(bytes, n_bytes))
        s.n_expected++;
    else
        osc_packet_visit(bytes, n_bytes, expect_answers, NULL);
    control_handle(&s.engine.control, &d);
    turn();
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void send_line(const char *line, size_t n)
{
    uint8_t message[PACKET_BYTES];
    char text[256];
    struct strbuf why = strbuf_make(text, sizeof text);
    size_t n_message = text_to_osc(line, n, message, sizeof message, &why);
    if (n_message == 0) return;
    if (s.n_packet == 0) {
        send_packet(message, n_message);
        return;
    }
    if (s.n_packet + 4 + n_message > sizeof s.packet) return;
    put_u32(s.packet + s.n_packet, (uint32_t)n_message);
    memcpy(s.packet + s.n_packet + 4, message, n_message);
    s.n_packet += 4 + n_message;
}

static void open_bundle(const char *text)
{
    uint64_t tag = OSC_NOW;
    if (*text) {
        int64_t ms = strtoll(text, NULL, 10) % 100000000;
        uint64_t frame_ntp = s.is_offline ? (s.engine.rt.frame << 32) / RATE : ntp_now();
        tag = frame_ntp + (uint64_t)(ms * INT64_C(4294967296) / 1000);
    }
    memcpy(s.packet, "#bundle", 8);
    put_u32(s.packet + 8, (uint32_t)(tag >> 32));
    put_u32(s.packet + 12, (uint32_t)tag);
    s.n_packet = 16;
}

static void close_bundle(void)
{
    if (s.n_packet > 0) send_packet(s.packet, s.n_packet);
    s.n_packet = 0;
}

// ---- the end of an input, and of a session ----

/// All that was asked must have been answered.
static void settle(void)
{
    struct control *c = &s.engine.control;
    end_loads();
    pass_frames(16);
    end_loads();
    CHECK(c->holds.n_used == 0);
    CHECK(s.n_answers == s.n_expected);
}

/// Every input begins without voices and scheduled commands, every fourth without sounds, as loads take long.
/// Buses stay.
static void clear(void)
{
    struct control *c = &s.engine.control;
    c->quit = false;
    set_client(8);
    send_line("clear all", 9);
    send_line("stop all", 8);
    pass_frames(16);
    for (uint32_t i = 0; i < config.sounds && s.n_inputs % 4 == 0; i++) {
        if (c->sounds.entries[i].state != SOUND_READY || !c->sounds.entries[i].is_listed) continue;
        struct osc_writer w;
        uint8_t message[OSC_MAX_MESSAGE_BYTES];
        osc_begin(&w, "/sound/unload");
        osc_add_text(&w, c->sounds.entries[i].name);
        send_packet(message, osc_end(&w, message));
    }
    pass_frames(2);
    CHECK(c->voices.n_used == 0);
}

static void close_session(void)
{
    CHECK(worker_stop(&s.engine.control.worker));
    transport_close(&s.transport);
    engine_fini(&s.engine);
    is_open = false;
}

// ---- sessions ----

static void do_line(const char *line, size_t n)
{
    char number[16] = "";
    memcpy(number, line + 1, n > sizeof number ? sizeof number - 1 : n - 1);
    unsigned long value = strtoul(number, NULL, 10);
    switch (line[0]) {
    case '@': pass_frames((uint32_t)(value % 1025)); break;
    case '!': end_loads(); break;
    case '~': clock_step_ns += strtoll(number, NULL, 10) % 10000000 * 1000000; break;
    case '>': set_client((unsigned)(value % 9)); break;
    case '{': open_bundle(number); break;
    case '}': close_bundle(); break;
    default: send_line(line, n);
    }
}

static void note(const void *data, size_t size)
{
    memcpy(journal + s.n_journal, data, size);
    s.n_journal += size + 1;
}

static bool begins_offline(const uint8_t *data, size_t size)
{
    return size > 7 && memcmp(data, "offline", 7) == 0;
}

/// Every fourth session has the clock of a score, beside those whose only input wants it.
static void begin_input(const uint8_t *data, size_t size)
{
    static uint32_t n_sessions;
    if (is_open && (s.n_inputs == MAX_INPUTS || s.n_journal + size + 1 >= JOURNAL_BYTES)) close_session();
    if (!is_open) {
        open_session(begins_offline(data, size) || ++n_sessions % 4 == 0);
        if (s.is_offline) note("offline", 7);
    }
    note(data, size);
    s.n_inputs++;
    set_client(8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data, *end = line + size;
    if (size >= JOURNAL_BYTES / 2) return 0;
    begin_input(data, size);
    if (begins_offline(data, size)) line += 7;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        if (n > 0 && n < 4096) do_line(line, n);
        line += n + 1;
    }
    close_bundle();
    settle();
    clear();
    settle();
    return 0;
}
