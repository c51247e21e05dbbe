// SPDX-License-Identifier: MIT
// decode.c - turns a sound file into samples at the engine's rate, in the sample store.
#include "engine/sounds/decode.h"

#include <math.h>
#include <samplerate.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>

#include "engine/sounds/headroom.h"
#include "engine/sounds/source.h"

/// Frames that are read at a time.
#define CHUNK_FRAMES 4096

/// One file on its way into the store.
struct decoder {
    const struct decode_setup *setup;
    struct source source;
    SNDFILE *file;
    SF_INFO info;
    const char *name;
    struct decoded *d;
    char *reason;
};

static enum api_error bad_sound(const struct decoder *dec, const char *why)
{
    snprintf(dec->reason, LOAD_REASON_BYTES, "%.300s: %s", dec->name, why);
    return API_BAD_SOUND;
}

/// What libsndfile makes of it, unless the bytes did not come in the first place.
static enum api_error cannot_read(const struct decoder *dec)
{
    return bad_sound(dec, dec->source.error ? strerror(dec->source.error) : sf_strerror(dec->file));
}

static enum api_error no_memory(const struct decoder *dec)
{
    snprintf(dec->reason, LOAD_REASON_BYTES, "%.300s: no memory to decode it", dec->name);
    return API_INTERNAL;
}

static enum api_error too_big(const struct decoder *dec, uint64_t bytes)
{
    const struct pages *store = dec->setup->store;
    uint64_t total = (uint64_t)store->n_pages * store->page_bytes;
    uint64_t used = (uint64_t)store->n_used * store->page_bytes;
    dec->d->bytes = bytes;
    snprintf(dec->reason, LOAD_REASON_BYTES,
             "refused sample memory: %.300s needs %.1f MiB, %.1f of %.1f MiB are free (sound_memory)",
             dec->name, (double)bytes / 1048576, (double)(total - used) / 1048576, (double)total / 1048576);
    return API_REFUSED;
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
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
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
    char why[128];
    if (info->channels < 1 || info->channels > SOUND_MAX_CHANNELS) {
        snprintf(dec->reason, LOAD_REASON_BYTES, "%.300s has %d channels; mono and stereo can be played",
                 dec->name, info->channels);
        return API_UNSUPPORTED;
    }
    if (info->samplerate < 8000 || info->samplerate > 192000) {
        snprintf(dec->reason, LOAD_REASON_BYTES,
                 "%.300s has a sample rate of %d Hz; 8000 to 192000 can be played", dec->name,
                 info->samplerate);
        return API_UNSUPPORTED;
    }
    if (info->frames == SF_COUNT_MAX || is_cut_short(dec->file))
        return bad_sound(dec, "cut short: the file ends before its header says so");
    if (info->frames < 1) return bad_sound(dec, "holds no sound");
    if ((uint64_t)info->frames > SOUND_MAX_FRAMES) {
        snprintf(why, sizeof why, "claims %lld frames; %u can be played", (long long)info->frames,
                 SOUND_MAX_FRAMES);
        return bad_sound(dec, why);
    }
    return API_OK;
}

// ---- into the store ----

static enum api_error make_room(const struct decoder *dec, uint64_t n_frames, enum sample_format format)
{
    uint32_t n_channels = (uint32_t)dec->info.channels;
    size_t bytes = sound_bytes(n_frames, n_channels, format);
    if (bytes == 0) return bad_sound(dec, "too long");
    struct decoded *d = dec->d;
    if (pages_alloc(dec->setup->store, bytes, &d->memory)) return too_big(dec, bytes);
    d->bytes = bytes;
    sound_layout(&d->sound, d->memory, (uint32_t)n_frames, n_channels, format);
    return API_OK;
}

static void drop(const struct decoder *dec)
{
    pages_free(dec->setup->store, dec->d->memory, dec->d->bytes);
    dec->d->memory = NULL;
}

static enum api_error check_cancel(const struct decoder *dec)
{
    // relaxed: nothing is handed over with it.
    if (!atomic_load_explicit(dec->setup->cancel, memory_order_relaxed)) return API_OK;
    snprintf(dec->reason, LOAD_REASON_BYTES, "%.300s: the daemon is leaving", dec->name);
    return API_CANCELLED;
}

/// All frames must have come, or the file is refused; only a guessed length may be wrong.
static enum api_error check_length(const struct decoder *dec, sf_count_t n_read)
{
    if (dec->source.error || sf_error(dec->file)) return cannot_read(dec);
    if (n_read == 0 || (n_read < dec->info.frames && has_exact_length(&dec->info)))
        return bad_sound(dec, "cut short: the file ends before its header says so");
    return API_OK;
}

/// Reads the frames as they are: no change of rate.
static enum api_error read_plain(const struct decoder *dec)
{
    bool short_samples = is_16_bit(&dec->info);
    enum api_error error =
        make_room(dec, (uint64_t)dec->info.frames, short_samples ? SAMPLE_S16 : SAMPLE_F32);
    if (error) return error;

