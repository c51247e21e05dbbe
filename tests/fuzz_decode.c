// SPDX-License-Identifier: MIT
// fuzz_decode.c - a target of libFuzzer: what chimed-decode does with a file, and the worker with its answer,
// in one process.
//
// Seeds are made by `fuzz_decode --seeds FOLDER`: a file of every format that libsndfile writes.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/arena.h"
#include "engine/sounds/collect.h"
#include "engine/sounds/decode.h"
#include "tests/sound_files.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct arena arena;
static struct pages store;
static const char *seeds;
static int n_seeds;

static void write_seed(int format, int n_channels, int fd)
{
    char path[512], bytes[65536];
    snprintf(path, sizeof path, "%s/%08x-%d", seeds, (unsigned)format, n_channels);
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (n < 0 || to < 0 || write(to, bytes, (size_t)n) != n) {
        perror(path);
        exit(1);
    }
    close(to);
    n_seeds++;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (*argc == 3 && strcmp((*argv)[1], "--seeds") == 0) {
        seeds = (*argv)[2];
        for_every_format(48000, 200, write_seed);
        for_every_format(44100, 100, write_seed);
        printf("%d seeds\n", n_seeds);
        exit(0);
    }
    return arena_init(&arena, 1 << 20) || pages_init(&store, arena_allocator(&arena), 1 << 20, 4, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct decode_request request = {n, pages_gaps(&store).largest_bytes, 48000};
    struct decode_answer answer;
    struct decoded d = {0};
    int sound = memfd_create("sound", 0), result = memfd_create("result", MFD_ALLOW_SEALING);
    if (sound < 0 || result < 0 || write(sound, bytes, n) != (ssize_t)n) abort();
    decode_sound(&request, sound, result, &answer);
    if (answer.error == API_OK && collect_sound(&answer, result, &store, &d) != API_OK) abort();
    if (d.memory) pages_free(&store, d.memory, d.bytes);
    if (store.n_used != 0 || !pages_is_whole(&store)) abort();
    close(sound);
    close(result);
    return 0;
}
