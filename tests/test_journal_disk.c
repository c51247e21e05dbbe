// SPDX-License-Identifier: MIT
// test_journal_disk.c - the journal's thread on real folders: what it writes it reads, what is wrong it sets
// aside, and a folder that goes or comes is told.
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "engine/journal_disk.h"
#include "tests/check.h"

static struct arena arena;
static struct journal_disk disk;
static char parent[64], folder[80];
static uint8_t bytes[4096];
static struct journal_file file = {.bytes = bytes, .capacity = sizeof bytes};

static void start(void)
{
    assert_int_equal(arena_init(&arena, 1 << 20), STATUS_OK);
    assert_int_equal(journal_disk_init(&disk, arena_allocator(&arena), folder), STATUS_OK);
    assert_int_equal(journal_disk_start(&disk), STATUS_OK);
}

static void stop(void)
{
    assert_true(journal_disk_stop(&disk, INT64_C(60000000000)));
    assert_true(journal_disk_stop(&disk, 0)); // again
    arena_fini(&arena);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(parent, "/tmp/chimed-disk-XXXXXX");
    if (!mkdtemp(parent)) return 1;
    snprintf(folder, sizeof folder, "%s/state", parent);
    start();
    return 0;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)s, (void)type, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    stop();
    return nftw(parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct journal_result run(enum journal_job_type type)
{
    struct journal_result r;
    assert_true(journal_disk_begin(&disk, type, &file));
    assert_false(journal_disk_begin(&disk, type, &file)); // one at a time
    for (int i = 0; i < 60000 && !journal_disk_end(&disk, &r); i++)
        poll(NULL, 0, 1);
    assert_false(disk.is_busy);
    assert_int_equal(r.type, type);
    assert_int_equal(r.error != 0, r.error && r.reason[0]);
    return r;
}

/// A journal of one record that is `value`.
static void compose(uint8_t value)
{
    struct journal_head head = {.n_records = {[JOURNAL_VOICE] = 1}};
    journal_begin(&file);
    assert_true(
        journal_add(&file, &(struct journal_record){.kind = JOURNAL_VOICE, .message = &value, .n_bytes = 1}));
    boot_time_now(&head.written);
    journal_end(&file, &head);
}

static bool is_there(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void spoil(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, 70, SEEK_SET);
    fputc(0x55, f);
    fclose(f);
}

/// What a start finds.
static enum journal_found found(void)
{
    memset(bytes, 0, sizeof bytes);
    return run(JOURNAL_JOB_READ).found;
}

static void test_write_and_read(void **state)
{
    (void)state;
    assert_int_equal(found(), JOURNAL_NOTHING); // and the folder is made
    compose(17);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    compose(18);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    assert_false(is_there("journal.new"));
    assert_int_equal(found(), JOURNAL_WHOLE);
    assert_int_equal(bytes[file.n_bytes - 1], 18);
    assert_true(is_there("journal.resuming"));
    assert_int_equal(run(JOURNAL_JOB_SETTLE).error, 0);
    assert_false(is_there("journal.resuming"));
    assert_int_equal(found(), JOURNAL_WHOLE);
    assert_int_equal(run(JOURNAL_JOB_REMOVE).error, 0);
    assert_false(is_there("journal"));
    assert_false(is_there("journal.resuming"));
    assert_int_equal(found(), JOURNAL_NOTHING);
}

static void test_second_crash(void **state)
{
    (void)state;
    compose(1);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    assert_int_equal(found(), JOURNAL_WHOLE);
    compose(2); // a pass of the run that has resumed
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    stop();
    start();
    assert_int_equal(found(), JOURNAL_CRASHED);
    assert_true(is_there("journal.crashed"));
    assert_false(is_there("journal"));
    assert_false(is_there("journal.resuming"));
    assert_int_equal(found(), JOURNAL_NOTHING);
}

/// The marker of another boot: the power went.
static void test_power_cut(void **state)
{
    (void)state;
    compose(1);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    assert_int_equal(found(), JOURNAL_WHOLE);
    char path[160];
    snprintf(path, sizeof path, "%s/journal.resuming", folder);
    struct boot_time other;
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fread(&other, sizeof other, 1, f), 1);
    other.id[0] ^= 1;
    rewind(f);
    assert_int_equal(fwrite(&other, sizeof other, 1, f), 1);
    fclose(f);
    assert_int_equal(found(), JOURNAL_WHOLE);
}

static void test_damaged(void **state)
{
    (void)state;
    compose(1);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    spoil("journal");
    struct journal_result r = run(JOURNAL_JOB_READ);
    assert_int_equal(r.found, JOURNAL_DAMAGED);
    assert_non_null(strstr(r.reason, "damaged"));
    assert_true(is_there("journal.damaged"));
    assert_false(is_there("journal"));
    assert_int_equal(found(), JOURNAL_NOTHING);
}

static void test_too_long(void **state)
{
    (void)state;
    compose(1);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    size_t n = file.n_bytes;
    file.capacity = n; // just enough
    assert_int_equal(found(), JOURNAL_WHOLE);
    assert_int_equal(run(JOURNAL_JOB_SETTLE).error, 0);
    file.capacity = n - 1;
    struct journal_result r = run(JOURNAL_JOB_READ);
    file.capacity = sizeof bytes;
    assert_int_equal(r.found, JOURNAL_DAMAGED);
    assert_non_null(strstr(r.reason, "room"));
}

/// Nobody is led astray by what stands where the journal should be.
static void test_no_file(void **state)
{
    (void)state;
    char path[160];
    assert_int_equal(found(), JOURNAL_NOTHING);
    snprintf(path, sizeof path, "%s/journal", folder);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(found(), JOURNAL_DAMAGED);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(run(JOURNAL_JOB_READ).found, JOURNAL_DAMAGED);
    snprintf(path, sizeof path, "%s/journal.new", folder);
    assert_int_equal(symlink("/tmp/chimed-elsewhere", path), 0);
    compose(1);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, ELOOP);
}

static void test_folder_goes(void **state)
{
    (void)state;
    compose(1);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
    assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0); // it is made again
    assert_true(is_there("journal"));
    assert_int_equal(nftw(parent, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, ENOENT);
    assert_int_equal(run(JOURNAL_JOB_READ).error, ENOENT);
    assert_int_equal(mkdir(parent, 0700), 0);
    assert_int_equal(run(JOURNAL_JOB_WRITE).error, 0);
}

static void test_stop_waits_for_a_write(void **state)
{
    (void)state;
    compose(3);
    assert_true(journal_disk_begin(&disk, JOURNAL_JOB_WRITE, &file));
    stop();
    start();
    assert_int_equal(found(), JOURNAL_WHOLE);
    assert_int_equal(bytes[file.n_bytes - 1], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_power_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folder_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_waits_for_a_write, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
