// SPDX-License-Identifier: MIT
// test_streams.c - connections with real clients on the other end: framings, ends, slow readers, limits.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "engine/osc/text.h"
#include "tests/arena_limits.h"
#include "tests/transport_rig.h"

static const uint8_t ping[] = "/ping\0\0\0,\0\0"; // 12 bytes with the last 0
static const uint8_t done[] = "/done\0\0\0,s\0\0/ping\0\0";

static int connected(const struct fixture *f, bool is_tcp)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", f->stream_path);
    int fd = socket(is_tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
    int failed = is_tcp ? connect(fd, (struct sockaddr *)&in, sizeof in)
                        : connect(fd, (struct sockaddr *)&un, sizeof un);
    assert_int_equal(failed, 0);
    return fd;
}

static void put(int fd, const void *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/// A turn of the loop: everything that came is answered. Returns how many packets there were.
static uint32_t turn(struct fixture *f)
{
    struct datagram d;
    uint32_t n = 0;
    transport_begin(&f->t);
    for (; transport_next(&f->t, &d); n++)
        transport_send(&f->t, &d.client, done, sizeof done);
    transport_flush(&f->t);
    return n;
}

/// Turns until so many packets were taken, or for two seconds.
static void turns(struct fixture *f, uint32_t n_packets)
{
    uint32_t n = 0;
    for (int i = 0; i < 2000 && n < n_packets; i++) {
        n += turn(f);
        if (n < n_packets) usleep(1000);
    }
    assert_int_equal(n, n_packets);
}

/// Turns until all connections are closed, or for two seconds.
static void turns_until_closed(struct fixture *f)
{
    for (int i = 0; i < 2000 && f->t.streams.n_open > 0; i++) {
        assert_int_equal(turn(f), 0);
        usleep(1000);
    }
    assert_int_equal(f->t.streams.n_open, 0);
}

static void expect(int fd, const void *bytes, size_t n)
{
    static uint8_t got[70000];
    assert_int_equal(recv(fd, got, n, MSG_WAITALL), n);
    assert_memory_equal(got, bytes, n);
}

static void expect_end(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void test_each_framing(void **state)
{
    struct fixture *f = *state;
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        int fds[] = {connected(f, is_tcp), connected(f, is_tcp), connected(f, is_tcp)};
        put(fds[0], "\0\0\0\14", 4);
        put(fds[0], ping, sizeof ping);
        put(fds[1], "\xC0", 1);
        put(fds[1], ping, sizeof ping);
        put(fds[1], "\xC0", 1);
        put(fds[2], "ping\r\n", 6);
        turns(f, 3);
        expect(fds[0], "\0\0\0\24", 4);
        expect(fds[0], done, sizeof done);
        expect(fds[1], "\xC0/done", 6);
        expect(fds[1], done + 5, sizeof done - 5);
        expect(fds[1], "\xC0", 1);
        expect(fds[2], "/done /ping\n", 12);
        for (int i = 0; i < 3; i++)
            close(fds[i]);
        turns_until_closed(f);
    }
    assert_int_equal(f->t.streams.n_accepted, 6);
}

static void test_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    int fd = connected(f, false);
    uint8_t bytes[16] = {0, 0, 0, 12};
    memcpy(bytes + 4, ping, sizeof ping);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            put(fd, bytes + i, 1);
            for (int k = 0; k < 3 && i + 1 < sizeof bytes; k++)
                assert_int_equal(turn(f), 0);
        }
        turns(f, 1);
        expect(fd, "\0\0\0\24", 4);
        expect(fd, done, sizeof done);
    }
    close(fd);
}

static void test_roles_and_references(void **state)
{
    struct fixture *f = *state;
    struct datagram d;
    int local = connected(f, false), tcp = connected(f, true);
    put(local, "ping\n", 5);
    d = receive(f);
    assert_int_equal(d.client.role, ROLE_ADMIN); // its uid is the daemon's own
    assert_int_equal(d.client.kind, CLIENT_STREAM);
    assert_true(d.arrival_ns > 0);
    struct client first = d.client;
    put(tcp, "ping\n", 5);
    d = receive(f);
    assert_int_equal(d.client.role, ROLE_READ);
    assert_false(client_is(&first, &d.client));
    close(local);
    for (int i = 0; i < 100 && f->t.streams.n_open > 1; i++) {
        transport_begin(&f->t);
        assert_false(transport_next(&f->t, &d));
        transport_send(&f->t, &first, done, sizeof done); // may or may not arrive
        transport_flush(&f->t);
    }
    int later = connected(f, false); // in the same place
    put(later, "ping\n", 5);
    d = receive(f);
    assert_int_equal(d.client.address.stream.index, first.address.stream.index);
    assert_false(client_is(&first, &d.client));
    transport_send(&f->t, &first, done, sizeof done); // goes to nobody, not to who has the place now
    transport_send(&f->t, &d.client, (const uint8_t *)"/x\0\0,\0\0", 8);
    transport_flush(&f->t);
    expect(later, "/x\n", 3);
    close(later);
    close(tcp);
}

