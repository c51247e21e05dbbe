// SPDX-License-Identifier: MIT
// alsa_device.c - fills an open ALSA device.
#include "engine/backends/alsa_device.h"

#include <errno.h>

/// Converts `n` frames from frame `from` of the planes into a stretch of the device's memory.
static void convert(const struct alsa_device *d, const snd_pcm_channel_area_t *areas, uint64_t offset,
                    float *const *planes, uint32_t from, uint32_t n)
{
    alsa_convert_fn *samples = alsa_format_info(d->format)->convert;
    for (uint32_t i = 0; i < d->n_channels; i++) {
        const snd_pcm_channel_area_t *area = &areas[i]; // its first and step count bits
        uint8_t *to = (uint8_t *)area->addr + (area->first + offset * area->step) / 8;
        samples(to, area->step / 8, planes[i] + from, n);
    }
}

/// The device's memory is a ring, so that a period may lie in two pieces, or in more with a plugin.
static int write_mmap(struct alsa_device *d, float *const *planes, uint32_t n_frames)
{
    for (uint32_t done = 0; done < n_frames;) {
        const snd_pcm_channel_area_t *areas;
        snd_pcm_uframes_t offset, wanted = n_frames - done, n = wanted;
        int error = snd_pcm_mmap_begin(d->pcm, &areas, &offset, &n);
        if (error < 0) return error;
        // There was room: a device that goes back on this is out of order.
        if (n == 0 || n > wanted) return -EIO;
        convert(d, areas, offset, planes, done, (uint32_t)n);
        snd_pcm_sframes_t taken = snd_pcm_mmap_commit(d->pcm, offset, n);
        if (taken < 0) return (int)taken;
        if ((snd_pcm_uframes_t)taken != n) return -EPIPE;
        done += (uint32_t)n;
    }
    return 0;
}

static int write_interleaved(struct alsa_device *d, float *const *planes, uint32_t n_frames)
{
    size_t sample_bytes = alsa_format_info(d->format)->bytes, frame_bytes = sample_bytes * d->n_channels;
    for (uint32_t i = 0; i < d->n_channels; i++)
        alsa_format_info(d->format)->convert(d->interleaved + i * sample_bytes, frame_bytes, planes[i],
                                             n_frames);
    for (uint32_t done = 0; done < n_frames;) {
        uint32_t wanted = n_frames - done;
        snd_pcm_sframes_t taken = snd_pcm_writei(d->pcm, d->interleaved + done * frame_bytes, wanted);
        if (taken == 0 || taken == -EAGAIN || taken > (snd_pcm_sframes_t)wanted) return -EIO;
        if (taken < 0) return (int)taken;
        done += (uint32_t)taken;
    }
    return 0;
}

static int write_frames(struct alsa_device *d, float *const *planes, uint32_t n_frames)
{
    return d->mmap ? write_mmap(d, planes, n_frames) : write_interleaved(d, planes, n_frames);
}

int alsa_device_start(struct alsa_device *d)
{
    if (snd_pcm_state(d->pcm) == SND_PCM_STATE_RUNNING)
        (void)snd_pcm_drop(d->pcm); // it stalled; prepare() will tell
    int error = snd_pcm_prepare(d->pcm);
    if (error < 0) return error;
    snd_pcm_sframes_t room = snd_pcm_avail_update(d->pcm);
    if (room < 0) return (int)room;
    if ((uint64_t)room > d->buffer_frames) room = (snd_pcm_sframes_t)d->buffer_frames; // it cannot be more
    while (room > 0) {
        uint32_t n = room < (snd_pcm_sframes_t)d->period_frames ? (uint32_t)room : d->period_frames;
        error = write_frames(d, d->silent_planes, n);
        if (error < 0) return error;
        room -= n;
    }
    return snd_pcm_start(d->pcm);
}

int alsa_device_write(struct alsa_device *d, float *const *planes)
{
    return write_frames(d, planes, d->period_frames);
}

void alsa_device_release(struct alsa_device *d)
{
    if (d->pcm != NULL) snd_pcm_close(d->pcm);
    d->pcm = NULL;
}
