// SPDX-License-Identifier: MIT
// test_strbuf.c - strings in memory of a fixed size, and the texts of status codes.
#include <errno.h>
#include <string.h>

#include "alloc/status.h"
#include "alloc/strbuf.h"
#include "tests/check.h"

static void test_appends(void **state)
{
    (void)state;
    char memory[32];
    struct strbuf s = strbuf_make(memory, sizeof memory);
    assert_string_equal(memory, "");
    strbuf_append(&s, "gain");
    strbuf_append(&s, "");
    strbuf_format(&s, " %d dB", -6);
    assert_string_equal(memory, "gain -6 dB");
    assert_int_equal(s.length, 10);
    assert_false(s.cut);
}

/// One byte less than fits, just fits, one more: for every size, byte for byte.
static void test_cuts_at_the_end(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 20; size++) {
        for (size_t n = 0; n <= 20; n++) {
            char memory[21], text[21];
            memset(memory, '#', sizeof memory);
            memset(text, 'a', n);
            text[n] = 0;
            struct strbuf s = strbuf_make(memory, size);
            strbuf_append(&s, text);
            size_t kept = n < size ? n : size - 1;
            assert_int_equal(s.cut, n >= size);
            assert_int_equal(s.length, kept);
            assert_int_equal(strlen(memory), kept);
            for (size_t i = size; i < sizeof memory; i++)
                assert_int_equal(memory[i], '#');
        }
    }
}

static void test_stays_cut(void **state)
{
    (void)state;
    char memory[8];
    struct strbuf s = strbuf_make(memory, sizeof memory);
    strbuf_append(&s, "0123456789");
    assert_true(s.cut);
    strbuf_append(&s, "");
    strbuf_format(&s, "%s", "more");
    assert_true(s.cut);
    assert_string_equal(memory, "0123456");
    assert_int_equal(s.length, 7);
}

static void test_percent_signs_are_text(void **state)
{
    (void)state;
    char memory[16];
    struct strbuf s = strbuf_make(memory, sizeof memory);
    strbuf_append(&s, "100%n%s");
    assert_string_equal(memory, "100%n%s");
}

static void test_copies_what_fits(void **state)
{
    (void)state;
    char to[5] = "####";
    assert_true(string_copy(to, sizeof to, "four"));
    assert_string_equal(to, "four");
    assert_true(string_copy(to, sizeof to, "abc"));
    assert_string_equal(to, "abc");
    assert_false(string_copy(to, sizeof to, "fives"));
    assert_string_equal(to, "");
    assert_true(string_copy(to, 1, ""));
    assert_false(string_copy(to, 1, "x"));
}

static void test_every_status_has_its_own_text(void **state)
{
    (void)state;
    for (int s = STATUS_OK; s <= STATUS_SYSTEM; s++) {
        assert_string_not_equal(status_text((enum status)s), "unknown status");
        for (int other = STATUS_OK; other < s; other++)
            assert_string_not_equal(status_text((enum status)s), status_text((enum status)other));
    }
    assert_string_equal(status_text((enum status)999), "unknown status");
}

static void test_errno_becomes_a_status(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum status status;
    } pairs[] = {{0, STATUS_OK},
                 {ENOMEM, STATUS_NO_MEMORY},
                 {ENOENT, STATUS_NOT_FOUND},
                 {ENOTDIR, STATUS_NOT_FOUND},
                 {ENODEV, STATUS_LOST},
                 {EACCES, STATUS_NOT_ALLOWED},
                 {EPERM, STATUS_NOT_ALLOWED},
                 {EXDEV, STATUS_NOT_ALLOWED},
                 {ELOOP, STATUS_NOT_ALLOWED},
                 {EBUSY, STATUS_BUSY},
                 {EADDRINUSE, STATUS_BUSY},
                 {EINVAL, STATUS_BAD_ARGUMENT},
                 {EIO, STATUS_SYSTEM},
                 {-1, STATUS_SYSTEM}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_int_equal(status_from_errno(pairs[i].error), pairs[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_cuts_at_the_end),
        cmocka_unit_test(test_stays_cut),
        cmocka_unit_test(test_percent_signs_are_text),
        cmocka_unit_test(test_copies_what_fits),
        cmocka_unit_test(test_every_status_has_its_own_text),
        cmocka_unit_test(test_errno_becomes_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
