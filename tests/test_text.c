// SPDX-License-Identifier: MIT
// test_text.c - messages as lines of text and back: every kind of word, every mistake, random messages.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc/attr.h"
#include "engine/osc/packet.h"
#include "engine/osc/text.h"
#include "tests/osc_build.h"
#include "tests/random.h"

static char why_text[256];

/// The message of a line, which must pass the gate; 0 when the line was refused with a sentence. Both are
/// copied to memory that ends where they do.
static size_t read_bytes(const char *line, size_t n, uint8_t *out, size_t size)
{
    struct strbuf why = strbuf_make(why_text, sizeof why_text);
    char *copy = malloc(n ? n : 1);
    uint8_t *message = malloc(size ? size : 1);
    assert_true(copy && message);
    memcpy(copy, line, n);
    size_t n_out = text_to_osc(copy, n, message, size, &why);
    assert_true(n_out <= size);
    assert_int_equal(n_out == 0, why.length > 0);
    memcpy(out, message, n_out);
    free(message);
    free(copy);
    return n_out;
}

static size_t read_line(const char *line, uint8_t *out, size_t size)
{
    return read_bytes(line, strlen(line), out, size);
}

static size_t write_line(const uint8_t *message, size_t n, char *out, size_t size)
{
    char *line = malloc(size);
    assert_non_null(line);
    size_t n_out = text_from_osc(message, n, line, size);
    assert_true(n_out >= 1 && n_out <= size);
    assert_int_equal(line[n_out - 1], '\n');
    memcpy(out, line, n_out);
    out[n_out] = 0;
    free(line);
    return n_out;
}

// ---- reading ----

static void check_reads(const char *line, const struct osc_build *expected)
{
    uint8_t out[1024];
    size_t n = read_line(line, out, sizeof out);
    if (n == 0) fail_msg("%s: %s", line, why_text);
    if (n != expected->n || memcmp(out, expected->bytes, n) != 0) fail_msg("%s is read wrong", line);
    assert_null(osc_packet_check(out, n));
}

static void test_words(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    build_head(&b, "/play", ",ssisf");
    build_text(&b, "bell");
    build_text(&b, "gain");
    build_u32(&b, (uint32_t)-6);
    build_text(&b, "pan");
    build_float(&b, 0.2f);
    check_reads("play bell gain -6 pan 0.2", &b);
    check_reads("/play bell gain -6 pan 0.2", &b);
    check_reads("  \tplay \t bell   gain\t-6 pan .2  \r", &b);
    check_reads("\"play\" \"bell\" \"gain\" -6 \"p\\x61n\" 2e-1", &b);
    b.n = 0;
    build_head(&b, "/ping", ",");
    check_reads("ping", &b);
    check_reads("/ping ", &b);
}

static void check_type(const char *word, char type)
{
    char line[256], types[3] = {',', type, 0};
    uint8_t out[1024];
    snprintf(line, sizeof line, "x %s", word);
    if (read_line(line, out, sizeof out) == 0) fail_msg("%s: %s", word, why_text);
    if (strcmp((char *)out + 4, types) != 0) fail_msg("%s is read as %s", word, (char *)out + 4);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        char type;
        const char *words[16];
    } all[] = {
        {'i', {"0", "-0", "1", "-1", "007", "2147483647", "-2147483648"}},
        {'h', {"2147483648", "-2147483649", "9223372036854775807", "-9223372036854775808"}},
        {'f',
         {"1.5", "-.5", "1.", "1e3", "1E-3", "0.1", "1e+3", "-1.25e2", "16777216.0", "0.000", "99999.5"}},
        {'d',
         {"16777217.0", "0.100000001", "3.141592653589793", "1e300", "1e-50", "9223372036854775808",
          "123456.789"}},
        {'T', {"true"}},
        {'F', {"false"}},
        {'s',
         {"bell", "+3", "+-3", "-", "--1", "1.2.3", "1e", "e5", ".", "-.", "0x10", "inf", "nan", "True",
          "1,5", "#17"}},
        {'s',
         {"\"1\"", "\"\"", "\"true\"", "\"a b\"", "a\"b", "\xc3\xa4", "a\\n", "/usr/a.wav", "-inf", "1-",
          "1e999", "- "}},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        for (size_t k = 0; k < COUNT_OF(all[i].words) && all[i].words[k]; k++)
            check_type(all[i].words[k], all[i].type);
    char digits[128] = "x "; // too long for a number
    memset(digits + 2, '1', 100);
    uint8_t out[1024];
    assert_true(read_line(digits, out, sizeof out) > 0);
    assert_int_equal(out[5], 's');
}

