// SPDX-License-Identifier: MIT
// decode.c - turns a sound file into samples at the engine's rate.
#include "engine/sounds/decode.h"

#include <errno.h>
#include <math.h>
#include <samplerate.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc/attr.h"
#include "engine/osc/methods.h"
#include "engine/sounds/source.h"
#include "mixer/sound.h"

/// Frames that are read, and resampled, at a time.
#define CHUNK_FRAMES 4096

/// One file on its way into the memfd, which is mapped while it is filled.
struct decoder {
    const struct decode_request *request;
    struct decode_answer *answer;
    struct source source;
    SNDFILE *file;
    SF_INFO info;
    int result;
    void *samples; // of each channel, `max_frames`
    size_t mapped_bytes;
    uint64_t max_frames;
};

/// The answer's sentence goes on behind the name of the file. Returns `error`.
PRINTF_LIKE(3, 4)
static enum api_error fail(const struct decoder *dec, enum api_error error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): forgets va_start in files of two programs
    vsnprintf(dec->answer->why, sizeof dec->answer->why, format, args);
    va_end(args);
    return error;
}

static enum api_error bad_sound(const struct decoder *dec, const char *why)
{
    return fail(dec, API_BAD_SOUND, ": %s", why);
}

/// What libsndfile makes of it, unless the bytes did not come in the first place.
static enum api_error cannot_read(const struct decoder *dec)
{
    return bad_sound(dec, dec->source.error ? strerror(dec->source.error) : sf_strerror(dec->file));
}

static enum api_error cut_short(const struct decoder *dec)
{
    return bad_sound(dec, "cut short: the file ends before its header says so");
}

// ---- what the header says ----

/// What programs write that could not know the length (to a pipe): SoX and eSpeak in WAV, SoX in AIFF, all
/// others.
static bool is_unknown_length(long long claim)
{
    return claim == 0x7ffff000 || claim == 0x7f000008 || claim == 0xffffffff;
}

/// A header that claims more bytes than the file has: libsndfile reads what is there and notes the claim in
/// its log as "data : CLAIM (should be PRESENT)"; of RF64 and W64 in the line of the whole file.
static bool is_cut_short(SNDFILE *file)
{
    char log[8192];
    static const char *const labels[] = {
        "\ndata : ", "\n SSND : ", "\n  Riff size : ", "\nriff : ", "\n  Data Size   : "};
    if (sf_command(file, SFC_GET_LOG_INFO, log, sizeof log) <= 0) return false;
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        long long claim, present;
        const char *line = strstr(log, labels[i]);
        if (line && sscanf(line + strlen(labels[i]), "%lld (should be %lld)", &claim, &present) == 2 &&
            claim > present && !is_unknown_length(claim))
            return true;
    }
    return false;
}

static bool is_16_bit(const SF_INFO *info)
{
    switch (info->format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_ALAC_16: return true;
    default: return false;
    }
}

/// MP3 files without a length in their header have it guessed.
static bool has_exact_length(const SF_INFO *info)
{
    return (info->format & SF_FORMAT_TYPEMASK) != SF_FORMAT_MPEG;
}

static enum api_error check_header(const struct decoder *dec)
{
    const SF_INFO *info = &dec->info;
    if (info->channels < 1 || info->channels > SOUND_MAX_CHANNELS)
        return fail(dec, API_UNSUPPORTED, " has %d channels; mono and stereo can be played", info->channels);
    if (info->samplerate < 8000 || info->samplerate > 192000)
        return fail(dec, API_UNSUPPORTED, " has a sample rate of %d Hz; 8000 to 192000 can be played",
                    info->samplerate);
    if (info->frames == SF_COUNT_MAX || is_cut_short(dec->file)) return cut_short(dec);
    if (info->frames < 1) return bad_sound(dec, "holds no sound");
    if ((uint64_t)info->frames > SOUND_MAX_FRAMES)
        return fail(dec, API_BAD_SOUND, ": claims %lld frames; %u can be played", (long long)info->frames,
                    SOUND_MAX_FRAMES);
    return API_OK;
}

// ---- the memfd ----

/// Whether a sound of this length has room in the store; the daemon says so to whoever asked, if not.
static enum api_error check_room(const struct decoder *dec, uint64_t n_frames, enum sample_format format)
{
    size_t bytes = sound_bytes(n_frames, (uint32_t)dec->info.channels, format);
    if (bytes == 0) return bad_sound(dec, "too long");
    dec->answer->needed_bytes = bytes;
    return bytes > dec->request->room_bytes ? API_REFUSED : API_OK;
}

