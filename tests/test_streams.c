// SPDX-License-Identifier: MIT
// test_streams.c - connections: framings, roles, and how they end.
#include "tests/streams_rig.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_framing), TEST(test_byte_by_byte), TEST(test_roles_and_references),
        TEST(test_half_close),   TEST(test_gone_client),  TEST(test_lost_framing),
        TEST(test_bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