static void test_escapes(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    build_head(&b, "/x", ",s");
    build_text(&b, "a\"b\\c\nd\te\x01\xffz");
    check_reads("x \"a\\\"b\\\\c\\nd\\te\\x01\\xFFz\"", &b);
    b.n = 0;
    build_head(&b, "/a b", ",");
    check_reads("\"a b\"", &b);
    b.n = 0;
    build_head(&b, "/", ",");
    check_reads("\"\"", &b);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",       " ",        "\t\r",      "x \"a",      "\"",          "x \"a\"b",    "x \"\\q\"",
        "x \"\\", "x \"\\\"", "x \"\\x\"", "x \"\\x1\"", "x \"\\x1g\"", "x \"\\x00\"", "\"a\"\"b\"",
    };
    uint8_t out[1024];
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (read_line(wrong[i], out, sizeof out) > 0) fail_msg("%s is taken", wrong[i]);
    assert_int_equal(read_bytes("x a\0b", 5, out, sizeof out), 0);
    assert_int_equal(read_bytes("x \"a\0b\"", 7, out, sizeof out), 0);
}

static void test_limits(void **state)
{
    (void)state;
    char line[4 * OSC_MAX_ARGS];
    struct strbuf words = strbuf_make(line, sizeof line);
    uint8_t out[1024];
    strbuf_append(&words, "x");
    for (int i = 0; i < OSC_MAX_ARGS; i++)
        strbuf_append(&words, " 1");
    assert_int_equal(read_line(line, out, sizeof out), 4 + 68 + 4 * OSC_MAX_ARGS);
    strbuf_append(&words, " 1");
    assert_int_equal(read_line(line, out, sizeof out), 0);
    for (size_t size = 0; size < 40; size++) // ",ihs": 4 + 8 + 4 + 8 + 12 bytes
        assert_int_equal(read_line("x 1 2147483648 \"hello you\"", out, size), size < 36 ? 0 : 36);
}

// ---- writing ----

static void check_writes(const struct osc_build *b, const char *expected)
{
    char line[1024];
    write_line(b->bytes, b->n, line, sizeof line - 1);
    assert_string_equal(line, expected);
}

static void test_every_type(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    build_head(&b, "/all/types", ",ihfdsSbctrmTFNI[i[f]]");
    build_u32(&b, (uint32_t)-5);
    build_u64(&b, UINT64_C(5000000000));
    build_float(&b, 0.1f);
    build_double(&b, 1e300);
    build_text(&b, "plain");
    build_text(&b, "two words");
    build_u32(&b, 5);
    build_raw(&b, "blob!\0\0\0", 8);
    build_u32(&b, 'c');
    build_u64(&b, UINT64_MAX);
    build_u32(&b, 0xff00ff00);
    build_u32(&b, 0x00903c7f);
    build_u32(&b, 77);
    build_float(&b, 2);
    check_writes(&b, "/all/types -5 5000000000 0.1 1.0000000000000001e+300 plain \"two words\" blob c "
                     "18446744073709551615 r:ff00ff00 m:00903c7f true false nil impulse [ 77 [ 2.0 ] ]\n");
    b.n = 0;
    build_head(&b, "/odd", ",fffdccs");
    build_float(&b, INFINITY);
    build_float(&b, -INFINITY);
    build_float(&b, NAN);
    build_double(&b, (double)INFINITY);
    build_u32(&b, 0);
    build_u32(&b, ' ');
    build_text(&b, "");
    check_writes(&b, "/odd inf -inf nan inf \"\" \" \" \"\"\n");
}

static void test_several_messages(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    build_bundle(&b, OSC_NOW);
    for (uint32_t i = 1; i <= 2; i++) {
        size_t at = build_begin(&b);
        build_head(&b, "/n", ",i");
        build_u32(&b, i);
        build_end(&b, at);
    }
    check_writes(&b, "/n 1\n/n 2\n");
}

static void test_texts_that_need_quotes(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"1", "\"1\""},         {"-2.5", "\"-2.5\""},  {"true", "\"true\""},  {"+3", "+3"},
        {"inf", "inf"},         {"a\nb", "\"a\\nb\""}, {"a\tb", "\"a\\tb\""}, {"a\"b", "\"a\\\"b\""},
        {"a\\b", "\"a\\\\b\""}, {"\x7f", "\"\\x7f\""}, {"\r", "\"\\x0d\""},   {"\xc3\xa4", "\xc3\xa4"},
        {"#17", "#17"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct osc_build b = {.n = 0};
        char expected[64];
        build_head(&b, "/x", ",s");
        build_text(&b, pairs[i][0]);
        snprintf(expected, sizeof expected, "/x %s\n", pairs[i][1]);
        check_writes(&b, expected);
    }
}