    union {
        int16_t s[CHUNK_FRAMES * SOUND_MAX_CHANNELS];
        float f[CHUNK_FRAMES * SOUND_MAX_CHANNELS];
    } chunk;
    struct decoded *d = dec->d;
    sf_count_t done = 0, n;
    uint32_t n_channels = d->sound.n_channels;
    while (done < dec->info.frames) {
        sf_count_t want = dec->info.frames - done < CHUNK_FRAMES ? dec->info.frames - done : CHUNK_FRAMES;
        n = short_samples ? sf_readf_short(dec->file, chunk.s, want)
                          : sf_readf_float(dec->file, chunk.f, want);
        if (n <= 0) break;
        for (uint32_t c = 0; c < n_channels; c++) {
            void *plane = sound_channel(&d->sound, d->memory, c);
            for (sf_count_t i = 0; i < n; i++) {
                if (short_samples)
                    ((int16_t *)plane)[done + i] = chunk.s[i * n_channels + c];
                else
                    ((float *)plane)[done + i] = chunk.f[i * n_channels + c];
            }
        }
        done += n;
        error = check_cancel(dec);
        if (error) break;
    }
    if (!error) error = check_length(dec, done);
    if (error)
        drop(dec);
    else
        d->sound.n_frames = (uint32_t)done;
    return error;
}

/// Interleaved samples at the engine's rate.
struct resampled {
    float *samples;
    uint64_t n_frames, max_frames;
    float peak;
};

/// Feeds the file through the resampler, chunk by chunk.
static enum api_error resample_all(const struct decoder *dec, SRC_STATE *src, struct resampled *r)
{
    int n_channels = dec->info.channels;
    float chunk[CHUNK_FRAMES * SOUND_MAX_CHANNELS];
    sf_count_t n_read = 0;
    SRC_DATA data = {.data_in = chunk, .src_ratio = (double)dec->setup->engine_rate / dec->info.samplerate};
    do {
        if (data.input_frames == 0 && !data.end_of_input) {
            sf_count_t n = sf_readf_float(dec->file, chunk, CHUNK_FRAMES);
            n_read += n;
            data.data_in = chunk;
            data.input_frames = (long)n;
            data.end_of_input = n < CHUNK_FRAMES;
        }
        data.data_out = r->samples + r->n_frames * (uint64_t)n_channels;
        data.output_frames = (long)(r->max_frames - r->n_frames);
        int code = src_process(src, &data);
        if (code) return bad_sound(dec, src_strerror(code));
        enum api_error error = check_cancel(dec);
        if (error) return error;
        data.data_in += data.input_frames_used * n_channels;
        data.input_frames -= data.input_frames_used;
        r->n_frames += (uint64_t)data.output_frames_gen;
    } while (!data.end_of_input || (data.output_frames_gen > 0 && r->n_frames < r->max_frames));
    return check_length(dec, n_read);
}

static enum api_error store_resampled(const struct decoder *dec, const struct resampled *r)
{
    uint32_t n_channels = (uint32_t)dec->info.channels;
    bool short_samples = is_16_bit(&dec->info) && r->peak <= 32767.0f / 32768.0f;
    enum api_error error = make_room(dec, r->n_frames, short_samples ? SAMPLE_S16 : SAMPLE_F32);
    if (error) return error;
    for (uint32_t c = 0; c < n_channels; c++) {
        void *plane = sound_channel(&dec->d->sound, dec->d->memory, c);
        for (uint64_t i = 0; i < r->n_frames; i++) {
            float x = r->samples[i * n_channels + c];
            if (short_samples)
                ((int16_t *)plane)[i] = (int16_t)lrintf(x * 32768.0f);
            else
                ((float *)plane)[i] = x;
        }
    }
    return API_OK;
}

static enum api_error read_resampled(const struct decoder *dec)
{
    double ratio = (double)dec->setup->engine_rate / dec->info.samplerate;
    uint64_t n_channels = (uint64_t)dec->info.channels;
    // The exact length is rounded up; the resampler may give a few frames more.
    uint64_t n_exact = (uint64_t)ceil((double)dec->info.frames * ratio);
    struct resampled r = {.max_frames = n_exact + 16};
    uint64_t bytes = r.max_frames * n_channels * sizeof(float);
    const struct pages *store = dec->setup->store;
    if (r.max_frames > SOUND_MAX_FRAMES || bytes / 2 > (uint64_t)store->n_pages * store->page_bytes)
        return too_big(dec, bytes / 2);

    int code;
    r.samples = make(float, r.max_frames *n_channels, dec->setup->temporary);
    bool is_there = r.samples && headroom_ensure(); // again: the samples may have taken it
    SRC_STATE *src = is_there ? src_new(SRC_SINC_BEST_QUALITY, dec->info.channels, &code) : NULL;
    enum api_error error;
    if (src) {
        error = resample_all(dec, src, &r);
        if (r.n_frames > n_exact) r.n_frames = n_exact;
        for (uint64_t i = 0; i < r.n_frames * n_channels; i++)
            r.peak = fmaxf(r.peak, fabsf(r.samples[i]));
        if (!error) error = store_resampled(dec, &r);
    } else {
        error = no_memory(dec);
    }
    unmake(r.samples, r.max_frames * n_channels, dec->setup->temporary);
    src_delete(src);
    return error;
}

static enum api_error decode(struct decoder *dec)
{
    if (!headroom_ensure()) return no_memory(dec);
    dec->file = source_open_sound(&dec->source, &dec->info);
    if (!dec->file) return cannot_read(dec);
    enum api_error error = check_header(dec);
    dec->d->source_rate = (uint32_t)dec->info.samplerate;
    if (!error)
        error = dec->d->source_rate == dec->setup->engine_rate ? read_plain(dec) : read_resampled(dec);
    sf_close(dec->file);
    return error;
}

enum api_error decode_file(const struct decode_setup *setup, int fd, const char *name, struct decoded *d,
                           char *reason)
{
    *d = (struct decoded){0};
    struct decoder dec = {.setup = setup, .name = name, .d = d, .reason = reason};
    enum status status = source_open(&dec.source, fd);
    if (status) return bad_sound(&dec, status_text(status));
    enum api_error error = decode(&dec);
    source_close(&dec.source);
    return error;
}