// ---- ends ----

/// Who closes its end gets the answers that are under way, even late ones; then the connection ends.
static void test_half_close(void **state)
{
    struct fixture *f = *state;
    struct datagram d;
    int fd = connected(f, false);
    put(fd, "ping\nping", 9); // the last line has no end
    shutdown(fd, SHUT_WR);
    struct client first = receive(f).client;
    d = receive(f);
    assert_true(client_is(&first, &d.client));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(turn(f), 0);
        assert_int_equal(f->t.streams.n_open, 1);
    }
    transport_send(&f->t, &first, done, sizeof done);
    transport_flush(&f->t);
    assert_int_equal(f->t.streams.n_open, 1);
    transport_send(&f->t, &first, (const uint8_t *)"/ended\0\0,\0\0", 12); // no answer, but an event
    transport_flush(&f->t);
    assert_int_equal(f->t.streams.n_open, 1);
    transport_send(&f->t, &first, (const uint8_t *)"/synced\0,i\0\0\0\0\0\7", 16);
    transport_flush(&f->t);
    assert_int_equal(f->t.streams.n_open, 0);
    expect(fd, "/done /ping\n/ended\n/synced 7\n", 29);
    expect_end(fd);
    close(fd);
}

/// What was sent before the client left is done, though nobody hears the answers.
static void test_gone_client(void **state)
{
    struct fixture *f = *state;
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        int fd = connected(f, is_tcp);
        turn(f);
        char lines[2500];
        for (size_t i = 0; i < sizeof lines; i++)
            lines[i] = "ping\n"[i % 5];
        put(fd, lines, sizeof lines);
        close(fd);
        if (is_tcp) { // its kernel may throw away what it has when an answer is refused
            for (int i = 0; i < 2000 && f->t.streams.n_open > 0; i++)
                turn(f), usleep(100);
        } else {
            turns(f, 500);
        }
        turns_until_closed(f);
    }
    assert_int_equal(f->t.streams.blocks.n_free, N_OUTGOING_BLOCKS);
}

static void check_lost(struct fixture *f, const void *bytes, size_t n, bool is_told)
{
    static char got[4096];
    uint64_t before = f->t.streams.n_lost;
    int fd = connected(f, false);
    put(fd, bytes, n);
    for (int i = 0; i < 50; i++)
        assert_int_equal(turn(f), 0);
    ssize_t n_got = recv(fd, got, sizeof got - 1, MSG_WAITALL); // up to the end
    assert_int_equal(n_got > 0, is_told);
    if (is_told) assert_non_null(memmem(got, (size_t)n_got, "bad_packet", 10));
    assert_int_equal(f->t.streams.n_lost, before + 1);
    close(fd);
    turns_until_closed(f);
}

static void test_lost_framing(void **state)
{
    struct fixture *f = *state;
    check_lost(f, "\0\7\0\0and more that was not read yet", 30, true);
    check_lost(f,
               "\xC0"
               "ab\xDB"
               "c\xC0",
               6, true);
    check_lost(f, "\1\2\3\4", 4, true);
    // A page in a browser can have it send this; the line behind it must not be done.
    check_lost(f, "POST / HTTP/1.1\r\nHost: 127.0.0.1:57300\r\n\r\nquit\n", 48, false);
}

static void test_bad_lines(void **state)
{
    struct fixture *f = *state;
    static char text[6000];
    static const char line[6] = "\nping\n";
    int fd = connected(f, false);
    memset(text, 'x', 5000);
    memcpy(text + 5000, line, sizeof line);
    put(fd, text, 5006);
    turns(f, 1);
    expect(fd, "/error \"\" bad_packet \"a line is longer than 4096 bytes\"\n/done /ping\n", 68);
    close(fd);
}

