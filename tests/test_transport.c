// SPDX-License-Identifier: MIT
// test_transport.c - the sockets, with real clients on the other end.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/osc/transport.h"
#include "tests/arena_limits.h"
#include "tests/transport_rig.h"

// ---- there and back ----

static void test_there_and_back(void **state)
{
    struct fixture *f = *state;
    int clients[] = {unix_client(f, "a"), unix_client(f, "b"), udp_client(f), udp_client(f)};
    struct client seen[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(send(clients[i], "/ping\0\0\0", 8, 0), 8);
        struct datagram d = receive(f);
        assert_int_equal(d.n_bytes, 8);
        assert_memory_equal(d.bytes, "/ping\0\0\0", 8);
        assert_int_equal(d.fd, -1);
        assert_int_equal(d.client.kind, i < 2 ? CLIENT_UNIX : CLIENT_UDP);
        seen[i] = d.client;
        assert_false(try_receive(f, &d));
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            assert_int_equal(client_is(&seen[i], &seen[k]), i == k);
    for (int i = 0; i < 4; i++) {
        transport_send(&f->t, &seen[i], (const uint8_t *)"/pong\0\0", 8);
        expect_bytes(clients[i], "/pong\0\0", 8);
    }
    assert_int_equal(f->t.n_received, 4);
    close_client(f, clients[0], "a");
    close_client(f, clients[1], "b");
    close(clients[2]);
    close(clients[3]);
}

static void test_client_without_an_address(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, NULL);
    assert_int_equal(send(fd, "/x\0\0", 4, 0), 4);
    struct datagram d = receive(f);
    transport_send(&f->t, &d.client, (const uint8_t *)"/pong\0\0", 8); // goes nowhere
    assert_int_equal(f->t.outbox.n_waiting, 0);
    close(fd);
}

static void test_sizes(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[OSC_MAX_PACKET_BYTES + 100];
    static const size_t sizes[] = {0,
                                   1,
                                   OSC_MAX_PACKET_BYTES - 1,
                                   OSC_MAX_PACKET_BYTES,
                                   OSC_MAX_PACKET_BYTES + 1,
                                   OSC_MAX_PACKET_BYTES + 100};
    int fd = unix_client(f, "a");
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_int_equal(send(fd, bytes, sizes[i], 0), sizes[i]);
        struct datagram d = receive(f);
        // What is too long can be told from what just fits.
        assert_int_equal(d.n_bytes, sizes[i] > OSC_MAX_PACKET_BYTES ? OSC_MAX_PACKET_BYTES + 1 : sizes[i]);
    }
    close_client(f, fd, "a");
}

static void send_descriptors(int to, const int *fds, size_t n)
{
    char control[CMSG_SPACE(16 * sizeof(int))];
    struct iovec bytes = {.iov_base = &(char[]){"/x\0"}, .iov_len = 4};
    struct msghdr header = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    memset(control, 0, sizeof control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    assert_int_equal(sendmsg(to, &header, 0), 4);
}

static int count_open(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/// One descriptor is handed over; others, however many, are closed.
static void test_descriptors(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, "a"), pipes[2];
    assert_int_equal(pipe(pipes), 0);
    for (size_t n = 1; n <= 16; n++) {
        int fds[16], before = count_open();
        for (size_t i = 0; i < n; i++)
            fds[i] = pipes[i ? 0 : 1];
        send_descriptors(fd, fds, n);
        struct datagram d = receive(f);
        assert_true(d.fd >= 0);
        assert_int_equal(count_open(), before + 1);
        assert_int_equal(fcntl(d.fd, F_GETFD), FD_CLOEXEC);
        char byte = 0;
        assert_int_equal(write(d.fd, "y", 1), 1); // the first one
        assert_int_equal(read(pipes[0], &byte, 1), 1);
        close(d.fd);
    }
    close(pipes[0]);
    close(pipes[1]);
    close_client(f, fd, "a");
}

// ---- answers that wait ----

static void send_number(struct fixture *f, const struct client *to, uint32_t n)
{
    transport_send(&f->t, to, (uint8_t[]){0, 0, (uint8_t)(n >> 8), (uint8_t)n}, 4);
}

/// Whether the answer can be had now.
static bool is_answered(struct fixture *f, int fd, const struct client *to)
{
    uint8_t got[8];
    transport_send(&f->t, to, (const uint8_t *)"/pong\0\0", 8);
    return recv(fd, got, sizeof got, 0) == 8 && memcmp(got, "/pong\0\0", 8) == 0;
}

/// Answers to a client that does not read wait, in order, up to a limit.
static void check_slow_client(struct fixture *f, int fd)
{
    struct client to = client_of(f, fd);
    uint32_t n_sent = 0;
    while (f->t.n_answers_dropped == 0) {
        send_number(f, &to, n_sent++);
        assert_true(n_sent < 65536);
    }
    assert_true(f->t.outbox.n_waiting > 5400);
    transport_flush(&f->t);
    assert_int_equal(f->t.n_answers_dropped, 1); // none has waited too long
    for (uint32_t i = 0; i + 1 < n_sent; i++) {
        expect_bytes(fd, (uint8_t[]){0, 0, (uint8_t)(i >> 8), (uint8_t)i}, 4);
        transport_flush(&f->t);
    }
    assert_int_equal(f->t.outbox.n_waiting, 0);
    assert_int_equal(f->t.n_answers_dropped, 1);
}

static void test_slow_client(void **state)
{
    struct fixture *f = *state;
    int fd = bound_client(f, "a");
    check_slow_client(f, fd);
    close_client(f, fd, "a");
}

static void test_slow_connected_client(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, "a");
    check_slow_client(f, fd);
    close_client(f, fd, "a");
}

