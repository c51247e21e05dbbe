// SPDX-License-Identifier: MIT
// test_framing.c - streams of every kind, cut at every place; what is no frame; frames that are cut off.
#include <stdlib.h>

#include "engine/osc/framing.h"
#include "tests/osc_build.h"

/// What came out of a stream: the frames behind one another, each behind its kind and length.
struct seen {
    uint8_t bytes[300000];
    uint32_t n, n_frames;
    const char *why;
};

static uint8_t room[FRAMING_BYTES];

static void take_all(struct framing *f, struct seen *s)
{
    const uint8_t *bytes = room;
    uint32_t n = 0;
    for (enum frame frame; (frame = framing_next(f, &bytes, &n, &s->why)) != FRAME_NONE;) {
        if (frame == FRAME_LONG_LINE || frame == FRAME_LOST) n = 0;
        assert_true(s->n + n + 5 < sizeof s->bytes);
        s->bytes[s->n++] = (uint8_t)frame;
        memcpy(s->bytes + s->n, &n, 4);
        memcpy(s->bytes + s->n + 4, bytes, n);
        s->n += 4 + n;
        s->n_frames++;
        if (frame == FRAME_LOST) return;
    }
}

/// Gives the stream in pieces: first `cut` bytes, then `step` at a time.
static struct seen *run(const uint8_t *bytes, size_t n, size_t cut, size_t step, struct framing *f)
{
    struct seen *s = calloc(1, sizeof *s);
    *f = (struct framing){.bytes = room};
    memset(room, 0xAA, sizeof room);
    for (size_t at = 0, size = cut; at < n && !s->why; at += size, size = step) {
        uint32_t most;
        uint8_t *to = framing_room(f, &most);
        assert_true(most >= 16380);
        if (size > most) size = most;
        if (size > n - at) size = n - at;
        memcpy(to, bytes + at, size);
        framing_add(f, (uint32_t)size);
        take_all(f, s);
    }
    return s;
}

/// The same comes out however the stream is cut; returns it.
static struct seen *check_cuts(const uint8_t *bytes, size_t n, size_t cut_step)
{
    struct framing f;
    struct seen *whole = run(bytes, n, n, n, &f);
    for (size_t cut = 1; cut < n; cut += cut_step) {
        struct seen *s = run(bytes, n, cut, n, &f);
        assert_int_equal(s->n, whole->n);
        assert_memory_equal(s->bytes, whole->bytes, whole->n);
        free(s);
    }
    for (size_t step = 1; step < 8; step += 3) {
        struct seen *s = run(bytes, n, step, step, &f);
        assert_int_equal(s->n, whole->n);
        assert_memory_equal(s->bytes, whole->bytes, whole->n);
        free(s);
    }
    return whole;
}

/// The frame at `*at`, which is moved on; its kind and length are held against what is expected.
static const uint8_t *next_seen(const struct seen *s, uint32_t *at, enum frame kind, uint32_t n)
{
    uint32_t found;
    assert_true(*at < s->n);
    assert_int_equal(s->bytes[*at], kind);
    memcpy(&found, s->bytes + *at + 1, 4);
    assert_int_equal(found, n);
    const uint8_t *bytes = s->bytes + *at + 5;
    *at += 5 + n;
    return bytes;
}

// ---- lengths ----

static void test_lengths(void **state)
{
    (void)state;
    static struct osc_build b;
    static const uint32_t sizes[] = {8, 0, 4, 1, 300, 12};
    b.n = 0;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        build_u32(&b, sizes[i]);
        for (uint32_t k = 0; k < sizes[i]; k++)
            build_raw(&b, &(uint8_t){(uint8_t)(k * 7 + i)}, 1);
    }
    struct seen *s = check_cuts(b.bytes, b.n, 1);
    uint32_t at = 0;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const uint8_t *bytes = next_seen(s, &at, FRAME_PACKET, sizes[i]);
        for (uint32_t k = 0; k < sizes[i]; k++)
            assert_int_equal(bytes[k], (uint8_t)(k * 7 + i));
    }
    assert_int_equal(at, s->n);
    free(s);
}

static void test_the_longest_packets(void **state)
{
    (void)state;
    static uint8_t bytes[3 * (OSC_MAX_PACKET_BYTES + 4)];
    for (size_t i = 0; i < 3; i++) {
        uint8_t *p = bytes + i * (OSC_MAX_PACKET_BYTES + 4);
        memset(p, (int)('a' + i), OSC_MAX_PACKET_BYTES + 4);
        memcpy(p, "\0\1\0", 4); // 65536
    }
    struct seen *s = check_cuts(bytes, sizeof bytes, 20011);
    uint32_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *p = next_seen(s, &at, FRAME_PACKET, OSC_MAX_PACKET_BYTES);
        assert_int_equal(p[0], 'a' + i);
        assert_int_equal(p[OSC_MAX_PACKET_BYTES - 1], 'a' + i);
    }
    free(s);
}

