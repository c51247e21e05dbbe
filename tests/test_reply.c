// SPDX-License-Identifier: MIT
// test_reply.c - answers as clients get them.
#include "engine/osc/reply.h"
#include "tests/transport_rig.h"

static void test_items_travel_in_bundles(void **state)
{
    struct fixture *f = *state;
    int fd = unix_client(f, "a");
    struct client to = client_of(f, fd);
    for (int i = 0; i < 200; i++) {
        struct osc_writer *w = reply_begin(&f->replies, "/item");
        osc_add_int(w, i);
        osc_add_text(w, i % 50 == 7 ? "a text that is much longer than that of all the other ones" : "x");
        reply_add_item(&f->replies, &to);
    }
    osc_add_int(reply_done(&f->replies, "/list"), 200);
    reply_send(&f->replies, &to);
    int32_t next = 0;
    uint8_t got[4096];
    for (ssize_t n; (n = recv(fd, got, sizeof got, 0)) > 0;) {
        assert_true(n <= MAX_BUNDLE_BYTES);
        assert_null(osc_packet_check(got, (size_t)n));
        if (memcmp(got, "#bundle", 8) != 0) break;
        for (ssize_t at = 16; at < n;) {
            uint32_t size = (uint32_t)got[at + 2] << 8 | got[at + 3];
            assert_string_equal(got + at + 4, "/item");
            assert_int_equal(got[at + 4 + 12 + 3], next);
            next++;
            at += 4 + (ssize_t)size;
        }
    }
    assert_int_equal(next, 200);
    assert_string_equal(got, "/done"); // behind all of them
    close_client(f, fd, "a");
}

static void test_an_error_always_arrives(void **state)
{
    struct fixture *f = *state;
    static char path[20000], text[1024];
    uint8_t got[4096];
    memset(path, 'p', sizeof path - 1);
    memset(text, 't', sizeof text - 1);
    int fd = unix_client(f, "a");
    struct client to = client_of(f, fd);
    reply_error(&f->replies, &to, path, API_UNKNOWN_METHOD, text);
    ssize_t n = recv(fd, got, sizeof got, 0);
    assert_true(n > 1024);
    assert_null(osc_packet_check(got, (size_t)n));
    assert_string_equal(got, "/error");
    assert_int_equal(f->replies.n_errors, 1);
    close_client(f, fd, "a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_items_travel_in_bundles),
        TEST(test_an_error_always_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
