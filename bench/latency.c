// SPDX-License-Identifier: MIT
// latency.c - times chimed from a command's send to the sound's first sample, both on JACK's clock.
//
// bench_latency SERVER CLIENT URL SOUND N
//
// Sends N times /play SOUND to URL, at random moments of the period, and listens to CLIENT:out_1 on the JACK
// server. SOUND is shorter than a millisecond and not silent at its first sample. One line a figure: a name
// and a number.
//   play_frames  frames from the send to the first sample
//   done_us      time from the send of a /ping to the answer
//   sync_us      time from the send of a /sync to the answer
// At the end "xruns N", as JACK counts them.
#include <jack/jack.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/chime.h"

#define PATIENCE_S 5.0

struct probe {
    jack_client_t *client;
    jack_port_t *port;
    // Main arms (release); the audio thread writes `heard_frame` and disarms (release).
    _Atomic bool armed;
    jack_nframes_t heard_frame;
    _Atomic uint32_t n_xruns;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_latency: %s\n", what);
    exit(1);
}

static void check(enum chime_status status, const char *what)
{
    if (status == CHIME_OK) return;
    fprintf(stderr, "bench_latency: %s: %s\n", what, chime_status_text(status));
    exit(1);
}

static double now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

// ---- what libjack calls ----

static int on_process(jack_nframes_t n, void *argument)
{
    struct probe *p = argument;
    const float *in = jack_port_get_buffer(p->port, n);
    if (!atomic_load_explicit(&p->armed, memory_order_acquire)) return 0;
    for (jack_nframes_t i = 0; i < n; i++) {
        if (in[i] > 0 || in[i] < 0) {
            p->heard_frame = jack_last_frame_time(p->client) + i;
            atomic_store_explicit(&p->armed, false, memory_order_release);
            break;
        }
    }
    return 0;
}

static int on_xrun(void *argument)
{
    struct probe *p = argument;
    atomic_fetch_add_explicit(&p->n_xruns, 1, memory_order_relaxed); // a number for people
    return 0;
}

// ---- main ----

static void open_probe(struct probe *p, const char *server, const char *from)
{
    char name[256];
    p->client = jack_client_open("probe", JackNoStartServer | JackServerName, NULL, server);
    if (p->client == NULL) fail("no JACK server");
    p->port = jack_port_register(p->client, "in", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    if (p->port == NULL || jack_set_process_callback(p->client, on_process, p) != 0 ||
        jack_set_xrun_callback(p->client, on_xrun, p) != 0 || jack_activate(p->client) != 0)
        fail("the JACK server lets no client in");
    snprintf(name, sizeof name, "%s:out_1", from);
    if (jack_connect(p->client, name, jack_port_name(p->port)) != 0) fail(name);
    while (jack_port_connected_to(p->port, name) == 0)
        sleep_us(1000);
}

static void time_play(struct probe *p, struct chime *c, const struct chime_message *play)
{
    // Longer than the sound and a few periods: the last one has died away.
    sleep_us(4000 + rand() % 5000);
    atomic_store_explicit(&p->armed, true, memory_order_release);
    jack_nframes_t sent = jack_frame_time(p->client);
    check(chime_send(c, play, -1, PATIENCE_S), "/play");
    for (int tries = 0; atomic_load_explicit(&p->armed, memory_order_acquire); tries++) {
        if (tries == 50000) fail("nothing is heard");
        sleep_us(100);
    }
    printf("play_frames %d\n", (int)(p->heard_frame - sent));
    struct chime_message *answer;
    check(chime_receive(c, PATIENCE_S, &answer), "/play");
    if (strcmp(chime_message_path(answer), "/done") != 0) fail(chime_message_path(answer));
    chime_message_free(answer);
}

static void time_call(struct chime *c, const struct chime_message *m, const char *name)
{
    sleep_us(1000 + rand() % 2000);
    double began = now_us();
    check(chime_call(c, m, -1, PATIENCE_S, NULL, NULL, NULL), name);
    printf("%s %.1f\n", name, now_us() - began);
}

int main(int argc, char **argv)
{
    static struct probe p;
    struct chime *c;
    if (argc != 6) fail("SERVER CLIENT URL SOUND N");
    long n = strtol(argv[5], NULL, 10);
    struct chime_message *play = chime_message_new("/play"), *ping = chime_message_new("/ping"),
                         *sync = chime_message_new("/sync");
    if (!play || !ping || !sync) fail("no memory");
    chime_add_text(play, argv[4]);
    chime_add_int(sync, 1);
    check(chime_open(argv[3], &c), argv[3]);
    open_probe(&p, argv[1], argv[2]);

    for (long i = 0; i < n; i++)
        time_play(&p, c, play);
    for (long i = 0; i < n; i++)
        time_call(c, ping, "done_us");
    for (long i = 0; i < n; i++)
        time_call(c, sync, "sync_us");
    printf("xruns %u\n", atomic_load(&p.n_xruns));

    jack_client_close(p.client);
    chime_close(c);
    chime_message_free(play);
    chime_message_free(ping);
    chime_message_free(sync);
    return 0;
}
