// SPDX-License-Identifier: MIT
// test_decode.c - every format that libsndfile writes, whole and cut; files that lie; rates; room; and the
// way into the store.
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "alloc/vm.h"
#include "engine/sounds/collect.h"
#include "engine/sounds/decode.h"
#include "tests/check.h"
#include "tests/random.h"
#include "tests/sound_files.h"

#define N_FRAMES 12000
#define RATE     48000

static struct arena arena;
static struct pages store;
static struct decode_answer answer;

/// LeakSanitizer asks for it. libsndfile 1.2.0 loses the Vorbis decoder's state when it refuses a damaged
/// file.
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:vorbis_info_init";
}

static int set_up(void **state)
{
    (void)state;
    return arena_init(&arena, 1 << 20) || pages_init(&store, arena_allocator(&arena), 16 << 20, 8, false);
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(store.n_used, 0); // nothing was kept
    pages_fini(&store);
    arena_fini(&arena);
    return 0;
}

/// What the process does, and then what the worker does with its answer.
static enum api_error decode(int fd, struct decoded *d)
{
    struct decode_request request = {.file_bytes = (uint64_t)lseek(fd, 0, SEEK_END),
                                     .room_bytes = pages_gaps(&store).largest_bytes,
                                     .engine_rate = RATE};
    lseek(fd, 7, SEEK_SET); // it may stand anywhere, and stays there
    int result = memfd_create("result", MFD_ALLOW_SEALING);
    *d = (struct decoded){0};
    decode_sound(&request, fd, result, &answer);
    enum api_error error = (enum api_error)answer.error;
    assert_int_equal(error == API_OK || error == API_REFUSED, answer.why[0] == 0);
    if (!error) error = collect_sound(&answer, result, &store, d);
    assert_int_equal(error == API_OK, d->memory != NULL);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 7);
    close(result);
    return error;
}

static void give_back(struct decoded *d)
{
    if (d->memory) pages_free(&store, d->memory, d->bytes);
    d->memory = NULL;
}

static double sample_at(const struct decoded *d, uint32_t channel, uint32_t frame)
{
    if (d->sound.format == SAMPLE_S16)
        return (double)((const int16_t *)d->sound.channels[channel])[frame] / 32768;
    return (double)((const float *)d->sound.channels[channel])[frame];
}

/// How far the sound is from the tone, root mean square, without its edges.
static double error_of(const struct decoded *d, double rate)
{
    double sum = 0;
    uint32_t from = d->sound.n_frames / 4, to = d->sound.n_frames * 3 / 4;
    for (uint32_t c = 0; c < d->sound.n_channels; c++) {
        for (uint32_t i = from; i < to; i++) {
            double e = sample_at(d, c, i) - tone(i / rate, (int)c);
            sum += e * e;
        }
    }
    return sqrt(sum / (d->sound.n_channels * (to - from)));
}

static void check_padding(const struct decoded *d)
{
    for (uint32_t c = 0; c < d->sound.n_channels; c++) {
        const char *first = d->sound.channels[c];
        size_t one = sample_bytes(d->sound.format);
        static const char zeros[SOUND_PAD_FRAMES * 4];
        assert_memory_equal(first - SOUND_PAD_FRAMES * one, zeros, SOUND_PAD_FRAMES * one);
        assert_memory_equal(first + d->sound.n_frames * one, zeros, SOUND_PAD_FRAMES * one);
    }
}

// ---- formats ----

/// How exact the codecs are; the worst of them keep 4 bits or fewer.
static double allowed_error(int format)
{
    switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_PCM_24:
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT:
    case SF_FORMAT_DOUBLE:
    case SF_FORMAT_ALAC_16:
    case SF_FORMAT_ALAC_20:
    case SF_FORMAT_ALAC_24:
    case SF_FORMAT_ALAC_32: return 2e-5;
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8: return 5e-3;
    default: return 0.08;
    }
}

static bool shifts_in_time(int format)
{
    int sub = format & SF_FORMAT_SUBMASK;
    return sub == SF_FORMAT_GSM610 || sub == SF_FORMAT_G721_32 || sub == SF_FORMAT_G723_24 ||
           sub == SF_FORMAT_G723_40 || sub == SF_FORMAT_NMS_ADPCM_16 || sub == SF_FORMAT_NMS_ADPCM_24 ||
           sub == SF_FORMAT_NMS_ADPCM_32;
}

