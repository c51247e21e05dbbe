// SPDX-License-Identifier: MIT
// test_decode_fuzz.c - files of every format, cut, lying and mutated, through the real chimed-decode: each is
// a sound or an error, and nothing is left of it.
//
// CHIMED_FUZZ_SECONDS (20) and CHIMED_FUZZ_SEED (1) in the environment say how long and which way.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "alloc/pages.h"
#include "engine/sounds/collect.h"
#include "engine/sounds/decoder.h"
#include "tests/check.h"
#include "tests/random.h"
#include "tests/sound_files.h"

#define RATE      48000
#define MAX_FILES 512
#define MAX_BYTES (256 << 10)

static struct arena arena;
static struct pages store;
static struct decoder decoder;
static struct {
    uint8_t *bytes;
    size_t n;
    int format;
} files[MAX_FILES];
static size_t n_files;
static uint64_t seed, n_runs, n_sounds, n_by_error[N_API_ERRORS];

// ---- files ----

static void keep(int format, int n_channels, int fd)
{
    (void)n_channels;
    off_t n = lseek(fd, 0, SEEK_END);
    assert_true(n > 0 && n < MAX_BYTES && n_files < MAX_FILES);
    files[n_files].bytes = malloc((size_t)n);
    files[n_files].n = (size_t)n;
    files[n_files].format = format;
    assert_int_equal(pread(fd, files[n_files++].bytes, (size_t)n, 0), n);
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int n = 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

// ---- mutations ----

/// What headers lie with.
static const uint32_t claims[] = {0,          1,          2,          3,          0xff,
                                  0xffff,     0x10000,    0x7fffffff, 0x80000000, 0xfffffff0,
                                  0xffffffff, 0x7ffff000, 0x40000000};

static void put(uint8_t *bytes, size_t at, uint32_t value, int n_bytes, bool is_big)
{
    for (int i = 0; i < n_bytes; i++)
        bytes[at + (size_t)i] = (uint8_t)(value >> 8 * (is_big ? n_bytes - 1 - i : i));
}

/// Most of what decides stands at the front.
static size_t place(size_t n)
{
    size_t range = random_below(&seed, 3) ? 128 : n;
    return random_below(&seed, (uint32_t)(range < n ? range : n));
}

static size_t mutate(uint8_t *bytes, size_t n)
{
    uint32_t n_times = 1 + random_below(&seed, 8);
    while (n_times-- > 0 && n > 16) {
        size_t at = place(n - 8), from = place(n - 8), length = 1 + random_below(&seed, 64);
        if (length > n - (at > from ? at : from)) length = n - (at > from ? at : from);
        switch (random_below(&seed, 7)) {
        case 0: bytes[at] ^= (uint8_t)(1u << random_below(&seed, 8)); break;
        case 1: bytes[at] = (uint8_t)random_next(&seed); break;
        case 2: put(bytes, at, claims[random_below(&seed, 13)], 4, random_below(&seed, 2)); break;
        case 3: put(bytes, at, claims[random_below(&seed, 13)], 2, random_below(&seed, 2)); break;
        case 4: memmove(bytes + at, bytes + from, length); break;
        case 5: memset(bytes + at, (int)random_below(&seed, 256), length); break;
        default: n = n_times == 0 ? 1 + random_below(&seed, (uint32_t)n) : n; // cut short
        }
    }
    return n;
}

// ---- one run ----

static void run(const uint8_t *bytes, size_t n)
{
    int fd = memfd_create("mutant", MFD_CLOEXEC), result;
    assert_int_equal(write(fd, bytes, n), n);
    struct decode_request request = {n, pages_gaps(&store).largest_bytes, RATE};
    struct decode_answer answer;
    struct decoded d = {0};
    enum api_error error = decoder_run(&decoder, fd, &request, &answer, &result);
    if (!error) {
        error = collect_sound(&answer, result, &store, &d);
        close(result);
    }
    // An honest decoder, even a confused one, tells no nonsense, does nothing forbidden, and does not hang.
    if (strstr(answer.why, "sense") || strstr(answer.why, "forbidden") || strstr(answer.why, "nothing done"))
        fail_msg("run %llu%s", (unsigned long long)n_runs, answer.why);
    if (strstr(answer.why, "crashed")) printf("run %llu%s\n", (unsigned long long)n_runs, answer.why);
    assert_true(error == API_OK || error == API_BAD_SOUND || error == API_UNSUPPORTED ||
                error == API_REFUSED);
    n_by_error[error]++;
    n_runs++;
    n_sounds += d.memory != NULL;
    if (d.memory) pages_free(&store, d.memory, d.bytes);
    decoder_renew(&decoder);
    close(fd);
}

static void test_mutants(void **state)
{
    (void)state;
    static uint8_t bytes[MAX_BYTES];
    const char *seconds = getenv("CHIMED_FUZZ_SECONDS"), *seed_text = getenv("CHIMED_FUZZ_SEED");
    double end = now() + (seconds ? atof(seconds) : 20);
    seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    printf("seed %llu, %zu files\n", (unsigned long long)seed, n_files);
    int n_fds = count_fds();
    while (now() < end) {
        size_t i = random_below(&seed, (uint32_t)n_files);
        memcpy(bytes, files[i].bytes, files[i].n);
        run(bytes, mutate(bytes, files[i].n));
    }
    printf("%llu files: %llu sounds, %llu bad, %llu unsupported, %llu too large; %llu decoders failed\n",
           (unsigned long long)n_runs, (unsigned long long)n_sounds,
           (unsigned long long)n_by_error[API_BAD_SOUND], (unsigned long long)n_by_error[API_UNSUPPORTED],
           (unsigned long long)n_by_error[API_REFUSED], (unsigned long long)decoder.n_failed);
    assert_true(n_sounds > 0 && n_by_error[API_BAD_SOUND] > 0);
    assert_int_equal(store.n_used, 0);
    assert_in_range(count_fds(), n_fds, n_fds + 1); // the socket of the one that waits
}

/// Every format, cut in the middle of everything.
static void test_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_files; i++)
        for (size_t eighths = 0; eighths < 8; eighths++)
            run(files[i].bytes, 1 + (files[i].n - 1) * eighths / 8);
}

static int set_up(void **state)
{
    (void)state;
    for_every_format(RATE, 600, keep);
    for_every_format(44100, 300, keep);
    decoder_init(&decoder, 4 << 20, eventfd(0, EFD_CLOEXEC));
    return arena_init(&arena, 1 << 20) || pages_init(&store, arena_allocator(&arena), 4 << 20, 8, false);
}

static int tear_down(void **state)
{
    (void)state;
    decoder_stop(&decoder);
    close(decoder.cancel_fd);
    while (n_files > 0)
        free(files[--n_files].bytes);
    pages_fini(&store);
    arena_fini(&arena);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 1; // no process is left
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts), cmocka_unit_test(test_mutants)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
