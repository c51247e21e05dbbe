// SPDX-License-Identifier: MIT
// test_pattern.c - address patterns: the specification's rules, a slow matcher that cannot be wrong, and
// liblo.
//
// test_pattern PATTERN PATH matches one and does nothing else; test_pattern_steps.py counts its instructions.
#include <lo/lo.h>
#include <stdio.h>
#include <string.h>

#include "alloc/strbuf.h"
#include "engine/osc/pattern.h"
#include "tests/check.h"
#include "tests/pattern_slow.h"
#include "tests/random.h"

// ---- the rules ----

static const struct {
    const char *pattern, *path;
    bool matches;
} cases[] = {
    // OSC 1.0: no special character: the same
    {"/play", "/play", true},
    {"/play", "/pla", false},
    {"/pla", "/play", false},
    {"/play", "/Play", false},
    // '?' is any single character, '*' any sequence of them or none
    {"/p?ay", "/play", true},
    {"/pla?", "/pla", false},
    {"/????", "/play", true},
    {"/???", "/play", false},
    {"/*", "/play", true},
    {"/p*", "/p", true},
    {"/p*y", "/play", true},
    {"/*l*y", "/play", true},
    {"/*x*", "/play", false},
    {"/**", "/play", true},
    {"/*?", "/p", true},
    {"/*?", "/", false},
    // a pattern has as many parts as the path: neither crosses a '/'
    {"/*", "/voice/set", false},
    {"/voice?set", "/voice/set", false},
    {"/voice*", "/voice/set", false},
    {"/voice[/]set", NULL, false},
    {"/*/*", "/voice/set", true},
    {"/voice/*", "/voice/set", true},
    {"/*/set", "/voice/set", true},
    {"/*/set", "/bus/set", true},
    {"/*/set", "/set", false},
    {"/*/*", "/voice", false},
    // [] is any of the characters, with ranges, and '!' for all others
    {"/[abc]", "/b", true},
    {"/[abc]", "/d", false},
    {"/[abc]", "/ab", false},
    {"/n[0-9]", "/n7", true},
    {"/n[0-9]", "/nx", false},
    {"/[a-cx-z]", "/y", true},
    {"/[a-cx-z]", "/m", false},
    {"/[!a-c]", "/d", true},
    {"/[!a-c]", "/b", false},
    {"/voice[!x]set", "/voice/set", false},
    {"/[a-]", "/-", true}, // a minus at the end is none
    {"/[a-]", "/b", false},
    {"/[-a]", "/-", true},
    {"/[a!]", "/!", true}, // so is a '!' that is not the first
    {"/[a!]", "/b", false},
    {"/[*?{]", "/*", true}, // nothing else is special
    {"/[*?{]", "/b", false},
    {"/[c-a]", "/b", false},
    // {} is any of the words
    {"/{foo,bar}", "/foo", true},
    {"/{foo,bar}", "/bar", true},
    {"/{foo,bar}", "/fooar", false},
    {"/{foo,bar}", "/foo,bar", false},
    {"/{foo,foobar}", "/foobar", true}, // whatever their order
    {"/{foobar,foo}", "/foobar", true},
    {"/{foo,foobar}baz", "/foobarbaz", true},
    {"/{a,aa,aaa}{a,aa}", "/aaaaa", true},
    {"/{a,aa,aaa}{a,aa}", "/aaaaaa", false},
    {"/{one}", "/one", true},
    {"/{,s}ing", "/ing", true},
    {"/{,s}ing", "/sing", true},
    {"/{}x", "/x", true},
    {"/{pause,resume}", "/resume", true},
    {"/{voice,bus}/set", "/bus/set", true},
    {"/{voice,bus}/{list,set}", "/voice/list", true},
    {"/{th,s}*[!x]?", "/song", true},
    // OSC 1.1: "//" is any number of parts
    {"//set", "/voice/set", true},
    {"//set", "/set", true},
    {"//set", "/a/b/c/set", true},
    {"//set", "/a/b/c/reset", false},
    {"//set", "/set/a", false},
    {"/voice//set", "/voice/set", true},
    {"/voice//set", "/voice/a/b/set", true},
    {"/voice//set", "/voices/set", false},
    {"/voice//set", "/voiceset", false},
    {"//", "/voice/set", true},
    {"//", "/", true},
    {"/voice//", "/voice/set", true},
    {"/voice//", "/voice/a/b", true},
    {"/voice//", "/voice", false},
    {"/voice//", "/voices/set", false},
    {"//*", "/a/b", true},
    {"//?", "/a/b", true},
    {"//?", "/a/bc", false},
    {"//a//a", "/a/a", true},
    {"//a//a", "/a", false},
    {"//a//a", "/b/a/b/a", true},
    {"/*//{b,c}", "/x/y/c", true},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *problem = pattern_check(cases[i].pattern);
        assert_int_equal(problem != NULL, cases[i].path == NULL);
        if (problem) continue;
        if (pattern_matches(cases[i].pattern, cases[i].path) != cases[i].matches)
            fail_msg("%s and %s: should be %d", cases[i].pattern, cases[i].path, cases[i].matches);
    }
}

