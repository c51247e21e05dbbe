// SPDX-License-Identifier: MIT
// test_sound_table.c - the table of sounds with a real worker thread, real files and a real budget.
#include <fcntl.h>
#include <poll.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/sounds/sound_table.h"
#include "tests/arena_limits.h"
#include "tests/check.h"

#define MAX_SOUNDS 32

static char base[32];
static struct config config;

struct fixture {
    struct arena arena;
    struct memory map;
    struct worker worker;
    struct sound_table table;
    char text[512];
    struct strbuf why;
};

static struct fixture f;

/// A sound of some seconds, 16 bits mono at 48 kHz: about 94 KiB each.
static void make_file(const char *name, uint32_t seconds)
{
    char path[64];
    static int16_t second[48000];
    SF_INFO info = {.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16, .channels = 1, .samplerate = 48000};
    snprintf(path, sizeof path, "%s/%s", base, name);
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    for (uint32_t i = 0; i < seconds; i++)
        sf_writef_short(file, second, 48000);
    sf_close(file);
}

static int make_files(void **state)
{
    (void)state;
    strcpy(base, "/tmp/chimed-XXXXXX");
    if (!mkdtemp(base)) return 1;
    make_file("one.wav", 1);
    make_file("two.wav", 2);
    make_file("half-of-it.wav", 5);
    make_file("more-than-all.wav", 12);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", base);
    return system(command); // NOLINT(cert-env33-c): a folder of our own
}

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    config_defaults(&config);
    config.sounds = MAX_SOUNDS;
    config.sound_memory = 1; // MiB
    config.n_allow = 0;
    strcpy(config.lock_memory, "no");
    snprintf(config.sound_folder, sizeof config.sound_folder, "%s", base);
    f.why = strbuf_make(f.text, sizeof f.text);
    return arena_init(&f.arena, 1 << 26) ||
           memory_init(&f.map, &(struct memory_config){.budget_bytes[MEMORY_SOUNDS] = 1 << 20}) ||
           worker_init(&f.worker, arena_allocator(&f.arena), &f.map, &config, 48000,
                       MAX_SOUNDS + MAX_LOADS + 1) ||
           sound_table_init(&f.table, arena_allocator(&f.arena), MAX_SOUNDS, &f.worker) ||
           worker_start(&f.worker, f.text, sizeof f.text);
}

static int tear_down(void **state)
{
    (void)state;
    worker_fini(&f.worker);
    worker_fini(&f.worker); // twice is once
    memory_fini(&f.map);
    arena_fini(&f.arena);
    return 0;
}

static uint32_t begin(const char *name, const char *path)
{
    uint32_t sound = SOUND_NONE;
    assert_int_equal(sound_load(&f.table, name, path, -1, SOUND_NONE, &sound, &f.why), API_OK);
    assert_int_equal(f.table.entries[sound].state, SOUND_LOADING);
    return sound;
}

static struct job_result next_result(void)
{
    struct job_result result;
    while (!worker_pop(&f.worker, &result)) {
        struct pollfd p = {.fd = f.worker.result_fd, .events = POLLIN};
        uint64_t n;
        assert_int_equal(poll(&p, 1, 10000), 1);
        (void)!read(f.worker.result_fd, &n, sizeof n);
    }
    return result;
}

/// Takes one result as control does. Returns the load's error.
static enum api_error finish(void)
{
    struct job_result r = next_result();
    enum api_error error = r.load->error;
    if (error == API_REFUSED && sound_retry_load(&f.table, r.token, r.load)) return finish();
    if (error || r.load->unchanged)
        sound_forget(&f.table, r.token);
    else
        sound_publish(&f.table, r.token, r.load);
    sound_release_load(&f.table, r.load);
    return error;
}

static uint32_t load(const char *name, const char *path)
{
    uint32_t sound = begin(name, path);
    assert_int_equal(finish(), API_OK);
    assert_int_equal(f.table.entries[sound].state, SOUND_READY);
    return sound;
}

/// Waits until the worker has given back all but `bytes` of sound (whole pages; a sound's padding included).
static void expect_store(uint32_t n_seconds)
{
    uint64_t used = 0;
    for (int i = 0; i < 2000; i++) {
        struct memory_usage usage;
        memory_usage(&f.map, MEMORY_SOUNDS, &usage);
        used = usage.used_bytes;
        if (used / 96000 == n_seconds) return;
        usleep(1000);
    }
    fail_msg("%llu bytes are in use, not %u seconds", (unsigned long long)used, n_seconds);
}

