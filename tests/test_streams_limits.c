// SPDX-License-Identifier: MIT
// test_streams_limits.c - connections that are too many, too slow or too fast.
#include "tests/arena_limits.h"
#include "tests/streams_rig.h"

static void test_too_many_connections(void **state)
{
    struct fixture *f = *state;
    int fds[12];
    for (int i = 0; i < 12; i++)
        fds[i] = connected(f, i % 2);
    for (int i = 0; i < 10; i++)
        turn(f);
    // The six of one kind came first; those of the other get half of the places.
    assert_int_equal(f->t.streams.n_open, 8);
    assert_int_equal(f->t.streams.n_refused, 2);
    assert_int_equal(f->t.streams.n_ousted, 2);
    int n_ended = 0, n_kept[2] = {0};
    for (int i = 0; i < 12; i++) {
        char bytes[256];
        ssize_t n;
        while ((n = recv(fds[i], bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
            continue;
        n_ended += n == 0;
        n_kept[i % 2] += n < 0;
        close(fds[i]);
    }
    assert_int_equal(n_kept[0], 4);
    assert_int_equal(n_kept[1], 4);
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
