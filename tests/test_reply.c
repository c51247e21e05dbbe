// SPDX-License-Identifier: MIT
// test_reply.c - answers as clients get them: alone, in bundles, in parts.
#include "engine/osc/reply.h"
#include "tests/transport_rig.h"

static uint8_t got[70000];

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/// The next datagram that a client got; its length, 0 when there is none.
static size_t next_datagram(int fd)
{
    ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    if (n <= 0) return 0;
    assert_null(osc_packet_check(got, (size_t)n));
    return (size_t)n;
}

static bool is_bundle(void)
{
    return memcmp(got, "#bundle", 8) == 0;
}

static struct client udp_client_of(struct fixture *f, int fd)
{
    assert_int_equal(send(fd, "/x\0\0", 4, 0), 4);
    return receive(f).client;
}

static void answer(struct fixture *f, const struct client *to, int32_t value)
{
    osc_add_int(reply_done(&f->replies, "/n"), value);
    reply_send(&f->replies, to);
}

static void send_list(struct fixture *f, const struct client *to, int32_t n_items)
{
    for (int32_t i = 0; i < n_items; i++) {
        struct osc_writer *w = reply_begin(&f->replies, "/item");
        osc_add_int(w, i);
        osc_add_text(w, i % 50 == 7 ? "a text that is much longer than that of all the other ones" : "x");
        reply_add_item(&f->replies, to);
    }
    osc_add_int(reply_done(&f->replies, "/list"), n_items);
    reply_send(&f->replies, to);
    reply_flush(&f->replies);
}

// ---- collected ----

static void test_one_answer_is_a_message(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, "a");
    struct client to = client_of(f, fd);
    answer(f, &to, 5);
    assert_int_equal(next_datagram(fd), 0); // not before the turn ends
    reply_flush(&f->replies);
    assert_int_equal(next_datagram(fd), 20);
    assert_string_equal(got, "/done");
    reply_flush(&f->replies);
    assert_int_equal(next_datagram(fd), 0);
    close_client(f, fd, "a");
}

/// Reads numbered answers in bundles up to `most` bytes; all but the last as full as they get.
static void check_bundles(int fd, int32_t n_expected, size_t most)
{
    int32_t next = 0;
    for (size_t n; next < n_expected && (n = next_datagram(fd)) > 0;) {
        assert_true(is_bundle());
        assert_true(n <= most);
        for (size_t at = 16; at < n; at += 4 + u32_at(got + at))
            assert_int_equal(u32_at(got + at + 4 + 16), next++);
        if (next < n_expected) assert_true(n > most - 100);
    }
    assert_int_equal(next, n_expected);
    assert_int_equal(next_datagram(fd), 0);
}

static void test_many_answers_are_bundles(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, "a"), udp = udp_client(f);
    struct client to = client_of(f, fd), to_udp = udp_client_of(f, udp);
    for (int32_t i = 0; i < 1000; i++)
        answer(f, &to, i);
    reply_flush(&f->replies);
    check_bundles(fd, 1000, MAX_UNIX_BYTES);
    for (int32_t i = 0; i < 300; i++)
        answer(f, &to_udp, i);
    reply_flush(&f->replies);
    check_bundles(udp, 300, MAX_UDP_BYTES);
    close_client(f, fd, "a");
    close(udp);
}

/// Answers to two clients by turns: each gets its own, in order.
static void test_clients_are_not_mixed(void **state)
{
    struct fixture *f = *state;
    int fds[] = {unix_client(f, "a"), udp_client(f)};
    struct client to[] = {client_of(f, fds[0]), udp_client_of(f, fds[1])};
    for (int32_t i = 0; i < 6; i++)
        answer(f, &to[i % 2], i);
    reply_flush(&f->replies);
    for (uint32_t k = 0; k < 2; k++)
        for (uint32_t i = k; i < 6; i += 2) {
            assert_int_equal(next_datagram(fds[k]), 20);
            assert_int_equal(u32_at(got + 16), i);
        }
    close_client(f, fds[0], "a");
    close(fds[1]);
}

// ---- lists ----

/// Checks one element of a list's datagram; the number of the next item.
static int32_t check_element(const uint8_t *p, int32_t next, int32_t n_items)
{
    if (strcmp((const char *)p, "/item") == 0) {
        assert_int_equal(u32_at(p + 12), next);
        return next + 1;
    }
    assert_string_equal(p, "/done");
    assert_string_equal(p + 12, "/list");
    assert_int_equal(u32_at(p + 20), n_items);
    assert_int_equal(next, n_items);
    return next;
}

