// SPDX-License-Identifier: MIT
// test_packet.c - the gate for OSC packets: what is right passes whole, what is wrong never gets inside.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc/attr.h"
#include "engine/osc/packet.h"
#include "engine/osc/pattern.h"
#include "tests/osc_build.h"
#include "tests/random.h"

// ---- reading ----

/// What a visit saw: every message, and a sum over every argument so that all of them are read.
struct seen {
    uint32_t n_messages, n_args, n_untyped;
    uint64_t sum, last_time;
    char paths[256];
};

static void visit(void *context, const struct osc_message *m)
{
    struct seen *s = context;
    const char *types = m->types;
    const uint8_t *data = m->args;
    struct osc_arg arg;
    size_t used = strlen(s->paths);
    snprintf(s->paths + used, sizeof s->paths - used, "%s ", m->path);
    assert_int_equal(m->index, s->n_messages);
    s->last_time = m->time;
    s->n_messages++;
    s->n_untyped += m->has_no_types;
    while (osc_next_arg(&types, &data, &arg)) {
        s->n_args++;
        if (arg.type == 's' || arg.type == 'S')
            s->sum += strlen(arg.s);
        else
            s->sum += (uint64_t)arg.i;
    }
}

/// Checks a packet in memory that ends where it does, so that a sanitizer sees any step beyond; reads it if
/// it passes.
static const char *check(const uint8_t *bytes, size_t n, struct seen *seen)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    const char *problem = osc_packet_check(copy, n);
    *seen = (struct seen){0};
    if (!problem) osc_packet_visit(copy, n, visit, seen);
    free(copy);
    return problem;
}

static bool passes(const struct osc_build *b)
{
    struct seen seen;
    return check(b->bytes, b->n, &seen) == NULL;
}

/// One message with an argument of every type.
static void build_all_types(struct osc_build *b)
{
    build_head(b, "/all/types", ",ihfdsSbctrmTFNI[i[f]]");
    build_u32(b, (uint32_t)-5);
    build_u64(b, (uint64_t)-6);
    build_float(b, 0.5f);
    build_double(b, -0.25);
    build_text(b, "text");
    build_text(b, "");
    build_u32(b, 5);
    build_raw(b, "blob!\0\0\0", 8);
    build_u32(b, 'c');
    build_u64(b, UINT64_C(0x1234567800000001));
    build_u32(b, 0xff00ff00);
    build_u32(b, 0x00903c7f);
    build_u32(b, 77);
    build_float(b, 1.5f);
}

static void read_all_types(void *context, const struct osc_message *m)
{
    const char *types = m->types;
    const uint8_t *data = m->args;
    struct osc_arg a;
    bool *was_here = context;
    *was_here = true;
    assert_string_equal(m->path, "/all/types");
    assert_true(m->time == OSC_NOW);
    static const char expected[] = "ihfdsSbctrmTFNI[i[f]]";
    for (const char *t = expected; *t; t++) {
        assert_true(osc_next_arg(&types, &data, &a));
        assert_int_equal(a.type, *t);
        if (t == expected) assert_int_equal(a.i, -5);
        if (*t == 'h') assert_true(a.i == -6);
        if (*t == 'f') assert_true(a.f == (t < expected + 5 ? 0.5 : 1.5));
        if (*t == 'd') assert_true(a.f == -0.25);
        if (*t == 's') assert_string_equal(a.s, "text");
        if (*t == 'S') assert_string_equal(a.s, "");
        if (*t == 'c') assert_int_equal(a.i, 'c');
        if (*t == 't') assert_true(a.i == INT64_C(0x1234567800000001));
        if (*t == 'r') assert_true(a.i == 0xff00ff00);
        if (*t == 'm') assert_true(a.i == 0x00903c7f);
        if (*t == 'T') assert_int_equal(a.i, 1);
        if (*t == 'F') assert_int_equal(a.i, 0);
        if (*t == 'i' && t > expected) assert_int_equal(a.i, 77);
    }
    assert_false(osc_next_arg(&types, &data, &a));
    assert_false(osc_next_arg(&types, &data, &a)); // and stays there
}

static void test_every_type(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    bool was_here = false;
    build_all_types(&b);
    assert_null(osc_packet_check(b.bytes, b.n));
    osc_packet_visit(b.bytes, b.n, read_all_types, &was_here);
    assert_true(was_here);
}

/// A bundle of two messages and a bundle with one more.
static void build_nested(struct osc_build *b)
{
    build_bundle(b, 100);
    size_t at = build_begin(b);
    build_head(b, "/a", ",i");
    build_u32(b, 1);
    build_end(b, at);
    at = build_begin(b);
    build_bundle(b, 200);
    size_t inner = build_begin(b);
    build_head(b, "/b", ",sb");
    build_text(b, "hello");
    build_u32(b, 3);
    build_raw(b, "xyz", 4);
    build_end(b, inner);
    build_end(b, at);
    at = build_begin(b);
    build_text(b, "/c");
    build_end(b, at);
}

