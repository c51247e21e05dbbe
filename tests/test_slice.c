// SPDX-License-Identifier: MIT
// test_slice.c - views of bytes, and the bytes of files.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc/mapped_file.h"
#include "alloc/slice.h"
#include "tests/check.h"
#include "tests/child.h"

// ---- slice ----

static void is(struct slice s, const char *expected)
{
    if (!slice_equal(s, slice_of(expected)))
        fail_msg("\"" SLICE_FORMAT "\" instead of \"%s\"", SLICE_ARGS(s), expected);
}

static void test_parts(void **state)
{
    (void)state;
    struct slice s = slice_of("bell.wav"), none = {0};
    is(slice_sub(s, 0, 4), "bell");
    is(slice_sub(s, 5, 8), "wav");
    is(slice_sub(s, 5, SLICE_NONE), "wav"); // cut to what there is
    is(slice_sub(s, 8, 8), "");
    is(slice_sub(s, 9, 20), "");
    is(slice_sub(s, 5, 2), "");
    is(slice_sub(none, 0, 1), "");
    is(none, "");
    assert_false(slice_equal(slice_make("a\0b", 3), slice_make("a\0c", 3)));
    assert_true(slice_equal(slice_make("a\0b", 3), slice_sub(slice_make("xa\0b", 4), 1, 4)));
}

static void test_trims(void **state)
{
    (void)state;
    is(slice_trim(slice_of("  a b\t\r\n")), "a b");
    is(slice_trim(slice_of(" \t ")), "");
    is(slice_trim(slice_of("")), "");
    is(slice_trim((struct slice){0}), "");
    is(slice_trim(slice_of("x")), "x");
}

static void test_splits(void **state)
{
    (void)state;
    struct slice s = slice_of("a,,bc,"), part;
    assert_true(slice_next(&s, ',', &part));
    is(part, "a");
    assert_true(slice_next(&s, ',', &part));
    is(part, "");
    assert_true(slice_next(&s, ',', &part));
    is(part, "bc");
    assert_false(slice_next(&s, ',', &part));
    s = slice_of("whole");
    assert_true(slice_next(&s, ',', &part));
    is(part, "whole");
    assert_int_equal(s.length, 0);
    s = (struct slice){0};
    assert_false(slice_next(&s, ',', &part));
}

static void test_compares(void **state)
{
    (void)state;
    struct slice ab = slice_of("ab"), abc = slice_of("abc"), b = slice_of("b"), none = {0};
    assert_true(slice_compare(ab, abc) < 0);
    assert_true(slice_compare(abc, ab) > 0);
    assert_true(slice_compare(abc, b) < 0);
    assert_int_equal(slice_compare(ab, slice_sub(abc, 0, 2)), 0);
    assert_true(slice_compare(none, b) < 0);
    assert_int_equal(slice_compare(none, slice_of("")), 0);
    assert_true(slice_compare(slice_make("\xff", 1), slice_make("\x01", 1)) > 0); // as bytes, not as chars
    assert_false(slice_equal(ab, abc));
    assert_true(slice_starts_with(abc, ab));
    assert_false(slice_starts_with(ab, abc));
    assert_true(slice_starts_with(ab, none));
    assert_true(slice_ends_with(abc, slice_of("bc")));
    assert_false(slice_ends_with(abc, slice_of("ab")));
    assert_false(slice_ends_with(b, abc));
    assert_true(slice_ends_with(abc, none));
}

static void test_finds(void **state)
{
    (void)state;
    struct slice s = slice_of("abcabd"), none = {0};
    assert_int_equal(slice_find(s, slice_of("abd")), 3);
    assert_int_equal(slice_find(s, slice_of("abe")), SLICE_NONE);
    assert_int_equal(slice_find(s, none), 0);
    assert_int_equal(slice_find(none, s), SLICE_NONE);
    assert_int_equal(slice_find(slice_sub(s, 0, 5), slice_of("abd")), SLICE_NONE); // not behind its end
    assert_int_equal(slice_find_char(s, 'c'), 2);
    assert_int_equal(slice_find_char(s, 'x'), SLICE_NONE);
    assert_int_equal(slice_find_char(none, 'x'), SLICE_NONE);
}

static void test_copies_out(void **state)
{
    (void)state;
    char text[4] = "###";
    assert_true(slice_copy(slice_of("abc"), text, 4));
    assert_string_equal(text, "abc");
    assert_false(slice_copy(slice_of("abcd"), text, 4));
    assert_string_equal(text, "");
    assert_true(slice_copy((struct slice){0}, text, 1));
    assert_false(slice_copy(slice_of(""), text, 0));
}

// ---- mapped file ----

static char path[64];

static void write_file(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(path, "/tmp/chimed-slice-XXXXXX");
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void test_maps_a_file(void **state)
{
    (void)state;
    struct mapped_file f;
    char large[10000];
    memset(large, 'x', sizeof large);
    large[9999] = 'y';
    write_file(large, sizeof large);
    assert_int_equal(mapped_file_open(&f, path), STATUS_OK);
    assert_int_equal(f.bytes.length, sizeof large);
    assert_memory_equal(f.bytes.data, large, sizeof large);
    assert_int_equal(slice_find_char(f.bytes, 'y'), 9999);
    mapped_file_close(&f);
    assert_int_equal(f.bytes.length, 0);
    mapped_file_close(&f); // a zeroed one
}

static void test_an_empty_file_is_empty(void **state)
{
    (void)state;
    struct mapped_file f;
    assert_int_equal(mapped_file_open(&f, path), STATUS_OK);
    assert_int_equal(f.bytes.length, 0);
    mapped_file_close(&f);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    struct mapped_file f;
    assert_int_equal(mapped_file_open(&f, "/nowhere/at/all"), STATUS_NOT_FOUND);
    assert_int_equal(mapped_file_open(&f, "/tmp"), STATUS_UNSUPPORTED);
    assert_int_equal(mapped_file_open(&f, "/dev/null"), STATUS_UNSUPPORTED);
    assert_int_not_equal(mapped_file_open_fd(&f, -1), STATUS_OK);
    assert_int_equal(f.bytes.length, 0);
    char fifo[80];
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mapped_file_open(&f, fifo), STATUS_UNSUPPORTED); // and does not wait
    unlink(fifo);
}

static const char *seen;

static void read_in_a_scope(void)
{
    MAPPED_FILE_SCOPED f;
    assert_int_equal(mapped_file_open(&f, path), STATUS_OK);
    assert_int_equal(f.bytes.data[0], 'x');
    seen = f.bytes.data;
}

static void touch(void *p)
{
    printf("%c", *(volatile char *)p);
}

static void write_to(void *p)
{
    *(volatile char *)p = 1;
}

static void test_closes_itself(void **state)
{
    (void)state;
    struct mapped_file f;
    write_file("xyz", 3);
    read_in_a_scope();
    check_dies(touch, (void *)(uintptr_t)seen, NULL);
    assert_int_equal(mapped_file_open(&f, path), STATUS_OK);
    check_dies(write_to, (void *)(uintptr_t)f.bytes.data, NULL); // read-only
    mapped_file_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_trims),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_compares),
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_copies_out),
        cmocka_unit_test_setup_teardown(test_maps_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_file_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closes_itself, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