static void test_what_is_no_pattern(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "/[",  "/[a",    "/[]",    "/[!]",    "/a]",  "/[a/b]", "/[a-z",   "/{",      "/{a",   "/{a,",
        "/a}", "/{a/b}", "/{{a}}", "/{a{b}}", "/a,b", "/{*}",   "/{a,b?}", "/{[ab]}", "///",   "/a///b",
        "/]",  "/}",     "/,",     "/{a]}",   "//[",  "/[a]]",  "/{a}}",   "/{a},b",  "/a[/]", "////",
    };
    char longest[PATTERN_BYTES + 1];
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (!pattern_check(wrong[i])) fail_msg("%s passes", wrong[i]);
    memset(longest, '*', sizeof longest);
    longest[PATTERN_BYTES] = 0;
    assert_non_null(pattern_check(longest));
    longest[PATTERN_BYTES - 1] = 0;
    assert_null(pattern_check(longest));
    assert_true(pattern_matches(longest, "anything"));
    assert_false(pattern_matches(longest, "a/b"));
    assert_null(pattern_check(""));
    assert_true(pattern_matches("", ""));
    assert_false(pattern_matches("", "/"));
}

static void test_what_is_a_pattern(void **state)
{
    (void)state;
    static const char *const patterns[] = {"/*", "/a?", "/[a]", "/{a}", "//", "/a//b"};
    static const char *const paths[] = {"/", "/play", "/voice/set", "/a-b", "/a!b", ""};
    for (size_t i = 0; i < COUNT_OF(patterns); i++)
        assert_true(pattern_is(patterns[i]));
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_false(pattern_is(paths[i]));
}

// ---- by trying everything ----

/// A path of a few letters; `parts`: with more '/' than the first.
static void random_path(uint64_t *seed, char *path, bool parts)
{
    uint32_t n = 1 + random_below(seed, 8);
    path[0] = '/';
    for (uint32_t i = 1; i < n; i++) {
        bool ends_part = parts && path[i - 1] != '/' && random_below(seed, 4) == 0;
        path[i] = ends_part ? '/' : (char)('a' + random_below(seed, 3));
    }
    path[n] = 0;
}

static void random_pattern(uint64_t *seed, char *pattern, size_t size, bool parts)
{
    static const char *const pieces[] = {"a",      "b",        "c",      "?",     "*",      "[ab]",
                                         "[!a]",   "[a-c]",    "[!b-c]", "{a,b}", "{ab,c}", "{a,ab}",
                                         "{a,,b}", "{abc,bc}", "/",      "//",    "[a-]",   "*"};
    struct strbuf text = strbuf_make(pattern, size);
    strbuf_append(&text, parts && random_below(seed, 4) == 0 ? "//" : "/");
    for (uint32_t n = random_below(seed, 7); n > 0; n--) {
        const char *piece = pieces[random_below(seed, COUNT_OF(pieces))];
        if (*piece == '/' && (!parts || pattern[text.length - 1] == '/')) continue;
        strbuf_append(&text, piece);
    }
}

static void test_against_trying_everything(void **state)
{
    (void)state;
    uint64_t seed = 19;
    uint32_t n_matches = 0;
    for (int i = 0; i < 3000000; i++) {
        char pattern[64], path[16];
        random_pattern(&seed, pattern, sizeof pattern, true);
        random_path(&seed, path, true);
        assert_null(pattern_check(pattern));
        bool expected = slow_matches(pattern, path);
        if (pattern_matches(pattern, path) != expected)
            fail_msg("%s and %s: should be %d", pattern, path, expected);
        n_matches += expected;
    }
    assert_true(n_matches > 100000);
}

/// Any characters: what passes the check means the same to both.
static void test_random_texts(void **state)
{
    (void)state;
    uint64_t seed = 20;
    uint32_t n_passed = 0, n_matches = 0;
    for (int i = 0; i < 5000000; i++) {
        char pattern[16] = "/", path[16];
        uint32_t n = random_below(&seed, 10);
        for (uint32_t k = 0; k < n; k++)
            pattern[k + 1] = "ab/?*[]{},-!"[random_below(&seed, 12)];
        random_path(&seed, path, true);
        if (pattern_check(pattern)) continue;
        bool expected = slow_matches(pattern, path);
        if (pattern_matches(pattern, path) != expected)
            fail_msg("%s and %s: should be %d", pattern, path, expected);
        n_passed++;
        n_matches += expected;
    }
    assert_true(n_passed > 300000 && n_matches > 10000);
}

/// liblo reads [a-] in its own way, and takes the first word of a {} that fits and not much behind it.
static bool means_the_same_to_liblo(const char *pattern)
{
    const char *words = strchr(pattern, '{');
    if (strstr(pattern, "-]")) return false;
    return !words || (strchr(words, '}')[1] == 0 && !strstr(words, "a,ab") && !strstr(words, ",,"));
}

/// liblo's '?' and '*' cross a '/', and its matcher is exponential: short patterns, and paths of one part.
static void test_against_liblo(void **state)
{
    (void)state;
    uint64_t seed = 21;
    uint32_t n_compared = 0, n_matches = 0;
    for (int i = 0; i < 2000000; i++) {
        char pattern[64], path[16];
        random_pattern(&seed, pattern, sizeof pattern, false);
        random_path(&seed, path, false);
        if (!means_the_same_to_liblo(pattern)) continue;
        bool expected = lo_pattern_match(path, pattern);
        if (pattern_matches(pattern, path) != expected)
            fail_msg("%s and %s: liblo says %d", pattern, path, expected);
        n_compared++;
        n_matches += expected;
    }
    assert_true(n_compared > 500000 && n_matches > 50000);
}

int main(int n_words, char **words)
{
    if (n_words == 3) {
        bool matches = !pattern_check(words[1]) && pattern_matches(words[1], words[2]);
        puts(matches ? "match" : "no match");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_what_is_no_pattern),
        cmocka_unit_test(test_what_is_a_pattern),
        cmocka_unit_test(test_against_trying_everything),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_against_liblo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
