// SPDX-License-Identifier: MIT
// wave.c - samples of the store as a sound file in memory.
#include "engine/sounds/wave.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_FRAMES     4096
#define FORMAT_PCM       1
#define FORMAT_FLOAT     3
#define MAX_SAMPLE_BYTES sizeof(float)

/// As RIFF has it, without gaps.
struct header {
    char riff[4];
    uint32_t bytes_behind;
    char wave[4], fmt[4];
    uint32_t fmt_bytes;
    uint16_t format, n_channels;
    uint32_t rate, bytes_a_second;
    uint16_t bytes_a_frame, bits;
    char data[4];
    uint32_t data_bytes;
};
_Static_assert(sizeof(struct header) == 44, "the header of a WAV file");

static struct header header_of(const struct sound *s, uint32_t frame_bytes, uint32_t data_bytes)
{
    uint32_t behind = data_bytes + (uint32_t)sizeof(struct header) - 8;
    return (struct header){.riff = "RIFF",
                           .bytes_behind = htole32(behind),
                           .wave = "WAVE",
                           .fmt = "fmt ",
                           .fmt_bytes = htole32(16),
                           .format = htole16(s->format == SAMPLE_S16 ? FORMAT_PCM : FORMAT_FLOAT),
                           .n_channels = htole16((uint16_t)s->n_channels),
                           .rate = htole32(s->rate),
                           .bytes_a_second = htole32(s->rate * frame_bytes),
                           .bytes_a_frame = htole16((uint16_t)frame_bytes),
                           .bits = htole16((uint16_t)(8 * sample_bytes(s->format))),
                           .data = "data",
                           .data_bytes = htole32(data_bytes)};
}

static bool write_all(int fd, const void *from, size_t n)
{
    const char *p = from;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/// Frames one after the other, with the samples of all channels side by side. All machines that chimed runs
/// on keep their samples as the file does, least byte first.
static bool write_frames(int fd, const struct sound *s)
{
    char chunk[CHUNK_FRAMES * SOUND_MAX_CHANNELS * MAX_SAMPLE_BYTES];
    size_t one = sample_bytes(s->format);
    for (uint32_t done = 0, n; done < s->n_frames; done += n) {
        n = s->n_frames - done < CHUNK_FRAMES ? s->n_frames - done : CHUNK_FRAMES;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t c = 0; c < s->n_channels; c++)
                memcpy(chunk + (i * s->n_channels + c) * one,
                       (const char *)s->channels[c] + (size_t)(done + i) * one, one);
        if (!write_all(fd, chunk, n * s->n_channels * one)) return false;
    }
    return true;
}

int wave_of_sound(const struct sound *s, uint64_t *bytes)
{
    uint32_t frame_bytes = s->n_channels * (uint32_t)sample_bytes(s->format);
    uint64_t data_bytes = (uint64_t)s->n_frames * frame_bytes;
    *bytes = data_bytes + sizeof(struct header);
    if (*bytes > UINT32_MAX) return -1;
    int fd = memfd_create("chimed-wave", MFD_CLOEXEC);
    if (fd < 0) return -1;
    struct header header = header_of(s, frame_bytes, (uint32_t)data_bytes);
    if (write_all(fd, &header, sizeof header) && write_frames(fd, s)) return fd;
    close(fd);
    return -1;
}