static enum api_error map_result(struct decoder *dec, uint64_t max_frames, enum sample_format format)
{
    size_t bytes = (size_t)max_frames * (size_t)dec->info.channels * sample_bytes(format);
    if (ftruncate(dec->result, (off_t)bytes) != 0)
        return fail(dec, API_INTERNAL, ": no memory for its samples: %s", strerror(errno));
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, dec->result, 0);
    if (p == MAP_FAILED) return fail(dec, API_INTERNAL, ": no memory for its samples: %s", strerror(errno));
    dec->samples = p;
    dec->mapped_bytes = bytes;
    dec->max_frames = max_frames;
    return API_OK;
}

/// Brings the channels together, cuts the memfd behind them, and lets nobody change it any more.
static enum api_error seal_result(struct decoder *dec, uint64_t n_frames, enum sample_format format)
{
    size_t one = sample_bytes(format), n_channels = (size_t)dec->info.channels;
    if (n_channels == 2 && n_frames < dec->max_frames)
        memmove((char *)dec->samples + n_frames * one, (char *)dec->samples + dec->max_frames * one,
                n_frames * one);
    munmap(dec->samples, dec->mapped_bytes); // or it could not be sealed
    dec->samples = NULL;
    if (ftruncate(dec->result, (off_t)(n_frames * n_channels * one)) != 0 ||
        fcntl(dec->result, F_ADD_SEALS, DECODE_SEALS) != 0)
        return fail(dec, API_INTERNAL, ": cannot seal its samples: %s", strerror(errno));
    dec->answer->n_frames = (uint32_t)n_frames;
    dec->answer->n_channels = (uint32_t)n_channels;
    dec->answer->format = format;
    return API_OK;
}

static int16_t *short_channel(const struct decoder *dec, uint64_t c)
{
    return (int16_t *)dec->samples + c * dec->max_frames;
}

static float *float_channel(const struct decoder *dec, uint64_t c)
{
    return (float *)dec->samples + c * dec->max_frames;
}

// ---- the samples ----

/// All frames must have come, or the file is refused; only a guessed length may be wrong.
static enum api_error check_length(const struct decoder *dec, sf_count_t n_read)
{
    if (dec->source.error || sf_error(dec->file)) return cannot_read(dec);
    bool is_whole = n_read >= dec->info.frames || !has_exact_length(&dec->info);
    return n_read > 0 && is_whole ? API_OK : cut_short(dec);
}

/// Interleaved floats to where they belong.
static void spread(const struct decoder *dec, const float *from, uint64_t at, uint64_t n)
{
    uint64_t n_channels = (uint64_t)dec->info.channels;
    for (uint64_t c = 0; c < n_channels; c++) {
        float *to = float_channel(dec, c) + at;
        for (uint64_t i = 0; i < n; i++)
            to[i] = from[i * n_channels + c];
    }
}

static void spread_short(const struct decoder *dec, const int16_t *from, uint64_t at, uint64_t n)
{
    uint64_t n_channels = (uint64_t)dec->info.channels;
    for (uint64_t c = 0; c < n_channels; c++) {
        int16_t *to = short_channel(dec, c) + at;
        for (uint64_t i = 0; i < n; i++)
            to[i] = from[i * n_channels + c];
    }
}

/// Reads the frames as they are: no change of rate.
static enum api_error read_plain(struct decoder *dec)
{
    union {
        int16_t s[CHUNK_FRAMES * SOUND_MAX_CHANNELS];
        float f[CHUNK_FRAMES * SOUND_MAX_CHANNELS];
    } chunk;
    bool is_short = is_16_bit(&dec->info);
    enum sample_format format = is_short ? SAMPLE_S16 : SAMPLE_F32;
    sf_count_t done = 0, n_frames = dec->info.frames;
    enum api_error error = check_room(dec, (uint64_t)n_frames, format);
    if (!error) error = map_result(dec, (uint64_t)n_frames, format);
    if (error) return error;
    while (done < n_frames) {
        sf_count_t want = n_frames - done < CHUNK_FRAMES ? n_frames - done : CHUNK_FRAMES;
        sf_count_t n =
            is_short ? sf_readf_short(dec->file, chunk.s, want) : sf_readf_float(dec->file, chunk.f, want);
        if (n <= 0) break;
        if (is_short)
            spread_short(dec, chunk.s, (uint64_t)done, (uint64_t)n);
        else
            spread(dec, chunk.f, (uint64_t)done, (uint64_t)n);
        done += n;
    }
    error = check_length(dec, done);
    return error ? error : seal_result(dec, (uint64_t)done, format);
}

