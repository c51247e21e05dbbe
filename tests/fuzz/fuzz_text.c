// SPDX-License-Identifier: MIT
// fuzz_text.c - any bytes as a line of text: what is taken is a good packet, and the same after one more
// turn.
#include <string.h>

#include "engine/osc/packet.h"
#include "engine/osc/pattern.h"
#include "engine/osc/text.h"
#include "tests/fuzz/fuzz.h"

#define MESSAGE_BYTES 65536

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static size_t read_line(const char *line, size_t n, uint8_t *out, size_t size)
{
    char text[256];
    struct strbuf why = strbuf_make(text, sizeof text);
    size_t n_out = text_to_osc(line, n, out, size, &why);
    CHECK(n_out <= size && (n_out == 0) == (why.length > 0) && !why.cut);
    return n_out;
}

/// Too little room is an error, and nothing is written behind it.
static void read_into_less(const char *line, size_t n, size_t size)
{
    uint8_t *out = malloc(size ? size : 1);
    CHECK(out && read_line(line, n, out, size) == 0);
    free(out);
}

static void write_into_less(const uint8_t *message, size_t n, const char *whole, size_t size)
{
    char *line = malloc(size);
    CHECK(line && text_from_osc(message, n, line, size) == size && line[size - 1] == '\n');
    CHECK(memcmp(line, whole, size - 1) == 0);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t message[MESSAGE_BYTES], again[MESSAGE_BYTES];
    static char line[2 * MESSAGE_BYTES];
    if (size > 4096) return 0; // the longest line that a connection takes
    size_t n = read_line((const char *)data, size, message, sizeof message);
    if (n == 0) return 0;
    const char *problem = osc_packet_check(message, n);
    const char *path = (const char *)message;
    CHECK(!problem || (pattern_is(path) && pattern_check(path)));
    if (problem) return 0;

    size_t n_line = text_from_osc(message, n, line, sizeof line);
    size_t n_again = read_line(line, n_line - 1, again, sizeof again);
    CHECK(n_line > 1 && line[n_line - 1] == '\n' && !memchr(line, '\n', n_line - 1));
    CHECK(n_again > 0 && !osc_packet_check(again, n_again));
    n_line = text_from_osc(again, n_again, line, sizeof line); // from here on nothing changes
    CHECK(read_line(line, n_line - 1, message, sizeof message) == n_again);
    CHECK(memcmp(message, again, n_again) == 0);
    read_into_less(line, n_line - 1, (size_t)data[0] * n_again / 256);
    write_into_less(again, n_again, line, 1 + (size_t)data[0] * (n_line - 1) / 256);
    return 0;
}