static void check_format(int format, int n_channels, int fd)
{
    struct decoded d;
    enum api_error error = decode(fd, &d);
    if (error == API_UNSUPPORTED) return; // some formats have rates of their own
    if (error) fail_msg("format %x, %d channels: %s", (unsigned)format, n_channels, answer.why);
    if (d.source_rate == RATE) {
        assert_int_equal(d.sound.n_channels, n_channels);
        assert_in_range(d.sound.n_frames, N_FRAMES, N_FRAMES + 2500); // whole blocks of the codec
        double e = error_of(&d, RATE);
        if (!shifts_in_time(format) && e > allowed_error(format))
            fail_msg("format %x, %d channels: %g off", (unsigned)format, n_channels, e);
        bool is_short = (format & SF_FORMAT_SUBMASK) == SF_FORMAT_PCM_16;
        if (is_short) assert_int_equal(d.sound.format, SAMPLE_S16);
        if (is_short) assert_int_equal(d.sound.n_frames, N_FRAMES);
    }
    check_padding(&d);
    give_back(&d);
}

static void test_every_format(void **state)
{
    (void)state;
    assert_true(for_every_format(RATE, N_FRAMES, check_format) > 80);
}

/// A file that was cut is refused, or, where nothing in it says how long it was, is shorter.
static void check_cut(int format, int n_channels, int fd)
{
    struct decoded d;
    off_t whole = lseek(fd, 0, SEEK_END);
    for (int eighths = 7; eighths >= 0; eighths--) {
        assert_int_equal(ftruncate(fd, whole * eighths / 8), 0);
        enum api_error error = decode(fd, &d);
        int major = format & SF_FORMAT_TYPEMASK;
        if (major == SF_FORMAT_WAV || major == SF_FORMAT_WAVEX || major == SF_FORMAT_AIFF ||
            major == SF_FORMAT_FLAC || major == SF_FORMAT_W64 || major == SF_FORMAT_RF64 ||
            major == SF_FORMAT_AU)
            if (error == API_OK)
                fail_msg("format %x, %d channels: %d/8 of it", (unsigned)format, n_channels, eighths);
        if (error == API_OK &&
            (uint64_t)d.sound.n_frames * d.source_rate > (N_FRAMES + 2500) * (uint64_t)RATE)
            fail_msg("format %x, %d channels: %u frames in %d/8 of it", (unsigned)format, n_channels,
                     d.sound.n_frames, eighths);
        give_back(&d);
    }
}

static void test_every_format_cut(void **state)
{
    (void)state;
    for_every_format(RATE, N_FRAMES, check_cut);
}

// ---- files that lie ----

static void test_every_length_of_a_wav(void **state)
{
    (void)state;
    int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2, RATE, 100);
    struct decoded d;
    off_t whole = lseek(fd, 0, SEEK_END);
    assert_int_equal(whole, 44 + 400);
    assert_int_equal(decode(fd, &d), API_OK);
    give_back(&d);
    for (off_t n = whole - 1; n >= 0; n--) {
        assert_int_equal(ftruncate(fd, n), 0);
        assert_int_equal(decode(fd, &d), API_BAD_SOUND);
    }
    close(fd);
}

static void test_claims(void **state)
{
    (void)state;
    static const uint32_t claims[] = {401, 404, 1 << 20, 0x40000000, 0x80000000, 0xfffffff0};
    struct decoded d;
    int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2, RATE, 100);
    for (size_t i = 0; i < COUNT_OF(claims); i++) {
        assert_int_equal(pwrite(fd, &claims[i], 4, 40), 4);
        assert_int_equal(decode(fd, &d), API_BAD_SOUND);
    }
    close(fd);
    // FLAC says how many samples it has in 36 bits: here the most that these can hold, or a few more than
    // there are.
    fd = write_tone(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1, RATE, N_FRAMES);
    assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, 8 + 14), 4);
    assert_true(decode(fd, &d) == API_REFUSED || d.memory == NULL);
    assert_int_equal(pwrite(fd, "\0\0\x2e\xe8", 4, 8 + 14), 4); // 12,008
    assert_int_equal(decode(fd, &d), API_BAD_SOUND);
    close(fd);
}

static void test_what_is_no_sound(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "R", "RIFF", "fLaC", "OggS", "just some text\n", "RIFF\xff\xff\xff\xffWAVE"};
    struct decoded d;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int fd = memfd_create("text", 0);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        assert_int_equal(decode(fd, &d), API_BAD_SOUND);
        close(fd);
    }
    int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, RATE, 0);
    assert_int_equal(decode(fd, &d), API_BAD_SOUND); // right, but empty
    close(fd);
}