// ---- limits ----

static void test_too_many_connections(void **state)
{
    struct fixture *f = *state;
    int fds[12];
    for (int i = 0; i < 12; i++)
        fds[i] = connected(f, i % 2);
    for (int i = 0; i < 10; i++)
        turn(f);
    assert_int_equal(f->t.streams.n_open, 8);
    assert_int_equal(f->t.streams.n_refused, 4);
    int n_ended = 0;
    for (int i = 0; i < 12; i++) {
        char byte;
        n_ended += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
        close(fds[i]);
    }
    assert_int_equal(n_ended, 4);
    turns_until_closed(f);
}

static void test_comings_and_goings(void **state)
{
    struct fixture *f = *state;
    int before = open("/dev/null", O_RDONLY);
    for (int i = 0; i < 1000; i++) {
        int fd = connected(f, i % 2);
        if (i % 3 == 0) put(fd, "ping\n", 5);
        if (i % 5 == 0) put(fd, "half a li", 9);
        turn(f);
        close(fd);
        turn(f);
    }
    turns_until_closed(f);
    int after = open("/dev/null", O_RDONLY);
    assert_int_equal(after, before + 1); // no descriptor is left
    assert_int_equal(f->t.streams.blocks.n_free, N_OUTGOING_BLOCKS);
    assert_int_equal(f->t.streams.n_accepted, 1000);
    close(before);
    close(after);
}

/// The next message of a stream of length-framed ones; its length, 0 at the end.
static size_t next_message(int fd, uint8_t *to)
{
    uint8_t head[4];
    if (recv(fd, head, 4, MSG_WAITALL) != 4) return 0;
    size_t n = (size_t)head[2] << 8 | head[3];
    assert_int_equal(recv(fd, to, n, MSG_WAITALL), n);
    return n;
}

/// A client that asks and never reads: it is told why it is cut off, behind whole messages, and others are
/// served.
static void test_slow_reader(void **state)
{
    struct fixture *f = *state;
    static uint8_t big[4000], got[65536];
    // A blob of 3980 bytes: its length and what is in it make 3984.
    static const uint8_t head[16] = "/big\0\0\0\0,b\0\0\0\0\17\214";
    memcpy(big, head, sizeof head);
    int slow = connected(f, false), other = connected(f, false);
    put(slow, "\0\0\0\14", 4);
    put(slow, ping, sizeof ping);
    struct client to = receive(f).client;
    uint32_t n_sent = 0;
    while (f->t.streams.n_slow == 0 && n_sent < 100000) {
        transport_send(&f->t, &to, big, sizeof big);
        if (++n_sent % 100 == 0) { // meanwhile another one is served
            put(other, "ping\n", 5);
            turns(f, 1);
            expect(other, "/done /ping\n", 12);
        }
    }
    assert_int_equal(f->t.streams.n_slow, 1); // because it had its share of the room
    assert_true(n_sent * sizeof big > 2 << 20);
    uint32_t n_whole = 0;
    bool is_told = false;
    fcntl(slow, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 100; i++)
        turn(f);
    fcntl(slow, F_SETFL, 0);
    for (size_t n; !is_told;) {
        turn(f);
        struct pollfd p = {.fd = slow, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 1000), 1);
        n = next_message(slow, got);
        assert_true(n > 0);
        is_told = strcmp((const char *)got, "/error") == 0;
        if (is_told)
            assert_non_null(memmem(got, n, "slow_reader", 11));
        else
            assert_int_equal(n, sizeof big);
        n_whole++;
    }
    assert_true(n_whole > 1);
    turn(f);
    turn(f);
    assert_int_equal(next_message(slow, got), 0);
    close(slow);
    close(other);
    turns_until_closed(f);
    assert_int_equal(f->t.streams.blocks.n_free, N_OUTGOING_BLOCKS);
}

