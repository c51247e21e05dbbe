// SPDX-License-Identifier: MIT
// test_packet_liblo.c - what this gate and liblo both accept, both read alike; and what either writes.
#include <arpa/inet.h>
#include <lo/lo.h>
#include <lo/lo_lowlevel.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc/attr.h"
#include "engine/osc/packet.h"
#include "engine/osc/write.h"
#include "tests/osc_build.h"
#include "tests/random.h"

/// liblo's reading of one message, and how the comparison went.
struct peer {
    lo_message message;
    const char *path;
    bool was_compared;
};

/// liblo's arguments lie where the packet has them, on no boundary of their own.
static void compare_arg(const struct osc_arg *ours, const void *theirs)
{
    int32_t i;
    int64_t h;
    float f;
    double d;
    lo_timetag t;
    memcpy(&i, theirs, sizeof i);
    switch (ours->type) {
    case 'i': assert_int_equal(ours->i, i); break;
    case 'c': assert_int_equal((uint8_t)ours->i, (uint8_t)i); break;
    case 'm':
        for (int k = 0; k < 4; k++)
            assert_int_equal((uint8_t)(ours->i >> (24 - 8 * k)), ((const uint8_t *)theirs)[k]);
        break;
    case 'h':
        memcpy(&h, theirs, sizeof h);
        assert_true(ours->i == h);
        break;
    case 't':
        memcpy(&t, theirs, sizeof t);
        assert_true(ours->i == (int64_t)((uint64_t)t.sec << 32 | t.frac));
        break;
    case 'f':
        memcpy(&f, theirs, sizeof f);
        assert_true(ours->f == (double)f || (ours->f != ours->f && f != f));
        break;
    case 'd':
        memcpy(&d, theirs, sizeof d);
        assert_true(ours->f == d || (ours->f != ours->f && d != d));
        break;
    case 's':
    case 'S': assert_string_equal(ours->s, theirs); break;
    default: break;
    }
}

static void compare(void *context, const struct osc_message *m)
{
    struct peer *p = context;
    const char *types = m->types;
    const uint8_t *data = m->args;
    lo_arg **theirs = lo_message_get_argv(p->message);
    struct osc_arg ours;
    assert_string_equal(m->path, p->path);
    assert_string_equal(m->types, lo_message_get_types(p->message));
    for (int i = 0; osc_next_arg(&types, &data, &ours); i++)
        if (!strchr("TFNI", ours.type)) compare_arg(&ours, theirs[i]);
    p->was_compared = true;
}

/// True when both took it. liblo is shown nothing that this gate refuses: it reads beyond the end of some
/// such packets.
static bool both_accept(const uint8_t *bytes, size_t n)
{
    if (osc_packet_check(bytes, n)) return false;
    uint8_t *copy = malloc(n); // liblo turns bytes round in place
    memcpy(copy, bytes, n);
    int error;
    struct peer peer = {.message = lo_message_deserialise(copy, n, &error), .path = (const char *)bytes};
    if (peer.message) {
        osc_packet_visit(bytes, n, compare, &peer);
        assert_true(peer.was_compared);
        lo_message_free(peer.message);
    }
    free(copy);
    return peer.was_compared;
}

static void build_common_types(struct osc_build *b)
{
    build_head(b, "/voice/set", ",ihfdsSbctmTFNIs");
    build_u32(b, (uint32_t)-5);
    build_u64(b, (uint64_t)-6);
    build_float(b, 0.5f);
    build_double(b, -0.25);
    build_text(b, "text");
    build_text(b, "symbol");
    build_u32(b, 5);
    build_raw(b, "blob!\0\0\0", 8);
    build_u32(b, 'c');
    build_u64(b, UINT64_C(0x1234567800000001));
    build_u32(b, 0x00903c7f);
    build_text(b, "end");
}

static void test_they_agree_on_what_is_right(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    build_common_types(&b);
    assert_true(both_accept(b.bytes, b.n));
    b.n = 0;
    build_head(&b, "/ping", ",");
    assert_true(both_accept(b.bytes, b.n));
}

