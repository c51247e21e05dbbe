// SPDX-License-Identifier: MIT
// test_source.c - which files are mapped, that both ways read the same, and files that shrink meanwhile.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/sounds/source.h"
#include "tests/check.h"
#include "tests/random.h"

#define N_BYTES ((3 << 20) + 1234) // several windows, and not whole pages

static uint8_t content[N_BYTES];

/// In memory, or on the disk in the current folder, with these contents.
static int make_file(bool on_disk)
{
    char path[] = "source-XXXXXX";
    int fd = on_disk ? mkstemp(path) : memfd_create("source", MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, N_BYTES), N_BYTES);
    if (!on_disk) return fd;
    assert_int_equal(fchmod(fd, 0644), 0);
    int reader = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    close(fd);
    assert_true(reader >= 0);
    return reader;
}

static int fill(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (size_t i = 0; i < N_BYTES; i++)
        content[i] = (uint8_t)random_next(&random);
    return 0;
}

static bool is_mapped(int fd)
{
    struct source s;
    assert_int_equal(source_open(&s, fd), STATUS_OK);
    bool mapped = s.map.bytes.length > 0;
    source_close(&s);
    source_close(&s); // twice is once
    return mapped;
}

static void test_what_is_mapped(void **state)
{
    (void)state;
    int fd = make_file(false);
    assert_false(is_mapped(fd)); // open for writing
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    assert_false(is_mapped(fd));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    assert_true(is_mapped(fd));
    close(fd);
}

/// On the disk it is the owner and the mode that count.
static void test_whose_files_are_mapped(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    int fd = make_file(true);
    assert_true(is_mapped(fd));
    static const mode_t writable[] = {0664, 0646, 0666, 0620};
    for (size_t i = 0; i < COUNT_OF(writable); i++) {
        assert_int_equal(fchmod(fd, writable[i]), 0);
        assert_false(is_mapped(fd));
    }
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_true(is_mapped(fd));
    assert_int_equal(fchown(fd, 65534, 0), 0);
    assert_false(is_mapped(fd));
    close(fd);
}

/// A file system that is none of the machine's own.
static void test_other_file_systems(void **state)
{
    (void)state;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_false(is_mapped(fd));
    close(fd);
}

static void test_both_ways_read_the_same(void **state)
{
    (void)state;
    int fd = make_file(false);
    for (int is_sealed = 0; is_sealed < 2; is_sealed++) {
        static uint8_t got[N_BYTES];
        struct source s;
        uint64_t random = 11;
        if (is_sealed) assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
        assert_int_equal(source_open(&s, fd), STATUS_OK);
        assert_int_equal(s.map.bytes.length > 0, is_sealed);
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
        source_close(&s);
    }
    close(fd);
}

/// Root may cut it short all the same: what is left is read, and nobody touches what is not there.
static void test_cut_short_while_mapped(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    static uint8_t got[N_BYTES];
    struct source s;
    int fd = make_file(true);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_int_equal(source_open(&s, fd), STATUS_OK);
    assert_true(s.map.bytes.length > 0);
    assert_int_equal(source_read(&s, got, 100), 100);
    assert_int_equal(truncate(path, 2 << 20), 0);
    s.offset = (2 << 20) - 50;
    assert_int_equal(source_read(&s, got, 1000), 50);
    assert_memory_equal(got, content + (2 << 20) - 50, 50);
    assert_int_equal(source_read(&s, got, 1000), 0);
    assert_int_equal(s.error, 0);
    source_close(&s);
    close(fd);
}

static void test_errors(void **state)
{
    (void)state;
    struct source s;
    char got[8];
    assert_int_not_equal(source_open(&s, -1), STATUS_OK);
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); // its reads fail, as those of a bad disk do
    assert_int_equal(source_open(&s, folder), STATUS_OK);
    s.length = 100;
    assert_int_equal(source_read(&s, got, sizeof got), 0);
    assert_int_equal(s.error, EISDIR);
    source_close(&s);
    close(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_mapped),         cmocka_unit_test(test_whose_files_are_mapped),
        cmocka_unit_test(test_other_file_systems),     cmocka_unit_test(test_both_ways_read_the_same),
        cmocka_unit_test(test_cut_short_while_mapped), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