/// All answers to the longest datagram: as many messages of the shortest kind as it holds.
static void test_answers_to_the_longest_datagram(void **state)
{
    struct fixture *f = *state;
    int fd = bound_client(f, "a");
    struct client to = client_of(f, fd);
    for (uint32_t i = 0; i < (OSC_MAX_PACKET_BYTES - 16) / 12; i++)
        transport_send(&f->t, &to, (const uint8_t *)"/done\0\0\0,s\0\0/ping\0\0\0", 20);
    assert_int_equal(f->t.n_answers_dropped, 0);
    close_client(f, fd, "a");
}

/// A client that went to sleep with many answers unread does not hold up another connected one. As many as
/// the system grants room for: an answer takes less than 1024 bytes of the kernel's.
static void test_sleeping_client(void **state)
{
    struct fixture *f = *state;
    int asleep = unix_client(f, "a"), awake = unix_client(f, "b");
    struct client to_asleep = client_of(f, asleep), to_awake = client_of(f, awake);
    int room;
    socklen_t bytes = sizeof room;
    assert_int_equal(getsockopt(listening_fd(f, LISTEN_UNIX_DATAGRAM), SOL_SOCKET, SO_SNDBUF, &room, &bytes),
                     0);
    for (uint32_t i = 0; i < 3000 && (int)i < room / 1024; i++) {
        send_number(f, &to_asleep, i);
        send_number(f, &to_awake, i);
        expect_bytes(awake, (uint8_t[]){0, 0, (uint8_t)(i >> 8), (uint8_t)i}, 4);
    }
    close_client(f, asleep, "a");
    close_client(f, awake, "b");
}

/// More than the socket that it is connected to has room for, and more than may wait.
static void stuff(struct fixture *f, const struct client *to)
{
    static const uint8_t bytes[MAX_ANSWER_BYTES];
    uint64_t before = f->t.n_answers_dropped;
    for (uint32_t i = 0; f->t.n_answers_dropped == before; i++) {
        transport_send(&f->t, to, bytes, sizeof bytes);
        assert_true(i < 65536);
    }
}

/// Whatever a client leaves unread, connected or not, it is its own affair.
static void test_deaf_clients(void **state)
{
    struct fixture *f = *state;
    enum { N_DEAF = N_SENDERS - 2 };
    int deaf[N_DEAF], good = bound_client(f, "good");
    char name[16];
    struct client to_good = client_of(f, good);
    for (int i = 0; i < N_DEAF; i++) {
        snprintf(name, sizeof name, "deaf%d", i);
        deaf[i] = i % 4 == 0 ? unix_client(f, name) : bound_client(f, name);
        struct client to = client_of(f, deaf[i]);
        stuff(f, &to);
        assert_true(is_answered(f, good, &to_good));
    }
    int newcomer = bound_client(f, "newcomer");
    struct client to_newcomer = client_of(f, newcomer);
    assert_true(is_answered(f, newcomer, &to_newcomer));
    for (int i = 0; i < N_DEAF; i++) {
        snprintf(name, sizeof name, "deaf%d", i);
        close_client(f, deaf[i], name);
    }
    close_client(f, good, "good");
    close_client(f, newcomer, "newcomer");
}

static void test_client_that_never_reads(void **state)
{
    struct fixture *f = *state;
    int fd = bound_client(f, "a");
    struct client to = client_of(f, fd);
    while (f->t.outbox.n_waiting < 10)
        transport_send(&f->t, &to, (const uint8_t *)"/ok", 4);
    for (struct waiting_answer *a = f->t.outbox.clients[0].first; a; a = a->next)
        a->deadline_ns = 0; // two seconds later
    transport_flush(&f->t);
    assert_int_equal(f->t.outbox.n_waiting, 0);
    assert_int_equal(f->t.n_answers_dropped, 10);
    close_client(f, fd, "a");
}