static void test_they_agree_after_damage(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    uint64_t seed = 7;
    uint32_t n_both = 0;
    build_common_types(&b);
    for (int i = 0; i < 1000000; i++) {
        uint8_t bytes[256];
        memcpy(bytes, b.bytes, b.n);
        for (uint32_t k = 1 + random_below(&seed, 3); k > 0; k--) {
            size_t at = random_below(&seed, (uint32_t)b.n);
            bytes[at] = random_below(&seed, 3) ? (uint8_t)random_next(&seed)
                                               : (uint8_t) "ihfdsSbctmTFNI"[random_below(&seed, 14)];
        }
        n_both += both_accept(bytes, b.n);
    }
    assert_true(n_both > 50000 && n_both < 900000);
}

// ---- whole packets, with bundles ----

/// What a reader found, as text: a line for each message.
struct found {
    char text[16384];
    size_t n;
    uint64_t times[256];
    uint32_t n_messages;
};

PRINTF_LIKE(2, 3) static void note(struct found *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    f->n += (size_t)vsnprintf(f->text + f->n, sizeof f->text - f->n, format, args);
    va_end(args);
    assert_true(f->n < sizeof f->text);
}

static void note_float(struct found *f, double value)
{
    note(f, isnan(value) ? " nan" : " %.17g", value);
}

static void note_ours(void *context, const struct osc_message *m)
{
    struct found *f = context;
    const char *types = m->types;
    const uint8_t *data = m->args;
    struct osc_arg a;
    f->times[f->n_messages++ % COUNT_OF(f->times)] = m->time;
    note(f, "%s ,%s", m->path, m->types);
    while (osc_next_arg(&types, &data, &a)) {
        if (strchr("iht", a.type))
            note(f, " %lld", (long long)a.i);
        else if (a.type == 'c' || a.type == 'm')
            note(f, " %lx", (unsigned long)a.i);
        else if (strchr("fd", a.type))
            note_float(f, a.f);
        else if (strchr("sS", a.type))
            note(f, " <%s>", a.s);
    }
    note(f, "\n");
}

static uint64_t time_of(lo_timetag t)
{
    return (uint64_t)t.sec << 32 | t.frac;
}

static void note_theirs(struct found *f, char type, const lo_arg *arg)
{
    lo_arg a = {0}; // aligned
    if (strchr("hdt", type)) memcpy(&a, arg, 8);
    if (strchr("ifcm", type)) memcpy(&a, arg, 4);
    if (type == 'i') note(f, " %lld", (long long)a.i);
    if (type == 'h') note(f, " %lld", (long long)a.h);
    if (type == 't') note(f, " %lld", (long long)time_of(a.t));
    if (type == 'c') note(f, " %lx", (unsigned long)(uint32_t)a.i32);
    if (type == 'm') note(f, " %lx", (unsigned long)ntohl((uint32_t)a.i32));
    if (type == 'f') note_float(f, (double)a.f);
    if (type == 'd') note_float(f, a.d);
    if (strchr("sS", type)) note(f, " <%s>", (const char *)arg);
}

static int take_theirs(const char *path, const char *types, lo_arg **args, int n_args, lo_message m,
                       void *context)
{
    struct found *f = context;
    f->times[f->n_messages++ % COUNT_OF(f->times)] = time_of(lo_message_get_timestamp(m));
    note(f, "%s ,%s", path, types);
    for (int i = 0; i < n_args; i++)
        note_theirs(f, types[i], args[i]);
    note(f, "\n");
    return 0;
}

static struct found found_here, found_there;
static bool was_refused;

static void refuse(int number, const char *text, const char *path)
{
    (void)number;
    (void)text;
    (void)path;
    was_refused = true;
}