static void check_lost(const char *bytes, size_t n, uint32_t n_before)
{
    struct seen *s = check_cuts((const uint8_t *)bytes, n, 1);
    assert_int_equal(s->n_frames, n_before + 1);
    assert_int_equal(s->bytes[s->n - 5], FRAME_LOST);
    assert_non_null(s->why);
    free(s);
}

static void test_what_is_lost(void **state)
{
    (void)state;
    check_lost("\0\1\0\1xxxx", 8, 0);       // 65537
    check_lost("\0\xFF\xFF\xFFxxxx", 8, 0); // 16 MB
    check_lost("\1\0\0\0xxxx", 8, 0);       // no kind of stream begins so
    check_lost("\x7Fxxx", 4, 0);            // likewise
    check_lost("\0\0\0\4abcd\1xxx", 12, 1); // a good one before it
    check_lost("\xC0"
               "ab\xDB"
               "x\xC0",
               6, 0); // no such escape
    check_lost("\xC0"
               "ab\xDB\xC0",
               5, 0); // nor this
    check_lost("\xC0"
               "ab\xC0\xDB\xDB",
               6, 1);
}

// ---- SLIP ----

static size_t wrap(enum framing_kind kind, const uint8_t *message, uint32_t n, uint8_t *out)
{
    memset(out, 0xEE, FRAMING_WRAPPED_BYTES(n));
    return framing_wrap(kind, message, n, out);
}

static void test_slip(void **state)
{
    (void)state;
    static uint8_t stream[8192], message[256];
    size_t n = 0;
    for (int i = 0; i < 256; i++)
        message[i] = (uint8_t)i;
    n += wrap(FRAMING_SLIP, message, 256, stream + n);
    assert_int_equal(n, 256 + 2 + 2); // END and ESC are two bytes each
    n += wrap(FRAMING_SLIP, (const uint8_t *)"\xC0\xC0\xDB\xDB", 4, stream + n);
    stream[n++] = 0xC0; // frames of nothing are none
    stream[n++] = 0xC0;
    static const uint8_t single[7] = "single\xC0"; // one END between frames will do
    memcpy(stream + n, single, sizeof single);
    n += sizeof single;
    struct seen *s = check_cuts(stream, n, 1);
    uint32_t at = 0;
    assert_memory_equal(next_seen(s, &at, FRAME_PACKET, 256), message, 256);
    assert_memory_equal(next_seen(s, &at, FRAME_PACKET, 4), "\xC0\xC0\xDB\xDB", 4);
    assert_memory_equal(next_seen(s, &at, FRAME_PACKET, 6), "single", 6);
    assert_int_equal(at, s->n);
    free(s);
}

static void test_the_longest_slip_frame(void **state)
{
    (void)state;
    static uint8_t message[OSC_MAX_PACKET_BYTES + 1], stream[4 * OSC_MAX_PACKET_BYTES];
    struct framing f;
    memset(message, 0xDB, sizeof message); // each of which is two
    size_t n = wrap(FRAMING_SLIP, message, OSC_MAX_PACKET_BYTES, stream);
    struct seen *s = run(stream, n, 1, 5000, &f);
    uint32_t at = 0;
    assert_memory_equal(next_seen(s, &at, FRAME_PACKET, OSC_MAX_PACKET_BYTES), message, OSC_MAX_PACKET_BYTES);
    free(s);
    n = wrap(FRAMING_SLIP, message, OSC_MAX_PACKET_BYTES + 1, stream);
    s = run(stream, n, 1, 5000, &f);
    at = 0;
    next_seen(s, &at, FRAME_LOST, 0);
    free(s);
}

// ---- text ----

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "play bell gain -6\r\n\n\r\n# a comment\nping\n  #indented\n#\n\xC3\xA4\n";
    struct seen *s = check_cuts((const uint8_t *)text, sizeof text - 1, 1);
    uint32_t at = 0;
    assert_memory_equal(next_seen(s, &at, FRAME_LINE, 17), "play bell gain -6", 17);
    assert_memory_equal(next_seen(s, &at, FRAME_LINE, 4), "ping", 4);
    assert_memory_equal(next_seen(s, &at, FRAME_LINE, 11), "  #indented", 11);
    assert_memory_equal(next_seen(s, &at, FRAME_LINE, 2), "\xC3\xA4", 2);
    assert_int_equal(at, s->n);
    free(s);
}