static void check_list(int fd, int32_t n_items, size_t most, bool has_parts)
{
    int32_t next = 0;
    uint32_t list = 0, n_parts = 0, n_announced = 0;
    for (size_t n; (n = next_datagram(fd)) > 0;) {
        size_t at = 16;
        assert_true(n <= most);
        assert_true(is_bundle());
        if (has_parts) {
            const uint8_t *part = got + 20, *values = part + (part[11] ? 16 : 12);
            assert_string_equal(part, "/part");
            if (n_parts == 0) list = u32_at(values);
            assert_int_equal(u32_at(values), list);
            assert_int_equal(u32_at(values + 4), n_parts);
            if (part[11]) n_announced = u32_at(values + 8);
            at += 4 + u32_at(got + at);
        }
        for (; at < n; at += 4 + u32_at(got + at))
            next = check_element(got + at + 4, next, n_items);
        n_parts++;
    }
    assert_int_equal(next, n_items);
    assert_int_equal(n_announced, has_parts ? n_parts : 0);
}

static void test_long_lists_come_in_parts_over_udp(void **state)
{
    struct fixture *f = *state;
    int fd = udp_client(f);
    struct client to = udp_client_of(f, fd);
    for (int i = 0; i < 3; i++) {
        send_list(f, &to, 200);
        check_list(fd, 200, MAX_UDP_BYTES, true);
    }
    send_list(f, &to, 20); // fits into one
    check_list(fd, 20, MAX_UDP_BYTES, false);
    close(fd);
}

static void test_lists_on_unix_have_no_parts(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, "a");
    struct client to = client_of(f, fd);
    send_list(f, &to, 2000);
    check_list(fd, 2000, MAX_UNIX_BYTES, false);
    close_client(f, fd, "a");
}

/// The `/done` of a list comes with its own part even if the items just fill a datagram: every length is
/// tried.
static void test_lists_of_every_length(void **state)
{
    struct fixture *f = *state;
    int fd = udp_client(f);
    struct client to = udp_client_of(f, fd);
    for (int32_t n = 1; n < 150; n++) {
        send_list(f, &to, n);
        check_list(fd, n, MAX_UDP_BYTES, f->replies.n_parts > 0);
    }
    close(fd);
}

static void test_answers_around_a_list(void **state)
{
    struct fixture *f = *state;
    int fd = udp_client(f);
    struct client to = udp_client_of(f, fd);
    answer(f, &to, 1);
    send_list(f, &to, 100);
    answer(f, &to, 2);
    reply_flush(&f->replies);
    assert_int_equal(next_datagram(fd), 20);
    assert_int_equal(u32_at(got + 16), 1);
    size_t n = 0, last = 0;
    while ((n = next_datagram(fd)) > 0)
        last = n;
    assert_int_equal(last, 20);
    assert_int_equal(u32_at(got + 16), 2);
    close(fd);
}

// ---- limits ----

static void send_long(struct fixture *f, const struct client *to, size_t n_bytes)
{
    static char text[2048];
    memset(text, 't', sizeof text);
    text[n_bytes] = 0;
    osc_add_text(reply_done(&f->replies, "/long"), text);
    reply_send(&f->replies, to);
    reply_flush(&f->replies);
}

static void test_what_is_too_long_for_udp(void **state)
{
    struct fixture *f = *state;
    int fd = udp_client(f), local = unix_client(f, "a");
    struct client to = udp_client_of(f, fd), to_local = client_of(f, local);
    send_long(f, &to, 1250);
    assert_true(next_datagram(fd) > 1250);
    send_long(f, &to, 1400);
    assert_true(next_datagram(fd) > 0);
    assert_string_equal(got, "/error");
    assert_string_equal(got + 16, "/long"); // what was asked for
    assert_string_equal(got + 24, "too_long");
    assert_int_equal(f->t.n_too_long, 1);
    send_long(f, &to_local, 1400);
    assert_true(next_datagram(local) > 1400);
    assert_string_equal(got, "/done");
    close(fd);
    close_client(f, local, "a");
}

static void test_an_error_always_arrives(void **state)
{
    struct fixture *f = *state;
    static char path[20000], text[1024];
    memset(path, 'p', sizeof path - 1);
    memset(text, 't', sizeof text - 1);
    int fds[] = {unix_client(f, "a"), udp_client(f)};
    struct client to[] = {client_of(f, fds[0]), udp_client_of(f, fds[1])};
    for (int i = 0; i < 2; i++) {
        reply_error(&f->replies, &to[i], path, API_UNKNOWN_METHOD, text);
        reply_flush(&f->replies);
        assert_true(next_datagram(fds[i]) > 1024);
        assert_string_equal(got, "/error");
    }
    assert_int_equal(f->replies.n_errors, 2);
    close_client(f, fds[0], "a");
    close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_answer_is_a_message),     TEST(test_many_answers_are_bundles),
        TEST(test_clients_are_not_mixed),       TEST(test_long_lists_come_in_parts_over_udp),
        TEST(test_lists_on_unix_have_no_parts), TEST(test_lists_of_every_length),
        TEST(test_answers_around_a_list),       TEST(test_what_is_too_long_for_udp),
        TEST(test_an_error_always_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