static void test_cut_lines(void **state)
{
    (void)state;
    struct osc_build b = {.n = 0};
    char line[64];
    build_head(&b, "/x", ",si");
    build_text(&b, "hello you");
    build_u32(&b, 12345);
    static const char whole[] = "/x \"hello you\" 12345\n";
    for (size_t size = 1; size < sizeof whole + 3; size++) {
        size_t n = write_line(b.bytes, b.n, line, size),
               expected = size < sizeof whole ? size : sizeof whole - 1;
        assert_int_equal(n, expected);
        assert_memory_equal(line, whole, n - 1);
    }
    assert_int_equal(text_from_osc(b.bytes, b.n, line, 0), 0);
}

// ---- there and back ----

/// One that is no float, with few digits or many.
static double random_double(uint64_t *seed)
{
    double value = random_below(seed, 2)
                       ? (double)random_below(seed, 1000000) / 1000 + 0.3e-3
                       : ldexp((double)random_next(seed) + 0.1, -(int)random_below(seed, 120));
    return (double)(float)value == value ? 0.1 : value;
}

static void add_random(struct osc_build *b, char type, uint64_t *seed)
{
    uint32_t bits = random_next(seed);
    uint64_t more = (uint64_t)random_next(seed) << 32 | bits;
    char text[12];
    uint32_t n = random_below(seed, sizeof text);
    for (uint32_t i = 0; i < n; i++)
        text[i] = random_below(seed, 3) ? "1.e-+ \"\\ta"[random_below(seed, 10)]
                                        : (char)(1 + random_below(seed, 255));
    text[n] = 0;
    if (type == 'i') build_u32(b, random_below(seed, 2) ? bits : bits & 0xff);
    if (type == 'h') build_u64(b, more | UINT64_C(1) << 40);
    if (type == 'f') build_u32(b, (bits & 0x7f800000) == 0x7f800000 ? bits & 0xff7fffff : bits);
    if (type == 's') build_text(b, text);
    if (type == 'd') build_double(b, random_double(seed));
}

static void test_there_and_back(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 200000; i++) {
        struct osc_build b = {.n = 0};
        char types[10] = ",", line[1024];
        uint8_t back[1024];
        uint32_t n_args = random_below(&seed, 7);
        for (uint32_t k = 1; k <= n_args; k++)
            types[k] = "ihfsdTF"[random_below(&seed, 7)];
        types[n_args + 1] = 0;
        build_head(&b, i % 2 ? "/voice/set" : "/a b\"c", types);
        for (uint32_t k = 1; k <= n_args; k++)
            add_random(&b, types[k], &seed);
        size_t n_line = write_line(b.bytes, b.n, line, sizeof line - 1);
        size_t n = read_bytes(line, n_line - 1, back, sizeof back);
        if (n != b.n || memcmp(back, b.bytes, n) != 0) fail_msg("%d: %s", i, line);
    }
}

/// Any bytes as a line: what is taken passes the gate, and is the same after one more turn.
static void test_random_lines(void **state)
{
    (void)state;
    uint64_t seed = 4;
    uint32_t n_taken = 0;
    for (int i = 0; i < 1000000; i++) {
        char line[24], again[256];
        uint8_t message[256], message_again[256];
        size_t n = random_below(&seed, sizeof line);
        for (size_t k = 0; k < n; k++)
            line[k] = random_below(&seed, 20) ? "ab 1\"\\.-+e/x0\tn"[random_below(&seed, 15)]
                                              : (char)random_next(&seed);
        size_t n_message = read_bytes(line, n, message, sizeof message);
        if (n_message == 0 || osc_packet_check(message, n_message)) continue;
        size_t n_again = write_line(message, n_message, again, sizeof again - 1);
        assert_int_equal(read_bytes(again, n_again - 1, message_again, sizeof message_again), n_message);
        assert_memory_equal(message, message_again, n_message);
        n_taken++;
    }
    assert_true(n_taken > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_several_messages),
        cmocka_unit_test(test_texts_that_need_quotes),
        cmocka_unit_test(test_cut_lines),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_random_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