/// What the kernel refuses for good is lost, and does not count as sent.
static void test_what_cannot_be_sent(void **state)
{
    struct fixture *f = *state;
    static const uint8_t bytes[70000]; // no UDP datagram is as long
    int fd = udp_client(f);
    assert_int_equal(send(fd, "/x\0\0", 4, 0), 4);
    struct client to = receive(f).client;
    transport_send(&f->t, &to, bytes, sizeof bytes);
    assert_int_equal(f->t.n_answers_dropped, 1);
    assert_int_equal(f->t.outbox.n_waiting, 0);
    close(fd);
}

static void test_client_that_is_gone(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, "a");
    struct client to = client_of(f, fd);
    while (f->t.outbox.n_waiting < 10)
        transport_send(&f->t, &to, (const uint8_t *)"/ok", 4);
    close_client(f, fd, "a");
    transport_flush(&f->t);
    assert_int_equal(f->t.outbox.n_waiting, 0);
    assert_int_equal(f->t.n_answers_dropped, 0); // there is nobody to miss them
}

// ---- opening ----

static void check_refused(struct fixture *f, const char *path, uint16_t port, enum status expected)
{
    struct transport t;
    char reason[256] = "";
    int before = count_open();
    struct transport_config config = config_at(path, NULL, port);
    assert_int_equal(transport_open(&t, arena_allocator(&f->arena), &config, reason), expected);
    assert_true(strlen(reason) > 20);
    assert_int_equal(count_open(), before);
}

static void test_taken_places(void **state)
{
    struct fixture *f = *state;
    char other[64], file[64], long_path[200];
    snprintf(other, sizeof other, "%s/other", f->folder);
    snprintf(file, sizeof file, "%s/file", f->folder);
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = 0;
    check_refused(f, f->path, 0, STATUS_BUSY); // a second daemon
    check_refused(f, other, f->port, STATUS_BUSY);
    assert_int_equal(access(other, F_OK), -1); // the half that succeeded is taken back
    check_refused(f, long_path, 0, STATUS_BAD_ARGUMENT);
    check_refused(f, "/proc/no/such/place", 0, STATUS_NOT_FOUND);
    fclose(fopen(file, "w"));
    struct transport t;
    char reason[256];
    struct transport_config config = config_at(file, NULL, 0);
    assert_int_not_equal(transport_open(&t, arena_allocator(&f->arena), &config, reason), STATUS_OK);
    assert_int_equal(access(file, F_OK), 0); // somebody's file is not ours to remove
    unlink(file);
    int fd = unix_client(f, "a"); // the first daemon is still there
    client_of(f, fd);
    close_client(f, fd, "a");
}

static void test_left_by_a_dead_daemon(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s/dead", f->folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    close(fd); // the file stays
    struct transport t;
    char reason[256];
    struct transport_config config = config_at(un.sun_path, NULL, 0);
    assert_int_equal(transport_open(&t, arena_allocator(&f->arena), &config, reason), STATUS_OK);
    assert_null(listeners_find(&t.listeners, LISTEN_UDP));
    struct stat s;
    assert_int_equal(stat(un.sun_path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0660);
    transport_close(&t);
    transport_close(&t); // twice is once
    assert_int_equal(access(un.sun_path, F_OK), -1);
}

static void test_udp_listens_on_this_machine_only(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in in;
    socklen_t n = sizeof in;
    assert_int_equal(getsockname(listening_fd(f, LISTEN_UDP), (struct sockaddr *)&in, &n), 0);
    assert_int_equal(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(ntohs(in.sin_port), f->port);
}

// ---- set-up ----

static enum status init_one(void *object, struct allocator *a)
{
    char reason[256];
    struct transport_config config = config_at("/tmp/chimed-test-transport-socket", NULL, 0);
    return transport_open(object, a, &config, reason);
}

static void fini_one(void *object)
{
    transport_close(object);
}

static void test_small_arenas(void **state)
{
    (void)state;
    struct transport t;
    check_arena_sizes(&(struct arena_user){init_one, fini_one, &t});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),
        TEST(test_client_without_an_address),
        TEST(test_sizes),
        TEST(test_descriptors),
        TEST(test_slow_client),
        TEST(test_slow_connected_client),
        TEST(test_answers_to_the_longest_datagram),
        TEST(test_sleeping_client),
        TEST(test_deaf_clients),
        TEST(test_client_that_never_reads),
        TEST(test_what_cannot_be_sent),
        TEST(test_client_that_is_gone),
        TEST(test_taken_places),
        TEST(test_left_by_a_dead_daemon),
        TEST(test_udp_listens_on_this_machine_only),
        TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
