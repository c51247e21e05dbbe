// SPDX-License-Identifier: MIT
// test_files.c - which files may be opened, with every way out of the allowed folders tried on real ones.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc/adaptors.h"
#include "engine/sounds/beneath.h"
#include "engine/sounds/files.h"
#include "tests/check.h"

static char base[32], path_text[2048];
static struct config config;
static struct roots roots;
static struct folders allowed_folders;
static struct allocator libc;
static bool walks; // without openat2()

/// A path below the folder of this test.
static const char *at(const char *name)
{
    snprintf(path_text, sizeof path_text, "%s/%s", base, name);
    return path_text;
}

static void make_file(const char *name, const char *text)
{
    FILE *f = fopen(at(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make_link(const char *to, const char *name)
{
    assert_int_equal(symlink(to, at(name)), 0);
}

/// base/allowed and base/also are allowed; base/allowed-not and base/secret.wav are not.
static enum status open_roots(void)
{
    enum status status = roots_init(&roots, &libc);
    folders_copy(&allowed_folders, &config);
    if (!status) roots_set(&roots, &allowed_folders);
    return status;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(base, "/tmp/chimed-XXXXXX");
    if (!mkdtemp(base)) return 1;
    static const char *const folders[] = {"allowed", "allowed/sub", "also", "allowed-not"};
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        mkdir(at(folders[i]), 0755);
    make_file("secret.wav", "secret");
    make_file("allowed-not/s.wav", "secret");
    make_file("allowed/a.wav", "a");
    make_file("allowed/sub/b.wav", "b");
    make_file("also/c.wav", "c");
    make_link("sub/b.wav", "allowed/inside");
    make_link("sub/../../allowed/a.wav", "allowed/out-and-in");
    make_link("../secret.wav", "allowed/out");
    make_link("..", "allowed/up");
    make_link("loop", "allowed/loop");
    make_link(at("secret.wav"), "allowed/absolute");
    make_link(at("allowed/a.wav"), "allowed/absolute-inside");
    make_link("/proc/self/root", "allowed/magic");
    mkfifo(at("allowed/fifo"), 0644);

    config_defaults(&config);
    config.n_allow = 2;
    snprintf(config.sound_folder, sizeof config.sound_folder, "%s/not there", base);
    snprintf(config.allow[0], sizeof config.allow[0], "%s/allowed///", base);
    snprintf(config.allow[1], sizeof config.allow[1], "%s/also", base);
    libc = libc_allocator();
    if (open_roots() != STATUS_OK) return 1;
    roots.walks = walks;
    return 0;
}

static int set_up_to_walk(void **state)
{
    walks = true;
    return set_up(state);
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    roots_close(&roots);
    roots_close(&roots); // twice is once
    snprintf(command, sizeof command, "rm -r %s", base);
    return system(command); // NOLINT(cert-env33-c): a folder of our own
}

/// Opens and expects; a file that is opened must hold `text`.
static void expect(const char *path, enum api_error expected, const char *text)
{
    char reason[LOAD_REASON_BYTES] = "", got[16] = "";
    int fd = -1;
    enum api_error error = file_open(&roots, path, &fd, reason);
    if (error != expected) fail_msg("%s: %s (%s)", path, api_error_code(error), reason);
    if (error) {
        assert_true(fd < 0);
        assert_int_not_equal(strlen(reason), 0);
        return;
    }
    assert_true(read(fd, got, sizeof got - 1) >= 0);
    if (text) assert_string_equal(got, text);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
}

static void test_inside(void **state)
{
    (void)state;
    assert_int_equal(roots.folders.v.n, 2); // the one that is missing is left out
    expect("a.wav", API_OK, "a");
    expect("sub/b.wav", API_OK, "b");
    expect("sub/../a.wav", API_OK, "a");
    expect("./a.wav", API_OK, "a");
    expect("inside", API_OK, "b");
    expect("c.wav", API_OK, "c"); // of the second folder
    expect(at("allowed/a.wav"), API_OK, "a");
    expect(at("allowed/sub/../a.wav"), API_OK, "a");
    expect(at("also/c.wav"), API_OK, "c");
    expect(at("allowed//a.wav"), API_OK, "a"); // as "$FOLDER/"/a.wav makes it
    expect(at("allowed///sub//b.wav"), API_OK, "b");
}

static void test_outside(void **state)
{
    (void)state;
    expect(at("secret.wav"), API_NOT_ALLOWED, NULL);
    expect(at("allowed-not/s.wav"), API_NOT_ALLOWED, NULL); // the name of a folder is no prefix
    expect(at("allowed"), API_NOT_ALLOWED, NULL);
    expect("/etc/passwd", API_NOT_ALLOWED, NULL);
    expect("/", API_NOT_ALLOWED, NULL);
    expect("..", API_NOT_ALLOWED, NULL);
    expect("../secret.wav", API_NOT_ALLOWED, NULL);
    expect("sub/../../secret.wav", API_NOT_ALLOWED, NULL);
    expect(at("allowed/../secret.wav"), API_NOT_ALLOWED, NULL);
    expect(at("allowed//../secret.wav"), API_NOT_ALLOWED, NULL);
    expect(at("allowed//"), API_NOT_ALLOWED, NULL);
    expect(at("allowed/../allowed/a.wav"), API_NOT_ALLOWED, NULL); // not even to come back
}

static void test_links(void **state)
{
    (void)state;
    expect("out", API_NOT_ALLOWED, NULL);
    expect("out-and-in", API_NOT_ALLOWED, NULL);
    expect("up/secret.wav", API_NOT_ALLOWED, NULL);
    expect("absolute", API_NOT_ALLOWED, NULL);
    expect("absolute-inside", API_NOT_ALLOWED, NULL);
    expect("magic/etc/passwd", API_NOT_ALLOWED, NULL);
    expect("loop", API_NOT_ALLOWED, NULL);
    expect(at("allowed/out"), API_NOT_ALLOWED, NULL);
}

static void test_missing(void **state)
{
    (void)state;
    char name[1000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    expect("no.wav", API_NOT_FOUND, NULL);
    expect("", API_NOT_FOUND, NULL);
    expect("a.wav/b", API_NOT_FOUND, NULL);
    expect(at("allowed/no.wav"), API_NOT_FOUND, NULL);
    expect("a.wav/", API_NOT_FOUND, NULL);
    expect(name, API_INTERNAL, NULL); // longer than any file's name
}

// ---- what a descriptor is ----

static enum api_error look_at(int fd, struct file_id *id)
{
    char reason[LOAD_REASON_BYTES];
    return file_check(fd, "it", id, reason);
}

static void test_not_files(void **state)
{
    (void)state;
    struct file_id id;
    char reason[LOAD_REASON_BYTES];
    static const char *const names[] = {"sub", "fifo"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        int fd;
        assert_int_equal(file_open(&roots, names[i], &fd, reason), API_OK); // and does not wait for a writer
        assert_int_equal(look_at(fd, &id), API_BAD_SOUND);
        close(fd);
    }
    int pair[2], zero = open("/dev/zero", O_RDONLY);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(look_at(pair[0], &id), API_BAD_SOUND);
    assert_int_equal(look_at(zero, &id), API_BAD_SOUND);
    close(pair[0]);
    close(pair[1]);
    close(zero);
    assert_int_equal(look_at(-1, &id), API_INTERNAL);
}

static void test_rights_of_a_descriptor(void **state)
{
    (void)state;
    static const struct {
        int flags;
        enum api_error expected;
    } ways[] = {{O_RDONLY, API_OK}, {O_RDWR, API_OK}, {O_WRONLY, API_NOT_ALLOWED}, {O_PATH, API_NOT_ALLOWED}};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct file_id id;
        int fd = open(at("allowed/a.wav"), ways[i].flags);
        assert_int_equal(look_at(fd, &id), ways[i].expected);
        close(fd);
    }
}

static void identify(const char *name, struct file_id *id)
{
    int fd = open(at(name), O_RDONLY);
    assert_int_equal(look_at(fd, id), API_OK);
    close(fd);
}

static void test_identity(void **state)
{
    (void)state;
    struct file_id first, second;
    identify("allowed/a.wav", &first);
    identify("allowed/a.wav", &second);
    assert_true(file_id_is(&first, &second));
    identify("also/c.wav", &second);
    assert_false(file_id_is(&first, &second));
    make_file("allowed/a.wav", "longer"); // written anew
    identify("allowed/a.wav", &second);
    assert_false(file_id_is(&first, &second));
    make_file("new", "a");
    char to[64];
    snprintf(to, sizeof to, "%s/allowed/a.wav", base);
    assert_int_equal(rename(at("new"), to), 0); // another file of the same length in its place
    identify("allowed/a.wav", &second);
    assert_false(file_id_is(&first, &second));
}

// ---- other sets of folders ----

static void test_root_folder(void **state)
{
    (void)state;
    roots_close(&roots);
    strcpy(config.allow[0], "/");
    config.n_allow = 1;
    assert_int_equal(open_roots(), STATUS_OK);
    expect(at("secret.wav"), API_OK, "secret");
    expect("/etc/passwd", API_OK, NULL);
    expect("/no/such/file", API_NOT_FOUND, NULL);
}

static void test_no_folders_and_all_of_them(void **state)
{
    (void)state;
    roots_close(&roots);
    config.n_allow = 0;
    assert_int_equal(open_roots(), STATUS_OK);
    expect("a.wav", API_NOT_FOUND, NULL);
    expect(at("allowed/a.wav"), API_NOT_ALLOWED, NULL);
    roots_close(&roots);
    config.n_allow = CONFIG_MAX_ALLOW;
    for (uint32_t i = 0; i < CONFIG_MAX_ALLOW; i++)
        snprintf(config.allow[i], sizeof config.allow[i], "%s/also", base);
    snprintf(config.sound_folder, sizeof config.sound_folder, "%s/allowed", base);
    assert_int_equal(open_roots(), STATUS_OK);
    assert_int_equal(roots.folders.v.n, CONFIG_MAX_ALLOW + 1);
    expect("c.wav", API_OK, "c");
    expect("a.wav", API_OK, "a");
    roots.anywhere = true;
    expect(at("secret.wav"), API_OK, "secret");
    expect(at("no.wav"), API_NOT_FOUND, NULL);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct roots none;
    struct failing f;
    assert_int_equal(roots_init(&none, failing_allocator(&f, &libc, 0, false)), STATUS_NO_MEMORY);
    assert_int_equal(none.folders.v.n, 0);
    assert_int_equal(f.n_seen, 1); // an arena would keep what a vector grows out of
    roots_close(&none);
}

// ---- the walk ----

static int count_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1000; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_walk_closes_what_it_opens(void **state)
{
    (void)state;
    static const char *const paths[] = {"sub/b.wav", "inside", "sub/../a.wav", "sub", "sub/..", "sub/no",
                                        "out",       "loop",   "out-and-in",   "",    "/a.wav", "a.wav/b"};
    int n = count_descriptors();
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        int fd = beneath_walk(roots.folders.items[0].fd, paths[i]);
        assert_int_equal(count_descriptors(), n + (fd >= 0));
        if (fd >= 0) close(fd);
    }
}

/// Folders 1, 1/1, 1/1/1 and so on; the caller's is the first of the 64 that a walk holds.
static void test_walk_depth(void **state)
{
    (void)state;
    char path[256] = "allowed";
    for (size_t i = 0, end = strlen(path); i < 64; i++, end += 2) {
        memcpy(path + end, "/1", 3);
        assert_int_equal(mkdir(at(path), 0755), 0);
    }
    int root = roots.folders.items[0].fd, fd = beneath_walk(root, path + strlen("allowed/1/"));
    assert_true(fd >= 0); // 63
    close(fd);
    assert_int_equal(beneath_walk(root, path + strlen("allowed/")), -1);
    assert_int_equal(errno, ENAMETOOLONG);
}

static void test_walk_long_paths(void **state)
{
    (void)state;
    static char path[PATH_MAX + 1];
    memset(path, '/', sizeof path - 1);
    memcpy(path, "sub", 3);
    int root = roots.folders.items[0].fd;
    assert_int_equal(beneath_walk(root, path), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    memcpy(path + PATH_MAX - 6, "b.wav", 6); // one less: all that fits
    int fd = beneath_walk(root, path);
    assert_true(fd >= 0);
    close(fd);
    memset(path, 'x', 4000);
    path[4000] = 0;
    memcpy(path, "sub/../", 7);
    path[240] = '/';
    assert_int_equal(beneath_walk(root, path), -1);
    make_link("inside/././././././././././././././././././././././././././././././././././././././.",
              "allowed/dots");
    assert_int_equal(beneath_walk(root, "dots"), -1);
    assert_int_equal(errno, ENOTDIR);
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_WALK(name) cmocka_unit_test_setup_teardown(name, set_up_to_walk, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_inside),
        TEST(test_outside),
        TEST(test_links),
        TEST(test_missing),
        TEST(test_not_files),
        TEST(test_rights_of_a_descriptor),
        TEST(test_identity),
        TEST(test_root_folder),
        TEST(test_no_folders_and_all_of_them),
        TEST(test_no_memory),
        TEST_WALK(test_inside),
        TEST_WALK(test_outside),
        TEST_WALK(test_links),
        TEST_WALK(test_missing),
        TEST_WALK(test_not_files),
        TEST_WALK(test_walk_closes_what_it_opens),
        TEST_WALK(test_walk_depth),
        TEST_WALK(test_walk_long_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