/// True when both took all of the packet. They must have found the same, but for the time of a bundle that is
/// earlier than the one around it.
static bool both_accept_packet(lo_server server, const uint8_t *bytes, size_t n)
{
    if (osc_packet_check(bytes, n)) return false;
    uint8_t *copy = malloc(n);
    memcpy(copy, bytes, n);
    found_here.n = found_there.n = 0;
    found_here.n_messages = found_there.n_messages = 0;
    found_here.text[0] = found_there.text[0] = 0;
    was_refused = false;
    bool taken = lo_server_dispatch_data(server, copy, n) > 0 && !was_refused;
    free(copy);
    if (!taken) return false;
    osc_packet_visit(bytes, n, note_ours, &found_here);
    if (found_here.n_messages != found_there.n_messages)
        return false; // liblo ends at the first message that it does not take
    assert_string_equal(found_here.text, found_there.text);
    for (uint32_t i = 0; i < found_here.n_messages && i < COUNT_OF(found_here.times); i++)
        assert_true(found_here.times[i] >= found_there.times[i]);
    return true;
}

static void build_random_message(struct osc_build *b, uint64_t *seed)
{
    static const char *const paths[] = {"/play", "/voice/set", "/*", "/a/b/c", "//set", "/stop"};
    char types[12] = ",";
    uint32_t n = random_below(seed, 10);
    for (uint32_t i = 1; i <= n; i++)
        types[i] = "ihfdsSbctmTFNI"[random_below(seed, 14)];
    types[n + 1] = 0;
    build_head(b, paths[random_below(seed, COUNT_OF(paths))], types);
    for (const char *t = types + 1; *t; t++) {
        if (strchr("ifcm", *t)) build_u32(b, random_next(seed));
        if (strchr("hdt", *t)) build_u64(b, (uint64_t)random_next(seed) << 32 | random_next(seed));
        if (strchr("sS", *t)) build_text(b, &"some text"[random_below(seed, 10)]);
        if (*t != 'b') continue;
        uint32_t size = 1 + random_below(seed, 8);
        build_u32(b, size);
        build_raw(b, "12345678", size);
        build_raw(b, "\0\0\0", (4 - size % 4) % 4); // liblo wants it to be 0
    }
}

static void build_random_packet(struct osc_build *b, uint64_t *seed, uint64_t time, int depth)
{
    if (depth == 4 || random_below(seed, 3) == 0) {
        build_random_message(b, seed);
        return;
    }
    build_bundle(b, time);
    for (uint32_t n = 1 + random_below(seed, 3); n > 0; n--) {
        size_t at = build_begin(b);
        build_random_packet(b, seed, time + random_below(seed, 2) * 1000, depth + 1);
        build_end(b, at);
    }
}

static lo_server make_server(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/test-packet-liblo-%d", (int)getpid());
    lo_server server = lo_server_new_with_proto(path, LO_UNIX, refuse);
    assert_non_null(server);
    unlink(path);
    lo_server_enable_queue(server, 0, 1); // everything at once
    lo_server_enable_coercion(server, 0);
    lo_server_add_method(server, NULL, NULL, take_theirs, &found_there);
    return server;
}

static void test_they_agree_on_bundles(void **state)
{
    (void)state;
    static struct osc_build b;
    lo_server server = make_server();
    uint64_t seed = 77;
    uint32_t n_messages = 0;
    for (int i = 0; i < 100000; i++) {
        b.n = 0;
        build_random_packet(&b, &seed, OSC_NOW + random_below(&seed, 2) * UINT64_C(0xe000000000000000), 0);
        assert_true(both_accept_packet(server, b.bytes, b.n));
        for (uint32_t k = 0; k < found_here.n_messages && k < COUNT_OF(found_here.times); k++)
            assert_true(found_here.times[k] == found_there.times[k]);
        n_messages += found_here.n_messages;
    }
    assert_true(n_messages > 200000);
    lo_server_free(server);
}

