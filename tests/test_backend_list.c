// SPDX-License-Identifier: MIT
// test_backend_list.c - lists of backends as they stand in the configuration.
#include <string.h>

#include "engine/backend_list.h"
#include "tests/check.h"

static struct backend_list list;
static char text[512];

static enum status parse(const char *from)
{
    struct strbuf what = strbuf_make(text, sizeof text);
    return backend_list_parse(&list, from, &what);
}

static void expect(uint32_t i, enum backend_kind kind, const char *word, const char *target)
{
    assert_int_equal(list.choices[i].kind, kind);
    assert_string_equal(list.choices[i].word, word);
    assert_string_equal(list.choices[i].target, target);
}

static void test_single_words(void **state)
{
    (void)state;
    assert_int_equal(parse("jack"), STATUS_OK);
    assert_int_equal(list.n, 1);
    expect(0, BACKEND_JACK, "jack", "");
    assert_int_equal(parse("alsa"), STATUS_OK);
    expect(0, BACKEND_ALSA, "alsa", "");
    assert_int_equal(parse("null"), STATUS_OK);
    expect(0, BACKEND_NULL, "null", "");
    assert_false(list.is_auto);
    assert_int_equal(parse("auto"), STATUS_OK);
    assert_true(list.is_auto);
    assert_int_equal(list.n, 3);
    expect(0, BACKEND_JACK, "jack", "");
    expect(1, BACKEND_ALSA, "alsa", "");
    expect(2, BACKEND_NULL, "null", "");
}

static void test_chains(void **state)
{
    (void)state;
    assert_int_equal(parse(" jack:show ,alsa:hw:CARD=USB,DEV=0, alsa:default,\talsa , null"), STATUS_OK);
    assert_int_equal(list.n, 5);
    expect(0, BACKEND_JACK, "jack:show", "show");
    expect(1, BACKEND_ALSA, "alsa:hw:CARD=USB,DEV=0", "hw:CARD=USB,DEV=0");
    expect(2, BACKEND_ALSA, "alsa:default", "default");
    expect(3, BACKEND_ALSA, "alsa", "");
    expect(4, BACKEND_NULL, "null", "");
    assert_int_equal(parse("alsa:hw:0,0,1, jack"), STATUS_OK);
    assert_int_equal(list.n, 2);
    expect(0, BACKEND_ALSA, "alsa:hw:0,0,1", "hw:0,0,1");
    assert_int_equal(parse("jack,null"), STATUS_OK);
    assert_int_equal(list.n, 2);
}

static void test_what_is_no_list(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "  ",    "pulse",     "jack,",      ",jack",          "jack,,null", "alsa:",
        "null:x", "jacks", "jack auto", "jack, auto", "alsa:hw:0, nul", "jack, jack", "alsa:a, alsa:a",
        "Jack"};
    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        if (parse(bad[i]) != STATUS_BAD_FORMAT) fail_msg("\"%s\" is taken", bad[i]);
        assert_non_null(strstr(text, "expected"));
    }
    char word[BACKEND_WORD_BYTES + 1] = "alsa:";
    memset(word + 5, 'x', BACKEND_WORD_BYTES - 6);
    assert_int_equal(parse(word), STATUS_OK);
    word[BACKEND_WORD_BYTES - 1] = 'x';
    assert_int_equal(parse(word), STATUS_BAD_FORMAT);
    assert_int_equal(parse("alsa:1, alsa:2, alsa:3, alsa:4, alsa:5, alsa:6, alsa:7, alsa:8"), STATUS_OK);
    assert_int_equal(parse("alsa:1, alsa:2, alsa:3, alsa:4, alsa:5, alsa:6, alsa:7, alsa:8, null"),
                     STATUS_BAD_FORMAT);
}

static void test_a_choice(void **state)
{
    (void)state;
    struct backend_choice choice;
    struct strbuf what = strbuf_make(text, sizeof text);
    assert_int_equal(backend_choice_parse(&choice, "alsa:hw:0,1", &what), STATUS_OK);
    assert_string_equal(choice.target, "hw:0,1");
    assert_int_equal(backend_choice_parse(&choice, "auto", &what), STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_words),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_a_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