/// Feeds the file through the resampler, chunk by chunk.
static enum api_error resample_all(const struct decoder *dec, SRC_STATE *src, uint64_t *n_frames)
{
    int n_channels = dec->info.channels;
    float in[CHUNK_FRAMES * SOUND_MAX_CHANNELS], out[CHUNK_FRAMES * SOUND_MAX_CHANNELS];
    sf_count_t n_read = 0;
    SRC_DATA data = {.data_in = in, .data_out = out};
    data.src_ratio = (double)dec->request->engine_rate / dec->info.samplerate;
    do {
        if (data.input_frames == 0 && !data.end_of_input) {
            sf_count_t n = sf_readf_float(dec->file, in, CHUNK_FRAMES);
            n_read += n;
            data.data_in = in;
            data.input_frames = (long)n;
            data.end_of_input = n < CHUNK_FRAMES;
        }
        uint64_t left = dec->max_frames - *n_frames;
        data.output_frames = left < CHUNK_FRAMES ? (long)left : CHUNK_FRAMES;
        int code = src_process(src, &data);
        if (code) return bad_sound(dec, src_strerror(code));
        data.data_in += data.input_frames_used * n_channels;
        data.input_frames -= data.input_frames_used;
        spread(dec, out, *n_frames, (uint64_t)data.output_frames_gen);
        *n_frames += (uint64_t)data.output_frames_gen;
    } while (*n_frames < dec->max_frames && (!data.end_of_input || data.output_frames_gen > 0));
    return check_length(dec, n_read);
}

static float find_peak(const struct decoder *dec, uint64_t n_frames)
{
    float peak = 0;
    for (uint64_t c = 0; c < (uint64_t)dec->info.channels; c++)
        for (uint64_t i = 0; i < n_frames; i++)
            peak = fmaxf(peak, fabsf(float_channel(dec, c)[i]));
    return peak;
}

/// In place, from the front: a 16-bit sample never lies behind the float that it is made of.
static void make_short(struct decoder *dec, uint64_t n_frames)
{
    uint64_t at = 0;
    for (uint64_t c = 0; c < (uint64_t)dec->info.channels; c++) {
        const float *from = float_channel(dec, c);
        for (uint64_t i = 0; i < n_frames; i++) {
            int16_t sample = (int16_t)lrintf(from[i] * 32768.0f);
            memcpy((char *)dec->samples + at++ * sizeof sample, &sample, sizeof sample);
        }
    }
    dec->max_frames = n_frames;
}

static enum api_error read_resampled(struct decoder *dec)
{
    double ratio = (double)dec->request->engine_rate / dec->info.samplerate;
    // The exact length is rounded up; the resampler may give a few frames more.
    uint64_t n_exact = (uint64_t)ceil((double)dec->info.frames * ratio), n_frames = 0;
    enum sample_format format = is_16_bit(&dec->info) ? SAMPLE_S16 : SAMPLE_F32;
    if (n_exact + 16 > SOUND_MAX_FRAMES) return bad_sound(dec, "too long");
    enum api_error error = check_room(dec, n_exact, format);
    if (!error) error = map_result(dec, n_exact + 16, SAMPLE_F32);
    if (error) return error;

    int code;
    SRC_STATE *src = src_new(SRC_SINC_BEST_QUALITY, dec->info.channels, &code);
    if (!src) return bad_sound(dec, src_strerror(code));
    error = resample_all(dec, src, &n_frames);
    src_delete(src);
    if (error) return error;
    if (n_frames > n_exact) n_frames = n_exact;
    if (n_frames == 0) return bad_sound(dec, "holds no sound");
    if (find_peak(dec, n_frames) > 32767.0f / 32768.0f) format = SAMPLE_F32;
    error = check_room(dec, n_frames, format);
    if (error) return error;
    if (format == SAMPLE_S16) make_short(dec, n_frames);
    return seal_result(dec, n_frames, format);
}

static enum api_error decode(struct decoder *dec)
{
    dec->file = source_open_sound(&dec->source, &dec->info);
    if (!dec->file) return cannot_read(dec);
    enum api_error error = check_header(dec);
    dec->answer->source_rate = (uint32_t)dec->info.samplerate;
    bool is_plain = dec->answer->source_rate == dec->request->engine_rate;
    if (!error) error = is_plain ? read_plain(dec) : read_resampled(dec);
    if (dec->samples) munmap(dec->samples, dec->mapped_bytes);
    sf_close(dec->file);
    return error;
}

void decode_sound(const struct decode_request *request, int sound, int result, struct decode_answer *answer)
{
    *answer = (struct decode_answer){0};
    struct decoder dec = {.request = request, .answer = answer, .result = result};
    dec.source = (struct source){.fd = sound, .length = (int64_t)request->file_bytes};
    answer->error = decode(&dec);
}