static void test_they_agree_on_damaged_bundles(void **state)
{
    (void)state;
    static struct osc_build b;
    lo_server server = make_server();
    uint64_t seed = 78;
    uint32_t n_both = 0;
    for (int i = 0; i < 600000; i++) {
        b.n = 0;
        build_random_packet(&b, &seed, OSC_NOW, 0);
        for (uint32_t k = 1 + random_below(&seed, 3); k > 0; k--) {
            size_t at = random_below(&seed, (uint32_t)b.n);
            switch (random_below(&seed, 3)) {
            case 0: b.bytes[at] = (uint8_t)random_next(&seed); break;
            case 1: b.bytes[at] ^= (uint8_t)(1 << random_below(&seed, 8)); break;
            default: b.bytes[at] = (uint8_t) "ihfdsSbctmTFNI,/#"[random_below(&seed, 17)]; break;
            }
        }
        n_both += both_accept_packet(server, b.bytes, b.n);
    }
    assert_true(n_both > 100000 && n_both < 550000);
    lo_server_free(server);
}

// ---- what liblo writes, and what this writes ----

/// Every message that liblo can write with these types passes the gate.
static void test_liblo_writes_what_passes(void **state)
{
    (void)state;
    uint64_t seed = 12;
    for (int i = 0; i < 20000; i++) {
        lo_message m = lo_message_new();
        for (uint32_t n = random_below(&seed, 20); n > 0; n--) {
            switch (random_below(&seed, 8)) {
            case 0: lo_message_add_int32(m, (int32_t)random_next(&seed)); break;
            case 1: lo_message_add_int64(m, (int64_t)random_next(&seed) << 20); break;
            case 2: lo_message_add_float(m, (float)random_next(&seed)); break;
            case 3: lo_message_add_double(m, (double)random_next(&seed)); break;
            case 4: lo_message_add_string(m, &"abcdefg"[random_below(&seed, 8)]); break;
            case 5: lo_message_add_true(m); break;
            case 6: lo_message_add_nil(m); break;
            default: {
                lo_blob blob = lo_blob_new(1 + (int32_t)random_below(&seed, 8), "12345678");
                lo_message_add_blob(m, blob);
                lo_blob_free(blob);
            }
            }
        }
        size_t n;
        void *bytes = lo_message_serialise(m, &"/a/path"[0], NULL, &n);
        assert_true(both_accept(bytes, n));
        free(bytes);
        lo_message_free(m);
    }
}

/// The writer's messages are those of liblo, byte for byte.
static void test_writer_against_liblo(void **state)
{
    (void)state;
    uint64_t seed = 31;
    for (int i = 0; i < 20000; i++) {
        static const char *const paths[] = {"/", "/a", "/ab", "/abc", "/done", "/voice/info"};
        const char *path = paths[random_below(&seed, 6)];
        struct osc_writer w;
        lo_message m = lo_message_new();
        osc_begin(&w, path);
        for (uint32_t n = random_below(&seed, 30); n > 0; n--) {
            int32_t number = (int32_t)random_next(&seed);
            const char *text = &"some text"[random_below(&seed, 10)];
            switch (random_below(&seed, 4)) {
            case 0: osc_add_int(&w, number), lo_message_add_int32(m, number); break;
            case 1:
                osc_add_long(&w, INT64_C(-77) * number), lo_message_add_int64(m, INT64_C(-77) * number);
                break;
            case 2: osc_add_float(&w, (float)number), lo_message_add_float(m, (float)number); break;
            default: osc_add_text(&w, text), lo_message_add_string(m, text); break;
            }
        }
        uint8_t ours[OSC_MAX_MESSAGE_BYTES];
        size_t n_theirs, n_ours = osc_end(&w, ours);
        void *theirs = lo_message_serialise(m, path, NULL, &n_theirs);
        assert_int_equal(n_ours, n_theirs);
        assert_memory_equal(ours, theirs, n_ours);
        free(theirs);
        lo_message_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_agree_on_what_is_right),
        cmocka_unit_test(test_they_agree_after_damage),
        cmocka_unit_test(test_they_agree_on_bundles),
        cmocka_unit_test(test_they_agree_on_damaged_bundles),
        cmocka_unit_test(test_liblo_writes_what_passes),
        cmocka_unit_test(test_writer_against_liblo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