/// The worker closes a descriptor of this file, and may have got another of the same number since.
static void expect_closed(int fd, const char *path)
{
    struct stat file, open_file;
    char by_number[32]; // ThreadSanitizer would see a race in fstat()
    snprintf(by_number, sizeof by_number, "/proc/self/fd/%d", fd);
    assert_int_equal(stat(path, &file), 0);
    for (int i = 0; i < 2000; i++) {
        if (stat(by_number, &open_file) != 0 || open_file.st_ino != file.st_ino ||
            open_file.st_dev != file.st_dev)
            return;
        usleep(1000);
    }
    fail_msg("%s is still open", path);
}

static void test_load_find_unload(void **state)
{
    (void)state;
    assert_int_equal(sound_find(&f.table, "bell"), SOUND_NONE);
    uint32_t bell = load("bell", "one.wav");
    assert_int_equal(sound_find(&f.table, "bell"), bell);
    assert_int_equal(f.table.entries[bell].decoded.sound.n_frames, 48000);
    expect_store(1);
    sound_unlist(&f.table, bell);
    assert_int_equal(sound_find(&f.table, "bell"), SOUND_NONE);
    assert_int_equal(f.table.n_free, MAX_SOUNDS);
    expect_store(0);
}

static void test_a_voice_keeps_its_sound(void **state)
{
    (void)state;
    uint32_t bell = load("bell", "one.wav");
    sound_acquire(&f.table, bell);
    sound_acquire(&f.table, bell);
    sound_unlist(&f.table, bell);
    sound_unlist(&f.table, bell); // again
    assert_int_equal(sound_find(&f.table, "bell"), SOUND_NONE);
    sound_release(&f.table, bell);
    assert_int_equal(f.table.entries[bell].state, SOUND_READY);
    expect_store(1);
    sound_release(&f.table, bell);
    assert_int_equal(f.table.entries[bell].state, SOUND_FREE);
    expect_store(0);
}

static void test_a_new_sound_takes_the_name(void **state)
{
    (void)state;
    uint32_t old = load("bell", "one.wav");
    sound_acquire(&f.table, old);
    uint32_t new = begin("bell", "two.wav");
    assert_int_equal(sound_find(&f.table, "bell"), old); // until the other is ready
    assert_int_equal(finish(), API_OK);
    assert_int_equal(sound_find(&f.table, "bell"), new);
    expect_store(3);
    sound_release(&f.table, old);
    expect_store(2);
}

static void test_failed_loads_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum api_error error;
    } bad[] = {
        {"no.wav", API_NOT_FOUND}, {"/etc/passwd", API_NOT_ALLOWED}, {"more-than-all.wav", API_REFUSED}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        begin("bad", bad[i].path);
        assert_int_equal(finish(), bad[i].error);
        assert_int_equal(sound_find(&f.table, "bad"), SOUND_NONE);
        assert_int_equal(f.table.n_free, MAX_SOUNDS);
        assert_int_equal(shared_pool_count_used(&f.worker.loads), 0);
    }
    expect_store(0);
}

static void test_full_tables(void **state)
{
    (void)state;
    char name[SOUND_NAME_BYTES + 1];
    uint32_t sound;
    for (uint32_t i = 0; i < MAX_SOUNDS; i++) {
        snprintf(name, sizeof name, "sound %u", i);
        begin(name, "no.wav");
    }
    assert_int_equal(sound_load(&f.table, "x", "one.wav", -1, SOUND_NONE, &sound, &f.why), API_REFUSED);
    assert_string_equal(f.text, "refused sounds 32/32");
    for (uint32_t i = 0; i < MAX_SOUNDS; i++)
        assert_int_equal(finish(), API_NOT_FOUND);
    assert_int_equal(f.table.n_free, MAX_SOUNDS);

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(sound_load(&f.table, name, "one.wav", fd, SOUND_NONE, &sound, &f.why),
                     API_BAD_ARGUMENTS);
    expect_closed(fd, "/dev/null"); // taken over, also on failure
    name[SOUND_NAME_BYTES - 1] = 0;
    load(name, "one.wav"); // the longest
}

/// Cached sounds make room, the one that was used longest ago first; those that play, or have a name of their
/// own, stay.
static void test_cached_sounds_make_room(void **state)
{
    (void)state;
    uint32_t named = load("named", "one.wav"), cached[3];
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        cached[i] = load(names[i], "two.wav");
        f.table.entries[cached[i]].is_cached = true;
    }
    sound_acquire(&f.table, cached[0]); // plays
    sound_acquire(&f.table, cached[1]); // was used again
    sound_release(&f.table, cached[1]);
    expect_store(7);
    uint32_t big = load("big", "half-of-it.wav"); // 5 of 10.9 seconds
    assert_int_equal(f.table.entries[big].state, SOUND_READY);
    assert_int_equal(sound_find(&f.table, "c"), SOUND_NONE);
    assert_int_equal(sound_find(&f.table, "b"), cached[1]);
    assert_int_equal(sound_find(&f.table, "a"), cached[0]);
    assert_int_equal(sound_find(&f.table, "named"), named);
    begin("none", "half-of-it.wav"); // not even without b, so b stays
    assert_int_equal(finish(), API_REFUSED);
    assert_int_equal(sound_find(&f.table, "b"), cached[1]);
    assert_int_equal(sound_find(&f.table, "a"), cached[0]);
    assert_int_equal(sound_find(&f.table, "named"), named);
}