/// Whatever is written over a header, the answer is a sound or an error, and the memory is in order.
static void test_damage(void **state)
{
    (void)state;
    static const int formats[] = {
        SF_FORMAT_WAV | SF_FORMAT_PCM_16,         SF_FORMAT_WAV | SF_FORMAT_MS_ADPCM,
        SF_FORMAT_AIFF | SF_FORMAT_PCM_24,        SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
        SF_FORMAT_OGG | SF_FORMAT_VORBIS,         SF_FORMAT_OGG | SF_FORMAT_OPUS,
        SF_FORMAT_CAF | SF_FORMAT_ALAC_16,        SF_FORMAT_W64 | SF_FORMAT_FLOAT,
        SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    uint64_t seed = 99;
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        for (int round = 0; round < 60; round++) {
            struct decoded d;
            int fd = write_tone(formats[i], 1, RATE, 2000);
            if (fd < 0) break;
            for (int k = 0; k < 4; k++) {
                uint8_t byte = (uint8_t)random_next(&seed);
                assert_int_equal(pwrite(fd, &byte, 1, random_below(&seed, 100)), 1);
            }
            (void)!decode(fd, &d);
            give_back(&d);
            close(fd);
        }
    }
}

// ---- rates and channels ----

static void test_rates(void **state)
{
    (void)state;
    static const int rates[] = {8000, 11025, 22050, 44100, 47999, 96000, 192000};
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        for (int n_channels = 1; n_channels <= 2; n_channels++) {
            struct decoded d;
            int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, n_channels, rates[i], N_FRAMES);
            assert_int_equal(decode(fd, &d), API_OK);
            double expected = ceil((double)N_FRAMES * RATE / rates[i]);
            assert_true(fabs(d.sound.n_frames - expected) <= 1);
            assert_int_equal(d.source_rate, rates[i]);
            assert_int_equal(d.sound.format, SAMPLE_S16);
            assert_true(error_of(&d, RATE) < 1e-4);
            check_padding(&d);
            give_back(&d);
            close(fd);
        }
    }
}

static void test_what_is_not_offered(void **state)
{
    (void)state;
    static const struct {
        int n_channels, rate;
    } others[] = {{3, RATE}, {6, RATE}, {1, 7999}, {1, 192001}, {2, 1}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct decoded d;
        int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, others[i].n_channels, others[i].rate, 100);
        assert_int_equal(decode(fd, &d), API_UNSUPPORTED);
        close(fd);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    static const sf_count_t lengths[] = {1, 2, 4095, 4096, 4097, 8192};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        for (int rate = RATE; rate >= 44100; rate -= 3900) {
            struct decoded d;
            int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 2, rate, lengths[i]);
            assert_int_equal(decode(fd, &d), API_OK);
            assert_true(fabs(d.sound.n_frames - ceil((double)lengths[i] * RATE / rate)) <= 1);
            give_back(&d);
            close(fd);
        }
    }
}

// ---- room ----

static void test_room(void **state)
{
    (void)state;
    static const struct {
        int format, rate;
        enum sample_format stored;
    } cases[] = {{SF_FORMAT_PCM_16, RATE, SAMPLE_S16},
                 {SF_FORMAT_FLOAT, RATE, SAMPLE_F32},
                 {SF_FORMAT_PCM_16, 44100, SAMPLE_S16},
                 {SF_FORMAT_PCM_24, 44100, SAMPLE_F32}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = write_tone(SF_FORMAT_WAV | cases[i].format, 2, cases[i].rate, N_FRAMES);
        uint64_t n_frames = (uint64_t)ceil((double)N_FRAMES * RATE / cases[i].rate);
        struct decode_request request = {.file_bytes = (uint64_t)lseek(fd, 0, SEEK_END), .engine_rate = RATE};
        uint64_t needed = sound_bytes(n_frames, 2, cases[i].stored);
        for (int missing = 2; missing >= 0; missing--) {
            int result = memfd_create("result", MFD_ALLOW_SEALING);
            request.room_bytes = needed - (uint64_t)missing;
            decode_sound(&request, fd, result, &answer);
            assert_int_equal(answer.error, missing ? API_REFUSED : API_OK);
            if (missing) assert_int_equal(answer.needed_bytes, needed);
            if (missing) assert_int_equal(lseek(result, 0, SEEK_END), 0); // nothing was decoded for nothing
            close(result);
        }
        close(fd);
    }
}