/// One that holds up little, but for too long.
static void test_patience(void **state)
{
    struct fixture *f = *state;
    static uint8_t got[65536];
    int slow = connected(f, true);
    uint32_t n = 0;
    for (int i = 0; i < 5000 && f->t.streams.n_slow == 0; i++) {
        // It asks as long as it is read from.
        static const char lines[] = "ping\nping\nping\nping\nping\nping\nping\nping\n";
        for (int k = 0; k < 50; k++)
            n += send(slow, lines, sizeof lines - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
        turn(f);
        usleep(1000);
    }
    assert_true(n > 100);
    assert_int_equal(f->t.streams.n_slow, 1);
    assert_true(f->t.streams.blocks.n_free > N_OUTGOING_BLOCKS / 2); // it did not take much
    ssize_t n_got, n_kept = 0;
    for (int i = 0; i < 5000; i++) { // it wakes up
        turn(f);
        n_got = recv(slow, got + n_kept, sizeof got - 1 - (size_t)n_kept, MSG_DONTWAIT);
        if (n_got == 0) break;
        if (n_got < 0) {
            usleep(1000);
            continue;
        }
        n_kept += n_got;
        if (n_kept > 60000) { // the end is what counts
            memmove(got, got + n_kept - 1000, 1000);
            n_kept = 1000;
        }
    }
    got[n_kept] = 0;
    assert_non_null(strstr((char *)got, "/done /ping\n/error \"\" slow_reader "));
    close(slow);
    turns_until_closed(f);
}

static int set_up_slowly(void **state)
{
    int failed = set_up(state);
    struct fixture *f = *state;
    f->t.streams.rate = f->t.clients.rate = 50;
    return failed;
}

/// Who is too fast on a connection is held back, and nothing is lost.
static void test_held_back(void **state)
{
    struct fixture *f = *state;
    int fd = connected(f, false);
    for (int i = 0; i < 80; i++)
        put(fd, "ping\n", 5);
    assert_int_equal(turn(f), 0); // takes the connection
    uint32_t n = turn(f);
    assert_in_range(n, 50, 60); // a second's worth, and what a slow machine adds to it
    assert_true(f->t.streams.wake_ns > 0 && f->t.streams.wake_ns <= 1000000);
    turns(f, 80 - n);
    close(fd);
    turns_until_closed(f);
}

/// Who is too fast with datagrams is told once a second.
static void test_refused(void **state)
{
    struct fixture *f = *state;
    int fd = udp_client(f);
    uint8_t got[1024];
    for (int i = 0; i < 200; i++)
        assert_int_equal(send(fd, ping, sizeof ping, 0), sizeof ping);
    uint32_t n = turn(f), n_told = 0;
    assert_in_range(n, 50, 150);
    assert_int_equal(f->t.n_too_fast, 200 - n);
    for (ssize_t k; (k = recv(fd, got, sizeof got, MSG_DONTWAIT)) > 0;)
        n_told += memmem(got, (size_t)k, "too_fast", 8) != NULL;
    assert_int_equal(n_told, 1);
    close(fd);
}

/// Nothing is read while the loop has no room, and nothing is lost.
static void test_back_pressure(void **state)
{
    struct fixture *f = *state;
    int stream = connected(f, false), local = unix_client(f, "a");
    struct datagram d;
    for (int i = 0; i < 10; i++)
        put(stream, "ping\n", 5);
    for (int i = 0; i < 5; i++)
        put(local, ping, sizeof ping);
    uint32_t n = 0;
    for (int i = 0; i < 50 && n < 15; i++) { // one a turn
        transport_begin(&f->t);
        if (transport_next(&f->t, &d)) {
            n++;
            transport_send(&f->t, &d.client, done, sizeof done);
        }
        transport_flush(&f->t);
    }
    assert_int_equal(n, 15);
    for (int i = 0; i < 10; i++)
        expect(stream, "/done /ping\n", 12);
    close(stream);
    close_client(f, local, "a");
}

// ---- set-up ----

static enum status init_one(void *object, struct allocator *a)
{
    return streams_init(object, a, 4, 100, 1000);
}

static void fini_one(void *object)
{
    streams_close(object);
}

static void test_small_arenas(void **state)
{
    (void)state;
    static struct streams s;
    check_arena_sizes(&(struct arena_user){init_one, fini_one, &s});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_framing),
        TEST(test_byte_by_byte),
        TEST(test_roles_and_references),
        TEST(test_half_close),
        TEST(test_gone_client),
        TEST(test_lost_framing),
        TEST(test_bad_lines),
        TEST(test_too_many_connections),
        TEST(test_comings_and_goings),
        TEST(test_slow_reader),
        TEST(test_patience),
        cmocka_unit_test_setup_teardown(test_held_back, set_up_slowly, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up_slowly, tear_down),
        TEST(test_back_pressure),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