static void test_bundles_in_order(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    struct seen seen;
    build_nested(&b);
    assert_null(check(b.bytes, b.n, &seen));
    assert_string_equal(seen.paths, "/a /b /c ");
    assert_int_equal(seen.n_args, 3);
    assert_true(seen.last_time == 100);
    b.n = 0;
    build_bundle(&b, OSC_NOW); // an empty one
    assert_null(check(b.bytes, b.n, &seen));
    assert_int_equal(seen.n_messages, 0);
}

static void test_missing_type_tags(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    struct seen seen;
    build_text(&b, "/old/sender");
    build_u32(&b, 5);
    assert_null(check(b.bytes, b.n, &seen));
    assert_int_equal(seen.n_messages, 1);
    assert_int_equal(seen.n_args, 0);
    assert_true(seen.n_untyped == 1);
    b.n = 0;
    build_head(&b, "/new/sender", ",");
    assert_null(check(b.bytes, b.n, &seen));
    assert_true(seen.n_untyped == 0);
}

/// The time of a message in a bundle of `inner` in a bundle of `outer`.
static uint64_t time_within(uint64_t outer, uint64_t inner)
{
    struct osc_build b = {.n = 0};
    struct seen seen;
    build_bundle(&b, outer);
    size_t at = build_begin(&b);
    build_bundle(&b, inner);
    size_t inner_at = build_begin(&b);
    build_text(&b, "/x");
    build_end(&b, inner_at);
    build_end(&b, at);
    assert_null(check(b.bytes, b.n, &seen));
    assert_int_equal(seen.n_messages, 1);
    return seen.last_time;
}

static void test_times(void **state)
{
    (void)state;
    assert_true(time_within(100, 200) == 200);
    assert_true(time_within(100, 100) == 100);
    assert_true(time_within(200, 100) == 200); // not earlier than the bundle around it
    assert_true(time_within(200, OSC_NOW) == 200);
    assert_true(time_within(OSC_NOW, 200) == 200);
    assert_true(time_within(OSC_NOW, OSC_NOW) == OSC_NOW);
    assert_true(time_within(0, 0) == OSC_NOW); // what careless senders mean by it
    assert_true(time_within(1, UINT64_MAX) == UINT64_MAX);
    assert_true(time_within(UINT64_MAX, 1) == UINT64_MAX);
}

static void test_patterns(void **state)
{
    (void)state;
    static const char *const right[] = {"/*", "//set", "/voice/{set,list}", "/[a-z]*", "/", "/p?ay"};
    static const char *const wrong[] = {"/[", "/{a", "/{*}", "///", "/*]", "/a/{b/c}"};
    struct osc_build b = {.n = 0};
    for (size_t i = 0; i < COUNT_OF(right); i++, b.n = 0) {
        build_text(&b, right[i]);
        assert_true(passes(&b));
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++, b.n = 0) {
        build_text(&b, wrong[i]);
        assert_false(passes(&b));
    }
    char path[2 * PATTERN_BYTES] = "/";
    for (size_t n = PATTERN_BYTES - 2; n <= PATTERN_BYTES; n++, b.n = 0) { // '*' before the end
        memset(path + 1, 'a', n);
        path[n - 1] = '*';
        path[n] = 0;
        build_text(&b, path);
        assert_int_equal(passes(&b), n < PATTERN_BYTES);
    }
    memset(path + 1, 'a', sizeof path - 2); // a path may be as long as it likes
    build_text(&b, path);
    assert_true(passes(&b));
}

// ---- limits ----

static void test_depth(void **state)
{
    (void)state;
    for (int depth = 1; depth <= OSC_MAX_DEPTH + 2; depth++) {
        struct osc_build b = {.n = 0};
        size_t starts[OSC_MAX_DEPTH + 2];
        for (int i = 0; i < depth; i++) {
            build_bundle(&b, 50 + (uint64_t)i);
            starts[i] = build_begin(&b);
        }
        build_text(&b, "/x");
        for (int i = depth; i-- > 0;)
            build_end(&b, starts[i]);
        assert_int_equal(passes(&b), depth <= OSC_MAX_DEPTH);

        char types[64] = ",";
        memset(types + 1, '[', (size_t)depth);
        memset(types + 1 + depth, ']', (size_t)depth);
        b.n = 0;
        build_head(&b, "/x", types);
        assert_int_equal(passes(&b), depth <= OSC_MAX_DEPTH);
    }
}

static void test_number_of_arguments(void **state)
{
    (void)state;
    for (uint32_t n = OSC_MAX_ARGS - 1; n <= OSC_MAX_ARGS + 1; n++) {
        struct osc_build b = {.n = 0};
        char types[OSC_MAX_ARGS + 3] = ",";
        memset(types + 1, 'i', n);
        build_head(&b, "/x", types);
        for (uint32_t i = 0; i < n; i++)
            build_u32(&b, i);
        assert_int_equal(passes(&b), n <= OSC_MAX_ARGS);
    }
}

