// SPDX-License-Identifier: MIT
// collect.c - takes the samples of a decoder into the sample store.
#include "engine/sounds/collect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_sensible(const struct decode_answer *a)
{
    return a->n_channels >= 1 && a->n_channels <= SOUND_MAX_CHANNELS && a->n_frames >= 1 &&
           a->n_frames <= SOUND_MAX_FRAMES && (a->format == SAMPLE_S16 || a->format == SAMPLE_F32) &&
           a->source_rate >= 8000 && a->source_rate <= 192000;
}

/// Of one channel.
static size_t plane_bytes(const struct decode_answer *a)
{
    return (size_t)a->n_frames * sample_bytes((enum sample_format)a->format);
}

/// Nobody can change it any more, and it is as long as the answer says.
static bool is_whole(const struct decode_answer *a, int result)
{
    struct stat s;
    int seals = fcntl(result, F_GET_SEALS);
    return seals >= 0 && (seals & DECODE_SEALS) == DECODE_SEALS && fstat(result, &s) == 0 &&
           (uint64_t)s.st_size == (uint64_t)plane_bytes(a) * a->n_channels;
}

static bool read_all(int from, char *to, size_t n, off_t offset)
{
    while (n > 0) {
        ssize_t got = pread(from, to, n, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        n -= (size_t)got;
        offset += got;
    }
    return true;
}

static bool copy_planes(const struct decode_answer *a, int result, const struct decoded *d)
{
    size_t n = plane_bytes(a);
    for (uint32_t c = 0; c < a->n_channels; c++)
        if (!read_all(result, sound_channel(&d->sound, d->memory, c), n, (off_t)(c * n))) return false;
    return true;
}

static enum api_error fail(struct decode_answer *a, enum api_error error, const char *why)
{
    snprintf(a->why, sizeof a->why, "%s", why);
    return error;
}

enum api_error collect_sound(struct decode_answer *a, int result, struct pages *store, struct decoded *d)
{
    *d = (struct decoded){0};
    if (!is_sensible(a) || !is_whole(a, result))
        return fail(a, API_BAD_SOUND, ": the decoder's answer makes no sense");
    enum sample_format format = (enum sample_format)a->format;
    d->bytes = sound_bytes(a->n_frames, a->n_channels, format);
    if (d->bytes == 0) return fail(a, API_BAD_SOUND, ": too long");
    if (pages_alloc(store, d->bytes, &d->memory)) return API_REFUSED;
    sound_layout(&d->sound, d->memory, a->n_frames, a->n_channels, format);
    d->source_rate = a->source_rate;
    if (copy_planes(a, result, d)) return API_OK;
    pages_free(store, d->memory, d->bytes);
    d->memory = NULL;
    return fail(a, API_INTERNAL, ": cannot read its samples");
}
