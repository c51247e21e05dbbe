// SPDX-License-Identifier: MIT
// test_backend_jack.c - the JACK backend, and ALSA through JACK, with a server that comes, goes, dies and
// hangs.
#include <fcntl.h>
#include <jack/jack.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/player.h"

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
    while (pick(config, &b, reason) != STATUS_OK) {
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
    assert_pace(&p->cycle, 48000, 500, 50);

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
    jack_latency_range_t latency; // of the card that both ports go to
    jack_port_get_latency_range(jack_port_by_name(client, "system:playback_1"), JackPlaybackLatency,
                                &latency);
    assert_true(latency.max > 0);
    while (b->latency_frames != latency.max && ms_since(start_ns) < 5000)
        sleep_ms(5);
    assert_int_equal(b->latency_frames, latency.max);
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
        assert_pace(&p->cycle, 48000, 500, 50);
        b->ops->stop(b);
    }
    assert_false(b->lost);
    b->ops->close(b);

    char reason[BACKEND_REASON_BYTES] = "";
    config.channels = 6;
    b = NULL;
    assert_int_equal(pick(&config, &b, reason), STATUS_UNSUPPORTED);
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
        assert_pace(&p->cycle, 48000, 200, 70);
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
    assert_int_equal(pick(&config, &other, reason), STATUS_BUSY);
    assert_true(ms_since(start_ns) < 1000);
    assert_non_null(strstr(reason, "hangs"));

    kill(server, SIGCONT);
    other = open_when_ready(&config);
    start_or_fail(other, &p->cycle);
    assert_pace(&p->cycle, 48000, 200, 70);
    other->ops->close(other);
    player_free(p);
    end_jackd(server, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jack_plays),
        cmocka_unit_test(test_alsa_on_a_clock),
        cmocka_unit_test(test_jack_server_dies),
        cmocka_unit_test(test_jack_server_hangs),
    };
    return cmocka_run_group_tests(tests, player_set_up, player_tear_down);
}