/// 16 bits that go beyond full scale when they are resampled become floats, which need more room than was
/// known before.
static void test_room_for_what_became_float(void **state)
{
    (void)state;
    enum { N = 6000 };
    SF_INFO info = {.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16, .channels = 1, .samplerate = 44100};
    int fd = memfd_create("square", 0);
    int16_t square[N];
    for (int i = 0; i < N; i++)
        square[i] = i / 50 % 2 ? 32767 : -32768;
    SNDFILE *f = sf_open_fd(dup(fd), SFM_WRITE, &info, SF_TRUE);
    assert_int_equal(sf_write_short(f, square, N), N);
    sf_close(f);
    uint64_t n_frames = (uint64_t)ceil((double)N * RATE / 44100);
    struct decode_request request = {(uint64_t)lseek(fd, 0, SEEK_END), sound_bytes(n_frames, 1, SAMPLE_S16),
                                     RATE};
    int result = memfd_create("result", MFD_ALLOW_SEALING);
    decode_sound(&request, fd, result, &answer);
    assert_int_equal(answer.error, API_REFUSED);
    assert_int_equal(answer.needed_bytes, sound_bytes(n_frames, 1, SAMPLE_F32));
    close(result);
    struct decoded d;
    assert_int_equal(decode(fd, &d), API_OK);
    assert_int_equal(d.sound.format, SAMPLE_F32);
    give_back(&d);
    close(fd);
}

static void test_store(void **state)
{
    (void)state;
    struct pages whole = store;
    struct decoded d, none;
    int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2, RATE, N_FRAMES);
    uint32_t n_pages = (uint32_t)(vm_round_to_pages(sound_bytes(N_FRAMES, 2, SAMPLE_S16)) / store.page_bytes);
    for (uint32_t less = 0; less < 2; less++) {
        assert_int_equal(
            pages_init(&store, arena_allocator(&arena), (n_pages - less) * whole.page_bytes, 4, false),
            STATUS_OK);
        assert_int_equal(decode(fd, &d), less ? API_REFUSED : API_OK); // just fits
        if (!less) assert_int_equal(decode(fd, &none), API_REFUSED);
        give_back(&d);
        pages_fini(&store);
    }
    store = whole;
    close(fd);
}

// ---- answers that nobody should trust ----

/// A memfd of `n` bytes.
static int make_result(size_t n, int seals)
{
    int fd = memfd_create("result", MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, (off_t)n), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static enum api_error collect(struct decode_answer a, int fd)
{
    struct decoded d;
    enum api_error error = collect_sound(&a, fd, &store, &d);
    assert_int_equal(error == API_OK, d.memory != NULL);
    assert_int_equal(error == API_BAD_SOUND, a.why[0] != 0);
    give_back(&d);
    close(fd);
    return error;
}

static void test_lies(void **state)
{
    (void)state;
    const struct decode_answer good = {
        .n_frames = 100, .n_channels = 2, .format = SAMPLE_F32, .source_rate = RATE};
    assert_int_equal(collect(good, make_result(800, DECODE_SEALS)), API_OK);
    static const struct decode_answer lies[] = {
        {.n_frames = 0, .n_channels = 2, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = 101, .n_channels = 2, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = 99, .n_channels = 2, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = UINT32_MAX, .n_channels = 2, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = SOUND_MAX_FRAMES, .n_channels = 2, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = 0x20000000 + 100, .n_channels = 2, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = 100, .n_channels = 0, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = 200, .n_channels = 1, .format = SAMPLE_S16, .source_rate = RATE},
        {.n_frames = 100, .n_channels = 3, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = 100, .n_channels = UINT32_MAX, .format = SAMPLE_F32, .source_rate = RATE},
        {.n_frames = 100, .n_channels = 2, .format = SAMPLE_S16, .source_rate = RATE},
        {.n_frames = 100, .n_channels = 2, .format = 2, .source_rate = RATE},
        {.n_frames = 100, .n_channels = 2, .format = SAMPLE_F32, .source_rate = 0},
        {.n_frames = 100, .n_channels = 2, .format = SAMPLE_F32, .source_rate = UINT32_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(lies); i++)
        assert_int_equal(collect(lies[i], make_result(800, DECODE_SEALS)), API_BAD_SOUND);
    static const int all[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_int_equal(collect(good, make_result(800, DECODE_SEALS & ~all[i])), API_BAD_SOUND);
    assert_int_equal(collect(good, open("/dev/zero", O_RDONLY)), API_BAD_SOUND);
    assert_int_equal(collect(good, -1), API_BAD_SOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_format), TEST(test_every_format_cut),           TEST(test_every_length_of_a_wav),
        TEST(test_claims),       TEST(test_what_is_no_sound),           TEST(test_damage),
        TEST(test_rates),        TEST(test_what_is_not_offered),        TEST(test_lengths),
        TEST(test_room),         TEST(test_room_for_what_became_float), TEST(test_store),
        TEST(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