static void test_unchanged_files_are_not_read_again(void **state)
{
    (void)state;
    make_file("changing.wav", 1);
    uint32_t first = load("x", "changing.wav"), second;
    assert_int_equal(sound_load(&f.table, "x", "changing.wav", -1, first, &second, &f.why), API_OK);
    struct job_result r = next_result();
    assert_true(r.load->unchanged);
    sound_forget(&f.table, r.token);
    sound_release_load(&f.table, r.load);
    assert_int_equal(sound_find(&f.table, "x"), first);
    make_file("changing.wav", 2);
    assert_int_equal(sound_load(&f.table, "x", "changing.wav", -1, first, &second, &f.why), API_OK);
    assert_int_equal(finish(), API_OK);
    assert_int_equal(f.table.entries[second].decoded.sound.n_frames, 96000);
    assert_int_equal(sound_find(&f.table, "x"), second);
}

static void test_file_that_was_handed_over(void **state)
{
    (void)state;
    char path[64];
    uint32_t sound;
    snprintf(path, sizeof path, "%s/one.wav", base);
    int fd = open(path, O_RDONLY);
    assert_int_equal(sound_load(&f.table, "x", "/home/a/b.wav", fd, SOUND_NONE, &sound, &f.why), API_OK);
    assert_int_equal(finish(), API_OK);
    expect_closed(fd, path);
    assert_int_equal(f.table.entries[sound].decoded.sound.n_frames, 48000);
}

static void test_oldest_load(void **state)
{
    (void)state;
    assert_true(sound_oldest_load(&f.table) == 0);
    for (int i = 0; i < 3; i++)
        begin(&"abc"[i], "one.wav");
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(sound_oldest_load(&f.table) == i);
        assert_int_equal(finish(), API_OK); // the worker keeps the order
    }
    assert_true(sound_oldest_load(&f.table) == 3);
}

/// The store is full at times, sounds come and go, and in the end everything is back.
static void test_many_rounds(void **state)
{
    (void)state;
    static const char *const paths[] = {"one.wav", "two.wav", "half-of-it.wav", "no.wav",
                                        "more-than-all.wav"};
    for (int round = 0; round < 60; round++) {
        char name[16];
        for (int i = 0; i < 8; i++) {
            snprintf(name, sizeof name, "%d", (round + i) % 11);
            uint32_t sound = begin(name, paths[(round + i) % 5]);
            f.table.entries[sound].is_cached = i % 2;
        }
        for (int i = 0; i < 8; i++)
            (void)!finish();
        snprintf(name, sizeof name, "%d", round % 11);
        uint32_t sound = sound_find(&f.table, name);
        if (sound != SOUND_NONE) sound_unlist(&f.table, sound);
    }
    for (uint32_t i = 0; i < MAX_SOUNDS; i++)
        if (f.table.entries[i].state == SOUND_READY) sound_unlist(&f.table, i);
    assert_int_equal(f.table.n_free, MAX_SOUNDS);
    assert_int_equal(shared_pool_count_used(&f.worker.loads), 0);
    expect_store(0);
}

/// The end does not wait for the loads in the queue.
static void test_end_with_loads_under_way(void **state)
{
    (void)state;
    for (int i = 0; i < MAX_SOUNDS; i++)
        begin("x", "half-of-it.wav");
    worker_fini(&f.worker);
    assert_int_equal(f.worker.wake_fd, -1);
}

// ---- set-up ----

static enum status init_worker(void *object, struct allocator *a)
{
    return worker_init(object, a, &f.map, &config, 48000, 1000);
}

static void fini_worker(void *object)
{
    worker_fini(object);
}

static enum status init_table(void *object, struct allocator *a)
{
    return sound_table_init(object, a, 100, &f.worker);
}

static void test_small_arenas(void **state)
{
    (void)state;
    static struct worker w;
    struct sound_table t;
    check_arena_sizes(&(struct arena_user){init_worker, fini_worker, &w});
    check_arena_sizes(&(struct arena_user){init_table, NULL, &t});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_load_find_unload),
        TEST(test_a_voice_keeps_its_sound),
        TEST(test_a_new_sound_takes_the_name),
        TEST(test_failed_loads_leave_nothing),
        TEST(test_full_tables),
        TEST(test_cached_sounds_make_room),
        TEST(test_unchanged_files_are_not_read_again),
        TEST(test_file_that_was_handed_over),
        TEST(test_oldest_load),
        TEST(test_many_rounds),
        TEST(test_end_with_loads_under_way),
        TEST(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
