// SPDX-License-Identifier: MIT
// fuzz_framing.c - any bytes as a connection: in whatever pieces they come, the packets and lines are the
// same; and what is wrapped is found again.
#include <string.h>

#include "engine/osc/framing.h"
#include "tests/fuzz/fuzz.h"
#include "tests/random.h"

#define MAX_INPUT_BYTES 200000

/// What a connection brought: the kind of each frame, its length and a sum over its bytes.
struct found {
    uint32_t n_frames;
    uint64_t sum;
    bool is_lost;
};

static uint8_t *memory;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    memory = malloc(FRAMING_BYTES);
    CHECK(memory);
    return 0;
}

static void add(struct found *found, uint64_t value)
{
    found->sum = (found->sum ^ value) * UINT64_C(1099511628211);
}

/// A frame that was found is found again in what it is wrapped to.
static void check_wrapped(enum framing_kind kind, const uint8_t *bytes, uint32_t n_bytes)
{
    struct framing f = {.bytes = malloc(FRAMING_BYTES)};
    uint8_t *wrapped = malloc(FRAMING_WRAPPED_BYTES((size_t)n_bytes));
    CHECK(f.bytes && wrapped);
    uint32_t n = framing_wrap(kind, bytes, n_bytes, wrapped), room, n_again;
    CHECK(n <= FRAMING_WRAPPED_BYTES(n_bytes));
    CHECK(framing_end_of(kind, wrapped, n, 0) == n && framing_end_of(kind, wrapped, n, n - 1) == n);
    uint8_t *to = framing_room(&f, &room);
    if (n <= room) {
        const uint8_t *again;
        const char *why;
        memcpy(to, wrapped, n);
        framing_add(&f, n);
        CHECK(framing_next(&f, &again, &n_again, &why) == FRAME_PACKET);
        CHECK(n_again == n_bytes && memcmp(again, bytes, n_bytes) == 0);
        CHECK(framing_next(&f, &again, &n_again, &why) == FRAME_NONE);
    }
    free(wrapped);
    free(f.bytes);
}

static void take_frame(struct found *found, const struct framing *f, enum frame frame, const uint8_t *bytes,
                       uint32_t n_bytes)
{
    found->n_frames++;
    add(found, frame);
    if (frame == FRAME_LONG_LINE) return;
    CHECK(bytes >= f->bytes && bytes + n_bytes <= f->bytes + FRAMING_BYTES);
    CHECK(n_bytes <= (frame == FRAME_LINE ? FRAMING_MAX_LINE_BYTES : OSC_MAX_PACKET_BYTES));
    add(found, n_bytes);
    for (uint32_t i = 0; i < n_bytes; i++)
        add(found, bytes[i]);
    if (frame == FRAME_PACKET) CHECK(packet_count_messages(bytes, n_bytes) <= 1 + n_bytes / 4);
    if (frame == FRAME_PACKET && n_bytes > 0 && found->n_frames < 4) check_wrapped(f->kind, bytes, n_bytes);
}

/// Takes what is there. False when the connection is lost.
static bool take_frames(struct found *found, struct framing *f)
{
    const uint8_t *bytes = NULL;
    uint32_t n_bytes = 0;
    const char *why = NULL;
    enum frame frame;
    while ((frame = framing_next(f, &bytes, &n_bytes, &why)) != FRAME_NONE) {
        if (frame == FRAME_LOST) {
            CHECK(why && *why);
            found->is_lost = true;
            return false;
        }
        take_frame(found, f, frame, bytes, n_bytes);
    }
    return true;
}

/// The bytes in pieces of up to `piece`, in random ones.
static struct found read_in_pieces(const uint8_t *data, size_t size, uint32_t piece, uint64_t seed)
{
    struct found found = {0};
    struct framing f = {.bytes = memory};
    bool is_open = true;
    for (size_t at = 0; at < size && is_open;) {
        uint32_t room, n = 1 + random_below(&seed, piece);
        uint8_t *to = framing_room(&f, &room);
        CHECK(room >= 16380);
        if (n > room) n = room;
        if (n > size - at) n = (uint32_t)(size - at);
        memcpy(to, data + at, n);
        framing_add(&f, n);
        at += n;
        is_open = take_frames(&found, &f);
    }
    const uint8_t *bytes;
    uint32_t n_bytes;
    enum frame frame = is_open ? framing_last(&f, &bytes, &n_bytes) : FRAME_NONE;
    if (frame != FRAME_NONE) take_frame(&found, &f, frame, bytes, n_bytes);
    return found;
}

/// The first byte says in which pieces the others come.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t pieces[] = {1, 2, 3, 7, 60, 500, 4096, 16384};
    if (size < 2 || size > MAX_INPUT_BYTES) return 0;
    uint32_t piece = pieces[data[0] % 8];
    struct found whole = read_in_pieces(data + 1, size - 1, UINT32_MAX, 1);
    struct found parts = read_in_pieces(data + 1, size - 1, piece, 1 + data[0]);
    CHECK(whole.is_lost == parts.is_lost);
    CHECK(whole.n_frames == parts.n_frames && whole.sum == parts.sum);
    return 0;
}
