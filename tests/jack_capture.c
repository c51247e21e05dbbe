// SPDX-License-Identifier: MIT
// jack_capture.c - records what a JACK client plays, sample by sample, from the first connected cycle on.
//
// jack_capture SERVER CLIENT N_CHANNELS N_FRAMES FILE
//
// Records CLIENT:out_1 to out_N. Says "ready" when it does. Commands on standard input: "bufsize N" sets the
// server's buffer size and answers "bufsize N"; "stop", or the end of the input, ends it before N_FRAMES are
// full. Then FILE gets the recorded floats of channel 1, then those of channel 2 and so on, and the last line
// says "captured FRAMES skips N xruns N began NS": skips are cycles that did not begin where the last one
// ended on JACK's clock, so what was played meanwhile is not here; NS is when the first cycle came, by
// CLOCK_MONOTONIC.
#include <errno.h>
#include <jack/jack.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_CHANNELS 64

struct capture {
    jack_client_t *client;
    jack_port_t *ports[MAX_CHANNELS];
    uint32_t n_channels, max_frames;
    float *samples; // max_frames for each channel

    // Main hands over by setting `recording` (release) when all above is ready; the audio thread hands what
    // it recorded back by `n_frames` (release).
    _Atomic bool recording, gone;
    _Atomic uint32_t n_frames, n_skips, n_xruns;
    jack_nframes_t next_time; // the audio thread's
    int64_t began_ns;         // likewise, until there are frames
};

static void fail(const char *what)
{
    fprintf(stderr, "jack_capture: %s\n", what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// ---- what libjack calls ----

static int on_process(jack_nframes_t n, void *argument)
{
    struct capture *c = argument;
    if (!atomic_load_explicit(&c->recording, memory_order_acquire)) return 0;
    // relaxed: this thread is the only writer of both.
    uint32_t at = atomic_load_explicit(&c->n_frames, memory_order_relaxed);
    jack_nframes_t now = jack_last_frame_time(c->client);
    if (at > 0 && now != c->next_time) atomic_fetch_add_explicit(&c->n_skips, 1, memory_order_relaxed);
    c->next_time = now + n;
    if (at == 0) c->began_ns = now_ns();
    uint32_t room = c->max_frames - at;
    if (n > room) n = room;
    for (uint32_t i = 0; i < c->n_channels; i++)
        memcpy(c->samples + (size_t)i * c->max_frames + at, jack_port_get_buffer(c->ports[i], n),
               n * sizeof(float));
    atomic_store_explicit(&c->n_frames, at + n, memory_order_release);
    return 0;
}

static int on_xrun(void *argument)
{
    struct capture *c = argument;
    atomic_fetch_add_explicit(&c->n_xruns, 1, memory_order_relaxed); // a number for people
    return 0;
}

static void on_shutdown(jack_status_t code, const char *why, void *argument)
{
    (void)code;
    (void)why;
    struct capture *c = argument;
    atomic_store(&c->gone, true);
}

static void on_message(const char *text)
{
    (void)text;
}

// ---- main ----

static void open_client(struct capture *c, const char *server)
{
    jack_set_error_function(on_message);
    jack_set_info_function(on_message);
    c->client = jack_client_open("capture", JackNoStartServer | JackServerName, NULL, server);
    if (c->client == NULL) fail("no JACK server");
    jack_on_info_shutdown(c->client, on_shutdown, c);
    if (jack_set_process_callback(c->client, on_process, c) != 0 ||
        jack_set_xrun_callback(c->client, on_xrun, c) != 0)
        fail("no callbacks");
    for (uint32_t i = 0; i < c->n_channels; i++) {
        char name[16];
        snprintf(name, sizeof name, "in_%u", i + 1);
        c->ports[i] = jack_port_register(c->client, name, JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
        if (c->ports[i] == NULL) fail("no port");
    }
    if (jack_activate(c->client) != 0) fail("cannot be activated");
}

static void connect_ports(struct capture *c, const char *from)
{
    for (uint32_t i = 0; i < c->n_channels; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s:out_%u", from, i + 1);
        if (jack_connect(c->client, name, jack_port_name(c->ports[i])) != 0) fail(name);
        // The server connects between two cycles.
        for (int tries = 0; jack_port_connected_to(c->ports[i], name) == 0; tries++) {
            if (tries == 5000) fail("a connection does not come about");
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
}

/// False when it is time to end.
static bool take_command(struct capture *c)
{
    char line[64];
    size_t n = 0;
    while (n < sizeof line - 1 && read(STDIN_FILENO, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = 0;
    unsigned frames;
    if (sscanf(line, "bufsize %u", &frames) != 1) return false;
    if (jack_set_buffer_size(c->client, frames) != 0) fail("the server keeps its buffer size");
    printf("bufsize %u\n", frames);
    return true;
}

static void wait_for_end(struct capture *c)
{
    while (atomic_load_explicit(&c->n_frames, memory_order_acquire) < c->max_frames &&
           !atomic_load(&c->gone)) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&input, 1, 10) > 0 && !take_command(c)) return;
    }
}

static void write_samples(const struct capture *c, uint32_t n_frames, const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL) fail(strerror(errno));
    for (uint32_t i = 0; i < c->n_channels; i++)
        fwrite(c->samples + (size_t)i * c->max_frames, sizeof(float), n_frames, file);
    if (fclose(file) != 0) fail(strerror(errno));
}

int main(int argc, char **argv)
{
    static struct capture c;
    if (argc != 6) fail("SERVER CLIENT N_CHANNELS N_FRAMES FILE");
    setvbuf(stdout, NULL, _IOLBF, 0);
    c.n_channels = (uint32_t)strtoul(argv[3], NULL, 10);
    c.max_frames = (uint32_t)strtoul(argv[4], NULL, 10);
    if (c.n_channels == 0 || c.n_channels > MAX_CHANNELS || c.max_frames == 0) fail("numbers");
    size_t bytes = (size_t)c.n_channels * c.max_frames * sizeof(float);
    c.samples = malloc(bytes);
    if (c.samples == NULL) fail("no memory");
    memset(c.samples, 0xFF, bytes); // touched here, so that the audio thread takes no page faults

    open_client(&c, argv[1]);
    connect_ports(&c, argv[2]);
    atomic_store_explicit(&c.recording, true, memory_order_release);
    while (atomic_load_explicit(&c.n_frames, memory_order_acquire) == 0 && !atomic_load(&c.gone))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    puts("ready");
    wait_for_end(&c);

    uint32_t n_frames = atomic_load_explicit(&c.n_frames, memory_order_acquire);
    write_samples(&c, n_frames, argv[5]);
    printf("captured %u skips %u xruns %u began %lld\n", n_frames, c.n_skips, c.n_xruns,
           (long long)c.began_ns);
    fflush(stdout);
    jack_client_close(c.client);
    return 0;
}