static void test_longest_packet(void **state)
{
    (void)state;
    for (size_t n = OSC_MAX_PACKET_BYTES - 4; n <= OSC_MAX_PACKET_BYTES + 4; n += 4) {
        struct osc_build b = {.n = 0};
        build_head(&b, "/x", ",b");
        build_u32(&b, (uint32_t)(n - b.n - 4));
        b.n = n;
        assert_int_equal(passes(&b), n <= OSC_MAX_PACKET_BYTES);
    }
    struct osc_build b = {.n = OSC_MAX_PACKET_BYTES}; // a path without end
    memset(b.bytes, '/', b.n);
    assert_false(passes(&b));
}

static void test_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *bytes;
    } wrong[] = {
        {0, ""},
        {1, "/"},
        {3, "/a\0"},
        {4, "abc\0"},
        {4, "\0\0\0\0"},
        {4, "/abc"},                                             // no end
        {5, "/abc\0"},                                           // not a multiple of 4
        {8, "/a\0\0,i\0\0"},                                     // no data
        {8, "/a\0\0,ii\0"},                                      // nor here
        {8, "/a\0\0,iii"},                                       // tags without end
        {8, "/a\0\0,Q\0\0"},                                     // no such type
        {8, "/a\0\0,[\0\0"},                                     // an open array
        {8, "/a\0\0,]\0\0"},                                     //
        {8, "/a\0\0,][\0"},                                      //
        {12, "/a\0\0,\0\0\0abcd"},                               // data without a tag
        {12, "/a\0\0,s\0\0abcd"},                                // text without end
        {12, "/a\0\0,b\0\0\0\0\0\1"},                            // a blob without bytes
        {12, "/a\0\0,b\0\0\xff\xff\xff\xff"},                    //
        {12, "/a\0\0,b\0\0\x7f\xff\xff\xfd"},                    //
        {12, "/a\0\0,h\0\0\0\0\0\0"},                            // half of a number
        {4, "#bun"},                                             //
        {8, "#bundle\0"},                                        //
        {12, "#bundle\0\0\0\0\0"},                               //
        {16, "#bundlX\0\0\0\0\0\0\0\0\1"},                       //
        {20, "#bundle\0\0\0\0\0\0\0\0\1\0\0\0\0"},               // an empty element
        {20, "#bundle\0\0\0\0\0\0\0\0\1\0\0\0\4"},               // a missing one
        {24, "#bundle\0\0\0\0\0\0\0\0\1\0\0\0\3/a\0\0"},         // an odd length
        {24, "#bundle\0\0\0\0\0\0\0\0\1\xff\xff\xff\xfc/a\0\0"}, //
        {24, "#bundle\0\0\0\0\0\0\0\0\1\0\0\0\5/a\0\0"},         //
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct seen seen;
        if (!check((const uint8_t *)wrong[i].bytes, wrong[i].n, &seen)) fail_msg("packet %zu passes", i);
    }
}

// ---- damage ----

static void test_every_truncation(void **state)
{
    (void)state;
    struct seen seen;
    struct osc_build all = {.n = 0}, nested = {.n = 0};
    build_all_types(&all);
    build_nested(&nested);
    for (size_t n = 0; n < all.n; n++)
        assert_int_equal(check(all.bytes, n, &seen) == NULL, n == 12); // the bare path is a message
    uint32_t n_passed = 0;
    for (size_t n = 0; n < nested.n; n++)
        n_passed += check(nested.bytes, n, &seen) == NULL;
    assert_int_equal(n_passed, 3); // cut between its elements
}

static void mutate(uint8_t *bytes, size_t *n, uint64_t *seed)
{
    static const uint8_t words[] = {0, 1, 4, 8, 0x7f, 0x80, 0xff, ',', '/', '#', 'b', 's', '[', ']'};
    for (uint32_t i = 1 + random_below(seed, 4); i > 0; i--) {
        size_t at = random_below(seed, (uint32_t)*n);
        switch (random_below(seed, 5)) {
        case 0: bytes[at] ^= (uint8_t)(1u << random_below(seed, 8)); break;
        case 1: bytes[at] = words[random_below(seed, sizeof words)]; break;
        case 2: bytes[at] = (uint8_t)random_next(seed); break;
        case 3: // a length or count at the edge
            memset(bytes + at / 4 * 4, random_below(seed, 2) ? 0xff : 0, 4);
            break;
        default: *n -= random_below(seed, 8) == 0 && *n > 8 ? 4 : 0; break;
        }
    }
}

static void test_random_damage(void **state)
{
    (void)state;
    struct osc_build packets[2] = {{.n = 0}, {.n = 0}};
    uint64_t seed = 20261120;
    uint32_t n_passed = 0, n_messages = 0;
    build_all_types(&packets[0]);
    build_nested(&packets[1]);
    for (int i = 0; i < 3000000; i++) {
        uint8_t bytes[256];
        size_t n = packets[i % 2].n;
        struct seen seen;
        memcpy(bytes, packets[i % 2].bytes, n);
        mutate(bytes, &n, &seed);
        n_passed += check(bytes, n, &seen) == NULL;
        n_messages += seen.n_messages;
    }
    assert_true(n_passed > 10000 && n_passed < 2990000); // both ways were taken
    assert_true(n_messages > n_passed / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_bundles_in_order),
        cmocka_unit_test(test_missing_type_tags),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_number_of_arguments),
        cmocka_unit_test(test_longest_packet),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
