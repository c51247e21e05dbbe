// SPDX-License-Identifier: MIT
// fuzz_pattern.c - two texts as pattern and path: the matcher against trying everything.
#include <string.h>

#include "engine/osc/pattern.h"
#include "tests/fuzz/fuzz.h"
#include "tests/pattern_slow.h"

/// Beyond these, trying everything would take too long.
#define SLOW_PATTERN_BYTES 16
#define SLOW_PATH_BYTES    10

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/// A copy that ends where it does.
static char *copy_text(const uint8_t *bytes, size_t n)
{
    char *text = malloc(n + 1);
    CHECK(text);
    memcpy(text, bytes, n);
    text[n] = 0;
    return text;
}

/// A blank parts the pattern from the path.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *blank = size ? memchr(data, ' ', size) : NULL;
    if (!blank || memchr(data, 0, size)) return 0;
    size_t n_pattern = (size_t)(blank - data), n_path = size - n_pattern - 1;
    char *pattern = copy_text(data, n_pattern), *path = copy_text(blank + 1, n_path);
    if (!pattern_check(pattern)) {
        bool matches = pattern_matches(pattern, path);
        if (n_pattern <= SLOW_PATTERN_BYTES && n_path <= SLOW_PATH_BYTES)
            CHECK(matches == slow_matches(pattern, path));
        if (!pattern_is(pattern)) CHECK(matches == (strcmp(pattern, path) == 0));
    }
    free(pattern);
    free(path);
    return 0;
}
