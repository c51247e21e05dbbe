// SPDX-License-Identifier: MIT
// test_source.c - reading anywhere in a file, behind its end, and in one that shrinks meanwhile.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/sounds/source.h"
#include "tests/check.h"
#include "tests/random.h"

#define N_BYTES ((1 << 20) + 1234)

static uint8_t content[N_BYTES], got[N_BYTES];

static int make_file(void)
{
    int fd = memfd_create("source", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, N_BYTES), N_BYTES);
    return fd;
}

static int fill(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (size_t i = 0; i < N_BYTES; i++)
        content[i] = (uint8_t)random_next(&random);
    return 0;
}

static void test_reads_anywhere(void **state)
{
    (void)state;
    struct source s = {.fd = make_file(), .length = N_BYTES};
    uint64_t random = 11;
    for (int i = 0; i < 2000; i++) {
        s.offset = random_next(&random) % (N_BYTES + 100);
        int64_t at = s.offset, left = N_BYTES - at > 0 ? N_BYTES - at : 0;
        int64_t n = random_next(&random) % (i % 100 ? 20000 : N_BYTES);
        assert_int_equal(source_read(&s, got, n), n < left ? n : left);
        if (left > 0) assert_memory_equal(got, content + at, (size_t)(n < left ? n : left));
        assert_int_equal(s.offset, at + (n < left ? n : left));
    }
    assert_int_equal(source_read(&s, got, -1), 0);
    assert_int_equal(s.error, 0);
    assert_int_equal(lseek(s.fd, 0, SEEK_CUR), N_BYTES); // where it stood
    close(s.fd);
}

static void test_cut_short_meanwhile(void **state)
{
    (void)state;
    struct source s = {.fd = make_file(), .length = N_BYTES};
    assert_int_equal(source_read(&s, got, 100), 100);
    assert_int_equal(ftruncate(s.fd, 1 << 20), 0);
    s.offset = (1 << 20) - 50;
    assert_int_equal(source_read(&s, got, 1000), 50);
    assert_memory_equal(got, content + (1 << 20) - 50, 50);
    assert_int_equal(source_read(&s, got, 1000), 0);
    assert_int_equal(s.error, 0);
    close(s.fd);
}

/// What is written behind the end meanwhile is no part of it.
static void test_grown_meanwhile(void **state)
{
    (void)state;
    struct source s = {.fd = make_file(), .length = 1000, .offset = 900};
    assert_int_equal(source_read(&s, got, 1000), 100);
    assert_int_equal(source_read(&s, got, 1000), 0);
    close(s.fd);
}

static void test_errors(void **state)
{
    (void)state;
    // The reads of a folder fail, as those of a bad disk do.
    struct source s = {.fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), .length = 100};
    assert_int_equal(source_read(&s, got, 8), 0);
    assert_int_equal(s.error, EISDIR);
    close(s.fd);
    s.fd = -1;
    assert_int_equal(source_read(&s, got, 8), 0);
    assert_int_equal(s.error, EISDIR); // the first one
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_anywhere),
        cmocka_unit_test(test_cut_short_meanwhile),
        cmocka_unit_test(test_grown_meanwhile),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