static void test_long_lines(void **state)
{
    (void)state;
    static const size_t lengths[] = {4095, 4096, 4097, 4098, 9000, 200000};
    static char text[250000];
    static const char ping[5] = "ping\n";
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        for (int has_cr = 0; has_cr < 2; has_cr++) {
            size_t n = lengths[i];
            memset(text, 'x', n);
            if (has_cr) text[n++] = '\r';
            text[n++] = '\n';
            memcpy(text + n, ping, sizeof ping);
            struct seen *s = check_cuts((const uint8_t *)text, n + 5, n > 10000 ? 40009 : 333);
            uint32_t at = 0;
            bool is_good = lengths[i] <= FRAMING_MAX_LINE_BYTES;
            next_seen(s, &at, is_good ? FRAME_LINE : FRAME_LONG_LINE, is_good ? (uint32_t)lengths[i] : 0);
            next_seen(s, &at, FRAME_LINE, 4); // what follows is good, and the long one was told once
            assert_int_equal(at, s->n);
            free(s);
        }
    }
}

static void test_a_last_line_without_an_end(void **state)
{
    (void)state;
    struct framing f;
    const uint8_t *bytes;
    uint32_t n;
    free(run((const uint8_t *)"ping\nstop all", 13, 13, 1, &f));
    assert_int_equal(framing_last(&f, &bytes, &n), FRAME_LINE);
    assert_int_equal(n, 8);
    assert_memory_equal(bytes, "stop all", 8);
    assert_int_equal(framing_last(&f, &bytes, &n), FRAME_NONE);
    free(run((const uint8_t *)"\0\0\0\10half", 8, 8, 1, &f));
    assert_int_equal(framing_last(&f, &bytes, &n), FRAME_NONE); // half a packet is none
    free(run((const uint8_t *)"ping\n# end", 10, 10, 1, &f));
    assert_int_equal(framing_last(&f, &bytes, &n), FRAME_NONE);
    f = (struct framing){.bytes = room};
    assert_int_equal(framing_last(&f, &bytes, &n), FRAME_NONE);
}

// ---- out ----

static void test_where_frames_end(void **state)
{
    (void)state;
    static const uint8_t message[] = "/done\0\0\0,s\0\0/ping\0\0";
    static const enum framing_kind kinds[] = {FRAMING_UNKNOWN, FRAMING_LENGTH, FRAMING_SLIP, FRAMING_TEXT};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        uint8_t out[1024];
        uint32_t n = 0, size = 0;
        for (int i = 0; i < 5; i++) {
            size = framing_wrap(kinds[k], message, sizeof message, out + n);
            n += size;
        }
        for (uint32_t at = 0; at < n; at++)
            assert_int_equal(framing_end_of(kinds[k], out, n, at), (at / size + 1) * size);
    }
}

static void test_counts(void **state)
{
    (void)state;
    static struct osc_build b;
    assert_int_equal(packet_count_messages((const uint8_t *)"/x\0\0", 4), 1);
    assert_int_equal(packet_count_messages((const uint8_t *)"", 0), 1);
    assert_int_equal(packet_count_messages((const uint8_t *)"#bundle\0\0\0", 10), 1);
    b.n = 0;
    build_bundle(&b, 1);
    assert_int_equal(packet_count_messages(b.bytes, (uint32_t)b.n), 0);
    for (int i = 0; i < 3; i++) {
        build_u32(&b, 4);
        build_text(&b, "/x");
    }
    size_t inner = build_begin(&b);
    build_bundle(&b, 1);
    for (int i = 0; i < 2; i++) {
        build_u32(&b, 4);
        build_text(&b, "/y");
    }
    build_end(&b, inner);
    assert_int_equal(packet_count_messages(b.bytes, (uint32_t)b.n), 5);
    for (uint32_t n = 16; n < b.n; n++) // cut short: no more than there were
        assert_in_range(packet_count_messages(b.bytes, n), 0, 6);
    b.n = 0;
    for (int i = 0; i < 1000; i++) { // nested as deep as a packet can be: no more work than a few levels
        build_bundle(&b, 1);
        build_u32(&b, (uint32_t)(20 * (1000 - i)));
    }
    assert_in_range(packet_count_messages(b.bytes, (uint32_t)b.n), 1, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_the_longest_packets),
        cmocka_unit_test(test_what_is_lost),
        cmocka_unit_test(test_slip),
        cmocka_unit_test(test_the_longest_slip_frame),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_a_last_line_without_an_end),
        cmocka_unit_test(test_where_frames_end),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
