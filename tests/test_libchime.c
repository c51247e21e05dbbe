// SPDX-License-Identifier: MIT
// test_libchime.c - the client library against a peer on real sockets: URLs, messages, bundles, junk.
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/chime.h"
#include "clients/message.h"
#include "clients/url.h"
#include "tests/libchime_rig.h"

// ---- URLs ----

static void test_urls(void **state)
{
    (void)state;
    struct url u;
    assert_int_equal(url_parse("osc.unix:///run/x/y.sock", &u), CHIME_OK);
    assert_true(u.is_unix);
    assert_string_equal(u.path, "/run/x/y.sock");
    assert_int_equal(url_parse("osc.udp://localhost:5000/", &u), CHIME_OK);
    assert_false(u.is_unix);
    assert_string_equal(u.host, "localhost");
    assert_string_equal(u.port, "5000");
    assert_int_equal(url_parse("osc.udp://10.0.0.7", &u), CHIME_OK);
    assert_string_equal(u.port, "57300");
    assert_int_equal(url_parse("osc.udp://[::1]:99", &u), CHIME_OK);
    assert_string_equal(u.host, "::1");
    assert_string_equal(u.port, "99");
    assert_false(u.is_stream);
    assert_int_equal(url_parse("osc.tcp://[::1]:99/", &u), CHIME_OK);
    assert_true(u.is_stream && !u.is_unix);
    assert_string_equal(u.host, "::1");
    assert_int_equal(url_parse("osc.stream:///run/x/y.stream", &u), CHIME_OK);
    assert_true(u.is_stream && u.is_unix);
    assert_string_equal(u.path, "/run/x/y.stream");
    static const char *const bad[] = {
        "",
        "/run/x",
        "osc.unix://",
        "osc.unix:///",
        "osc.unix://host/path",
        "osc.udp://",
        "osc.udp://:5000/",
        "osc.udp://a:/",
        "osc.udp://a:0/",
        "osc.udp://a:65536/",
        "osc.udp://a:123456/",
        "osc.udp://a:12x/",
        "osc.udp://a:12/path",
        "osc.udp://[::1:99/",
        "osc.udp://[]:99/",
        "osc.tcp://a:0/",
        "osc.stream://path",
        "http://a/",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(url_parse(bad[i], &u), CHIME_BAD_ARGUMENT);
}

static void test_url_lengths(void **state)
{
    (void)state;
    struct url u;
    char text[512];
    const size_t most = sizeof u.path - 1;
    for (size_t n = most - 1; n <= most + 1; n++) {
        size_t prefix = (size_t)snprintf(text, sizeof text, "osc.unix:///");
        memset(text + prefix, 'x', n - 1);
        text[prefix + n - 1] = 0;
        assert_int_equal(url_parse(text, &u), n <= most ? CHIME_OK : CHIME_BAD_ARGUMENT);
    }
    memset(text, 'h', sizeof text);
    memcpy(text, "osc.udp://", 10);
    text[10 + sizeof u.host - 1] = 0;
    assert_int_equal(url_parse(text, &u), CHIME_OK);
    text[10 + sizeof u.host - 1] = 'h';
    text[10 + sizeof u.host] = 0;
    assert_int_equal(url_parse(text, &u), CHIME_BAD_ARGUMENT);
    struct chime *c;
    text[sizeof text - 1] = 0;
    assert_int_equal(chime_open(text, &c), CHIME_BAD_ARGUMENT);
    assert_null(c);
}

static void test_default_url(void **state)
{
    struct peer *p = *state;
    char text[256], path[80];
    setenv("CHIME_URL", "osc.udp://example:1/", 1);
    assert_int_equal(chime_resolve_url(NULL, text, sizeof text), CHIME_OK);
    assert_string_equal(text, "osc.udp://example:1/");
    assert_int_equal(chime_resolve_url("osc.udp://given:2/", text, sizeof text), CHIME_OK);
    assert_string_equal(text, "osc.udp://given:2/");
    assert_int_equal(chime_resolve_url("osc.udp://given:2/", text, 18), CHIME_BAD_ARGUMENT);
    assert_int_equal(chime_resolve_url("osc.udp://given:2/", text, 19), CHIME_OK);
    unsetenv("CHIME_URL");
    setenv("XDG_RUNTIME_DIR", p->folder, 1);
    assert_int_equal(chime_resolve_url(NULL, text, sizeof text), CHIME_OK);
    assert_string_equal(text, "osc.unix:///run/chimed/chimed.sock");
    assert_int_equal(chime_resolve_url("instance:USB", text, sizeof text), CHIME_OK);
    assert_string_equal(text, "osc.unix:///run/chimed-USB/chimed.sock");
    assert_int_equal(chime_resolve_url("instance:", text, sizeof text), CHIME_BAD_ARGUMENT);
    assert_int_equal(chime_resolve_url("instance:../x", text, sizeof text), CHIME_BAD_ARGUMENT);
    setenv("CHIMED_SOCKET", "/some/where", 1);
    assert_int_equal(chime_resolve_url(NULL, text, sizeof text), CHIME_OK);
    assert_string_equal(text, "osc.unix:///some/where");
    unsetenv("CHIMED_SOCKET");
    snprintf(path, sizeof path, "%s/chimed", p->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/chimed/chimed.sock", p->folder);
    int fd = bind_socket(path);
    assert_int_equal(chime_resolve_url(NULL, text, sizeof text), CHIME_OK);
    assert_string_equal(text + strlen("osc.unix://"), path);
    close(fd);
    unlink(path);
    *strrchr(path, '/') = 0;
    rmdir(path);
    unsetenv("XDG_RUNTIME_DIR");
}

static void test_open_fails(void **state)
{
    struct peer *p = *state;
    struct chime *c = NULL;
    assert_int_equal(chime_open("osc.unix:///nowhere/at/all", &c), CHIME_NO_DAEMON);
    assert_null(c);
    close(p->fd); // the file stays behind, as a killed daemon leaves it
    p->fd = -1;
    assert_int_equal(chime_open(p->url, &c), CHIME_NO_DAEMON);
    assert_null(c);
    assert_int_equal(chime_open("nonsense", &c), CHIME_BAD_ARGUMENT);
    assert_int_equal(chime_open(p->url, NULL), CHIME_BAD_ARGUMENT);
    chime_close(NULL);
}

// ---- messages ----

static void test_build(void **state)
{
    struct peer *p = *state;
    struct chime_message *m = chime_message_new("/voice/set");
    chime_add_int(m, -7);
    chime_add_long(m, INT64_C(1) << 40);
    chime_add_float(m, 0.25f);
    chime_add_double(m, -1e100);
    chime_add_text(m, "a word");
    assert_int_equal(chime_message_count(m), 5);
    assert_int_equal(chime_send(p->c, m, -1, LONG_S), CHIME_OK);
    chime_message_free(m);
    char got[256], wanted[256];
    ssize_t n = recv(p->fd, got, sizeof got, 0);
    size_t n_wanted =
        lo_bytes(wanted, "/voice/set", "ihfds", -7, INT64_C(1) << 40, 0.25, -1e100, "a word", END);
    assert_int_equal(n, (ssize_t)n_wanted);
    assert_memory_equal(got, wanted, n_wanted);
}

static void test_build_fails(void **state)
{
    struct peer *p = *state;
    assert_null(chime_message_new(NULL));
    chime_message_free(NULL);
    struct chime_message *m = chime_message_new("/x");
    chime_add_text(m, NULL);
    chime_add_int(m, 1);
    assert_int_equal(chime_send(p->c, m, -1, LONG_S), CHIME_NO_MEMORY);
    chime_message_free(m);
    m = chime_message_new("no/root");
    assert_int_equal(chime_send(p->c, m, -1, LONG_S), CHIME_BAD_ARGUMENT);
    chime_message_free(m);
    char *text = malloc(MESSAGE_MAX_BYTES + 1);
    memset(text, 'x', MESSAGE_MAX_BYTES);
    text[MESSAGE_MAX_BYTES] = 0;
    m = chime_message_new("/x");
    chime_add_text(m, text);
    assert_int_equal(chime_send(p->c, m, -1, LONG_S), CHIME_BAD_ARGUMENT);
    chime_message_free(m);
    free(text);
    char byte;
    assert_int_equal(recv(p->fd, &byte, 1, MSG_DONTWAIT), -1); // nothing of it was sent
}

/// A message as bytes and back, and what is none.
static void test_pack_and_unpack(void **state)
{
    (void)state;
    unsigned char bytes[256], bundle[256];
    size_t n, n_bundle;
    struct chime_message *m = chime_message_new("/play"), *again;
    chime_add_text(m, "bell");
    chime_add_double(m, 0.1);
    assert_int_equal(chime_message_pack(m, bytes, sizeof bytes, &n), CHIME_OK);
    assert_int_equal(chime_message_unpack(bytes, n, &again), CHIME_OK);
    assert_string_equal(chime_message_path(again), "/play");
    assert_string_equal(chime_message_text(again, 0), "bell");
    assert_true(chime_message_number(again, 1) == 0.1);
    chime_message_free(again);
    assert_int_equal(chime_message_pack(m, bytes, n - 1, &n_bundle), CHIME_BAD_ARGUMENT);
    chime_message_free(m);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(chime_message_unpack(bytes, i, &again), CHIME_BAD_ARGUMENT);
        assert_null(again);
    }
    memcpy(bundle, "#bundle\0\0\0\0\0\0\0\0\1\0\0\0", 20);
    bundle[19] = (unsigned char)n;
    memcpy(bundle + 20, bytes, n);
    assert_int_equal(chime_message_unpack(bundle, 20 + n, &again), CHIME_BAD_ARGUMENT);
    assert_null(again);
}

static void test_read(void **state)
{
    struct peer *p = *state;
    char bytes[256];
    struct chime_message *m;
    size_t n = lo_bytes(bytes, "/x", "ihfdsSTFN", 5, INT64_MAX, 0.5, 1e300, "text", "symbol", END);
    peer_say(p, bytes, n);
    assert_int_equal(chime_receive(p->c, LONG_S, &m), CHIME_OK);
    assert_string_equal(chime_message_path(m), "/x");
    assert_int_equal(chime_message_count(m), 9);
    assert_int_equal(chime_message_int(m, 0), 5);
    assert_true(chime_message_int(m, 1) == INT64_MAX);
    assert_true(chime_message_number(m, 2) == 0.5);
    assert_true(chime_message_number(m, 3) == 1e300);
    assert_true(chime_message_int(m, 3) == INT64_MAX);
    assert_string_equal(chime_message_text(m, 4), "text");
    assert_string_equal(chime_message_text(m, 5), "symbol");
    assert_int_equal(chime_message_int(m, 6), 1);
    assert_int_equal(chime_message_int(m, 7), 0);
    assert_int_equal(chime_message_type(m, 8), 'N');
    assert_null(chime_message_text(m, 0)); // not a text
    assert_true(chime_message_number(m, 4) == 0);
    assert_int_equal(chime_message_type(m, 9), 0); // behind the end
    assert_null(chime_message_text(m, 9));
    assert_int_equal(chime_message_int(m, SIZE_MAX), 0);
    chime_message_free(m);
    peer_say(p, bytes, lo_bytes(bytes, "/x", "ff", (double)NAN, (double)-INFINITY, END));
    assert_int_equal(chime_receive(p->c, LONG_S, &m), CHIME_OK);
    assert_int_equal(chime_message_int(m, 0), 0);
    assert_true(chime_message_int(m, 1) == INT64_MIN);
    chime_message_free(m);
}

// ---- bundles and junk ----

static size_t put_length(char *at, size_t n)
{
    uint32_t value = htonl((uint32_t)n);
    memcpy(at, &value, 4);
    return 4;
}

static size_t bundle_head(char *at)
{
    static const char head[16] = {'#', 'b', 'u', 'n', 'd', 'l', 'e', [15] = 1};
    memcpy(at, head, sizeof head);
    return sizeof head;
}

// A message in `depth` bundles around it.
static size_t nest(char *at, unsigned depth)
{
    char inner[1024];
    size_t n = depth > 0 ? nest(inner, depth - 1) : lo_bytes(inner, "/deep", "i", (int)depth, END);
    if (depth == 0) {
        memcpy(at, inner, n);
        return n;
    }
    size_t length = bundle_head(at);
    length += put_length(at + length, n);
    memcpy(at + length, inner, n);
    return length + n;
}

static void test_bundles(void **state)
{
    struct peer *p = *state;
    char bytes[1024], inner[1024];
    struct chime_message *m;
    // One bundle: a message, a bundle of two messages, a message.
    size_t n_inner = bundle_head(inner);
    for (int i = 2; i <= 3; i++) {
        size_t at = n_inner + 4, length = lo_bytes(inner + at, "/n", "i", i, END);
        put_length(inner + n_inner, length);
        n_inner = at + length;
    }
    size_t n = bundle_head(bytes);
    size_t length = lo_bytes(bytes + n + 4, "/n", "i", 1, END);
    n += put_length(bytes + n, length) + length;
    memcpy(bytes + n + 4, inner, n_inner);
    n += put_length(bytes + n, n_inner) + n_inner;
    length = lo_bytes(bytes + n + 4, "/n", "i", 4, END);
    n += put_length(bytes + n, length) + length;
    peer_say(p, bytes, n);
    for (int i = 1; i <= 4; i++) {
        assert_int_equal(chime_receive(p->c, i == 1 ? LONG_S : 0, &m), CHIME_OK);
        assert_int_equal(chime_message_int(m, 0), i);
        chime_message_free(m);
    }
    assert_int_equal(chime_receive(p->c, 0, &m), CHIME_TIMEOUT);
    // Every truncation of it is junk as a whole, but for the empty bundle and those cut between two elements.
    struct message_list list = {0};
    for (size_t cut = 0; cut < n; cut++) {
        char *exact = malloc(cut + !cut); // so that a read behind the end is seen by the sanitizer
        memcpy(exact, bytes, cut);
        size_t taken = 0;
        bool good = message_unpack(exact, cut, &list) == CHIME_OK;
        while ((m = message_take(&list))) {
            taken++;
            chime_message_free(m);
        }
        assert_int_equal(good, cut == 16 || cut == 16 + 16 || cut == 16 + 16 + 4 + n_inner);
        assert_int_equal(taken, !good || cut == 16 ? 0 : cut == 32 ? 1 : 3);
        free(exact);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char bytes[1024];
    struct message_list list = {0};
    struct chime_message *m;
    assert_int_equal(message_unpack(bytes, nest(bytes, MESSAGE_MAX_DEPTH), &list), CHIME_OK);
    m = message_take(&list);
    assert_non_null(m);
    chime_message_free(m);
    assert_int_equal(message_unpack(bytes, nest(bytes, MESSAGE_MAX_DEPTH + 1), &list), CHIME_BAD_ARGUMENT);
    assert_null(message_take(&list));
}

static void test_junk(void **state)
{
    struct peer *p = *state;
    static const struct {
        const char *bytes;
        size_t n;
    } junk[] = {
        {"", 0},
        {"/x", 2},
        {"/xyz", 4},                 // the path has no end
        {"/x\0\0", 4},               // no type tags
        {"abc\0,\0\0\0", 8},         // no path
        {"/x\0\0i\0\0\0\0\0\0", 12}, // no comma
        {"/x\0\0,iii", 8},           // the tags have no end
        {"/x\0\0,i\0\0", 8},         // no argument
        {"/x\0\0,h\0\0\0\0\0\1", 12},
        {"/x\0\0,s\0\0abcd", 12},             // the text has no end
        {"/x\0\0,b\0\0", 8},                  // a blob without a length
        {"/x\0\0,b\0\0\xff\xff\xff\xff", 12}, // and one longer than the world
        {"/x\0\0,b\0\0\0\0\0\5abcd", 16},
        {"/x\0\0,q\0\0", 8},                       // no such type
        {"/x\0\0,[i]\0\0\0\0\0\0\0\1", 16},        // arrays are not spoken here
        {"/x\0\0,\0\0\0\0\0\0\1", 12},             // more bytes than tags
        {"#bundle", 7},                            // half a head
        {"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\4", 20}, // an element behind the end
        {"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\0", 20}, // an element of nothing
        {"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\3/x\0", 23},
        {"#bundle\0\0\0\0\0\0\0\0\1\xff\xff\xff\xff", 20},
    };
    struct chime_message *m;
    size_t n = sizeof junk / sizeof *junk;
    for (size_t i = 0; i < n; i++) {
        peer_say(p, junk[i].bytes, junk[i].n);
        assert_int_equal(chime_receive(p->c, 0, &m), CHIME_TIMEOUT);
        assert_int_equal(chime_junk_count(p->c), i + 1);
    }
    // What is longer than any packet is junk too, and does not hide what comes behind it.
    char *big = calloc(1, MESSAGE_MAX_BYTES + 5);
    peer_say(p, big, MESSAGE_MAX_BYTES + 5);
    free(big);
    char bytes[64];
    peer_say(p, bytes, lo_bytes(bytes, "/good", "", END));
    assert_int_equal(chime_receive(p->c, LONG_S, &m), CHIME_OK);
    assert_string_equal(chime_message_path(m), "/good");
    chime_message_free(m);
    assert_int_equal(chime_junk_count(p->c), n + 1);
}

// Single-byte damage anywhere either is junk or gives messages that can be read whole.
static void test_damage(void **state)
{
    (void)state;
    char bytes[1024];
    size_t n = nest(bytes, 2), n_good = 0, n_bad = 0;
    for (size_t at = 0; at < n; at++) {
        for (int value = 0; value < 256; value++) {
            char *copy = malloc(n);
            memcpy(copy, bytes, n);
            copy[at] = (char)value;
            struct message_list list = {0};
            if (message_unpack(copy, n, &list) == CHIME_OK)
                n_good++;
            else
                n_bad++;
            for (struct chime_message *m; (m = message_take(&list));) {
                for (size_t i = 0; i < chime_message_count(m); i++) {
                    const char *text = chime_message_text(m, i);
                    if (text) assert_true(strlen(text) < n);
                    assert_false(isnan(chime_message_number(m, i)) && chime_message_type(m, i) == 'i');
                }
                chime_message_free(m);
            }
            free(copy);
        }
    }
    assert_true(n_good > 0 && n_bad > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),   cmocka_unit_test(test_url_lengths),
        WITH_PEER(test_default_url),   WITH_PEER(test_open_fails),
        WITH_PEER(test_build),         WITH_PEER(test_build_fails),
        WITH_PEER(test_read),          WITH_PEER(test_bundles),
        cmocka_unit_test(test_depth),  WITH_PEER(test_junk),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_pack_and_unpack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
