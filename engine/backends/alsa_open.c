// SPDX-License-Identifier: MIT
// alsa_open.c - opens an ALSA device and agrees with it on access, channels, rate, format and buffer.
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/backends/alsa_device.h"
#include "engine/backends/backend.h"
#include "engine/log.h"

/// Times the configured period that are tried.
#define LONGEST_PERIOD 8
/// What is heard so late, where more was not asked for, is of no use; and a start fills the buffer.
#define LONGEST_BUFFER_SECONDS 2

static const snd_pcm_format_t alsa_formats[ALSA_N_FORMATS] = {
    [ALSA_FORMAT_FLOAT] = SND_PCM_FORMAT_FLOAT, [ALSA_FORMAT_S32] = SND_PCM_FORMAT_S32,
    [ALSA_FORMAT_S24] = SND_PCM_FORMAT_S24,     [ALSA_FORMAT_S24_3] = SND_PCM_FORMAT_S24_3LE,
    [ALSA_FORMAT_S16] = SND_PCM_FORMAT_S16,
};

// ---- alsa-lib's own messages ----

/// Set while a thread opens a device. While audio runs the messages come from the audio thread, which must
/// not log.
static _Thread_local bool may_log;

PRINTF_LIKE(5, 6)
static void tell_debug(const char *file, int line, const char *function, int error, const char *format, ...)
{
    char text[256];
    va_list args;
    if (!may_log) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_debug("alsa: %s:%d %s: %s%s%s", file, line, function, text, error != 0 ? ": " : "",
              error != 0 ? snd_strerror(error) : "");
}

// ---- reasons ----

/// What is in /dev/snd to play on: alsa-lib says "no such device" of one that may not be opened, too.
static void look_for_cards(bool *any, bool *refused)
{
    *any = *refused = false;
    DIR *folder = opendir("/dev/snd");
    if (folder == NULL) return;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[sizeof "/dev/snd/" + sizeof entry->d_name];
        if (fnmatch("pcmC*D*p", entry->d_name, 0) != 0) continue;
        *any = true;
        snprintf(path, sizeof path, "/dev/snd/%s", entry->d_name);
        if (access(path, R_OK | W_OK) != 0 && (errno == EACCES || errno == EPERM)) *refused = true;
    }
    closedir(folder);
}

static enum status explain_open(int error, const char *device, char *reason)
{
    bool any, refused;
    look_for_cards(&any, &refused);
    if (error == -EBUSY || error == -EAGAIN) {
        snprintf(
            reason, BACKEND_REASON_BYTES,
            "the ALSA device \"%s\" is busy: another program plays on it (fuser -v /dev/snd/* says which)",
            device);
        return STATUS_BUSY;
    }
    bool missing = error == -ENOENT || error == -ENODEV || error == -ENXIO;
    if (error == -EACCES || error == -EPERM || (missing && refused)) {
        snprintf(reason, BACKEND_REASON_BYTES,
                 "the ALSA device \"%s\" may not be opened by this user: add the user to the group audio",
                 device);
        return STATUS_NOT_ALLOWED;
    }
    if (missing) {
        snprintf(reason, BACKEND_REASON_BYTES, "there is no ALSA device \"%s\"%s", device,
                 any ? ": aplay -L lists those that there are"
                     : ": this machine has no sound card that plays");
        return STATUS_NOT_FOUND;
    }
    snprintf(reason, BACKEND_REASON_BYTES, "cannot open the ALSA device \"%s\": %s", device,
             snd_strerror(error));
    return error == -EINVAL ? STATUS_BAD_ARGUMENT : STATUS_SYSTEM;
}

static enum status refuse(const char *device, const char *what, int error, char *reason)
{
    snprintf(reason, BACKEND_REASON_BYTES, "the ALSA device \"%s\" does not take %s: %s", device, what,
             snd_strerror(error));
    return error == -EBUSY ? STATUS_BUSY : STATUS_UNSUPPORTED;
}

// ---- agreeing on the parameters ----

/// With mmap the samples are converted right into the device's memory.
static int choose_access(struct alsa_device *d, snd_pcm_hw_params_t *hw, const char *wanted)
{
    int error = -EINVAL;
    if (strcmp(wanted, "rw") != 0) {
        error = snd_pcm_hw_params_set_access(d->pcm, hw, SND_PCM_ACCESS_MMAP_INTERLEAVED);
        if (error < 0) error = snd_pcm_hw_params_set_access(d->pcm, hw, SND_PCM_ACCESS_MMAP_NONINTERLEAVED);
    }
    d->mmap = error == 0;
    if (d->mmap || strcmp(wanted, "mmap") == 0) return error;
    return snd_pcm_hw_params_set_access(d->pcm, hw, SND_PCM_ACCESS_RW_INTERLEAVED);
}

/// As many channels as configured, or the next larger number that the device has; the rest stays silent.
static enum status choose_channels(struct alsa_device *d, snd_pcm_hw_params_t *hw,
                                   const struct config *config, const char *device, char *reason)
{
    unsigned n = config->channels, most = 0;
    int error = snd_pcm_hw_params_get_channels_max(hw, &most);
    if (error == 0 && most < n) {
        snprintf(reason, BACKEND_REASON_BYTES,
                 "the ALSA device \"%s\" has %u channel%s and %u are configured: set channels = %u", device,
                 most, most == 1 ? "" : "s", n, most);
        return STATUS_UNSUPPORTED;
    }
    if (error == 0) error = snd_pcm_hw_params_set_channels_min(d->pcm, hw, &n);
    if (error == 0) error = snd_pcm_hw_params_set_channels_first(d->pcm, hw, &n);
    if (error == 0 && n > MAX_OUTPUT_CHANNELS) error = -EINVAL;
    if (error < 0) return refuse(device, "the configured channels", error, reason);
    d->n_channels = n;
    return STATUS_OK;
}

static bool format_wanted(const char *name, enum alsa_format format)
{
    if (strcmp(name, "float") == 0) return format == ALSA_FORMAT_FLOAT;
    if (strcmp(name, "s32") == 0) return format == ALSA_FORMAT_S32;
    if (strcmp(name, "s24") == 0) return format == ALSA_FORMAT_S24 || format == ALSA_FORMAT_S24_3;
    if (strcmp(name, "s16") == 0) return format == ALSA_FORMAT_S16;
    return true; // auto
}

static int choose_format(struct alsa_device *d, snd_pcm_hw_params_t *hw, const struct config *config)
{
    int error = -EINVAL;
    for (uint32_t i = 0; i < ALSA_N_FORMATS && error < 0; i++) {
        d->format = (enum alsa_format)i;
        if (format_wanted(config->format, d->format))
            error = snd_pcm_hw_params_set_format(d->pcm, hw, alsa_formats[i]);
    }
    return error;
}

/// Sets what is left, with the period and buffer nearest to those that are wanted.
static int set_buffer(struct alsa_device *d, snd_pcm_hw_params_t *hw, snd_pcm_uframes_t period,
                      uint32_t n_periods)
{
    // Both may fail where a plugin dictates its buffer: then that is it. The number of periods is set through
    // the size of the buffer, for behind a rate converter it need not be whole.
    (void)snd_pcm_hw_params_set_period_size_near(d->pcm, hw, &period, NULL);
    snd_pcm_uframes_t buffer = period * n_periods;
    (void)snd_pcm_hw_params_set_buffer_size_near(d->pcm, hw, &buffer);
    return snd_pcm_hw_params(d->pcm, hw);
}

static bool is_usable(snd_pcm_uframes_t period, snd_pcm_uframes_t buffer, const struct config *config)
{
    uint64_t longest = (uint64_t)config->rate * LONGEST_BUFFER_SECONDS;
    uint64_t wanted = (uint64_t)config->period * LONGEST_PERIOD * config->periods;
    if (wanted > longest) longest = wanted;
    return period > 0 && buffer >= period && buffer <= longest;
}

/// Reads back what came of the wish. alsa-lib's rate converter offers periods that it then refuses, so that a
/// longer one may do where the configured one failed.
static int choose_buffer(struct alsa_device *d, snd_pcm_hw_params_t *hw, const struct config *config)
{
    snd_pcm_hw_params_t *agreed;
    snd_pcm_uframes_t period = 0, buffer = 0;
    int error = snd_pcm_hw_params_malloc(&agreed);
    if (error < 0) return error;
    snd_pcm_hw_params_copy(agreed, hw);
    error = -EINVAL;
    for (uint32_t longer = 1; longer <= LONGEST_PERIOD && error == -EINVAL; longer *= 2) {
        snd_pcm_hw_params_copy(hw, agreed);
        error = set_buffer(d, hw, (snd_pcm_uframes_t)config->period * longer, config->periods);
    }
    snd_pcm_hw_params_free(agreed);
    if (error == 0) error = snd_pcm_hw_params_get_period_size(hw, &period, NULL);
    if (error == 0) error = snd_pcm_hw_params_get_buffer_size(hw, &buffer);
    if (error == 0 && !is_usable(period, buffer, config)) error = -EINVAL;
    d->period_frames = (uint32_t)period;
    d->buffer_frames = buffer;
    return error;
}

/// Channels and rate before the format: many USB devices offer their widest format only at some rates, and a
/// wrong pitch is worse than a few bits less.
static enum status choose_all(struct alsa_device *d, snd_pcm_hw_params_t *hw, const struct config *config,
                              const char *device, char *reason)
{
    unsigned rate = config->rate;
    int error = snd_pcm_hw_params_any(d->pcm, hw);
    if (error < 0) return refuse(device, "any parameters", error, reason);
    error = choose_access(d, hw, config->access);
    if (error < 0) return refuse(device, "the configured access", error, reason);
    enum status status = choose_channels(d, hw, config, device, reason);
    if (status != STATUS_OK) return status;
    error = snd_pcm_hw_params_set_rate_near(d->pcm, hw, &rate, NULL);
    if (error < 0) return refuse(device, "a rate near the configured one", error, reason);
    error = choose_format(d, hw, config);
    if (error < 0) return refuse(device, "the configured sample format", error, reason);
    error = choose_buffer(d, hw, config);
    if (error < 0) return refuse(device, "a period and buffer near the configured ones", error, reason);
    d->rate = rate;
    return STATUS_OK;
}

/// Starts only when told to, wakes up for each period, and stops by itself when it runs dry.
static int set_software(const struct alsa_device *d, snd_pcm_sw_params_t *sw)
{
    snd_pcm_uframes_t boundary = 0;
    int error = snd_pcm_sw_params_current(d->pcm, sw);
    if (error == 0) error = snd_pcm_sw_params_get_boundary(sw, &boundary);
    if (error == 0) error = snd_pcm_sw_params_set_start_threshold(d->pcm, sw, boundary);
    if (error == 0) error = snd_pcm_sw_params_set_stop_threshold(d->pcm, sw, d->buffer_frames);
    if (error == 0) error = snd_pcm_sw_params_set_avail_min(d->pcm, sw, d->period_frames);
    if (error == 0) error = snd_pcm_sw_params(d->pcm, sw);
    return error;
}

// ---- the whole ----

static enum status set_up(struct alsa_device *d, const struct config *config, const char *name, char *reason)
{
    snd_pcm_hw_params_t *hw = NULL;
    snd_pcm_sw_params_t *sw = NULL;
    enum status status = STATUS_NO_MEMORY;
    snprintf(reason, BACKEND_REASON_BYTES, "no memory for an ALSA device");
    if (snd_pcm_hw_params_malloc(&hw) == 0 && snd_pcm_sw_params_malloc(&sw) == 0) {
        status = choose_all(d, hw, config, name, reason);
        int error = status == STATUS_OK ? set_software(d, sw) : 0;
        if (error < 0) status = refuse(name, "the way that chimed drives it", error, reason);
    }
    snd_pcm_hw_params_free(hw);
    snd_pcm_sw_params_free(sw);
    return status;
}

static size_t period_bytes(const struct alsa_device *d)
{
    return (size_t)d->period_frames * d->n_channels * alsa_format_info(d->format)->bytes;
}

static enum status get_memory(struct alsa_device *d, char *reason)
{
    enum status status = planes_init(&d->silence, d->a, 1, d->period_frames);
    if (status == STATUS_OK && !d->mmap) {
        d->interleaved = make(uint8_t, period_bytes(d), d->a);
        if (d->interleaved == NULL) status = STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < d->n_channels; i++)
        d->silent_planes[i] = d->silence.plane[0];
    if (status != STATUS_OK) snprintf(reason, BACKEND_REASON_BYTES, "no memory for the buffers");
    return status;
}

static enum status get_descriptors(struct alsa_device *d, const char *device, char *reason)
{
    int n = snd_pcm_poll_descriptors_count(d->pcm);
    if (n >= 1 && n <= ALSA_MAX_FDS) n = snd_pcm_poll_descriptors(d->pcm, d->fds, ALSA_MAX_FDS);
    if (n >= 1 && n <= ALSA_MAX_FDS) {
        d->n_fds = (uint32_t)n;
        return STATUS_OK;
    }
    snprintf(reason, BACKEND_REASON_BYTES, "the ALSA device \"%s\" gives nothing to wait on", device);
    return STATUS_UNSUPPORTED;
}

enum status alsa_device_open(struct alsa_device *d, struct allocator *a, const struct config *config,
                             const char *name, char *reason)
{
    *d = (struct alsa_device){.a = a};
    // One thread at a time touches a device, so that the lock inside alsa-lib's calls is not needed. Read at
    // the first open; who has set it already keeps it.
    setenv("LIBASOUND_THREAD_SAFE", "0", 0);
    snd_lib_error_set_handler(tell_debug);
    may_log = true;
    int error = snd_pcm_open(&d->pcm, name, SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
    enum status status;
    if (error < 0) {
        d->pcm = NULL;
        status = explain_open(error, name, reason);
    } else {
        status = set_up(d, config, name, reason);
    }
    if (status == STATUS_OK) status = get_memory(d, reason);
    if (status == STATUS_OK) status = get_descriptors(d, name, reason);
    if (status != STATUS_OK) alsa_device_close(d);
    may_log = false;
    return status;
}

void alsa_device_close(struct alsa_device *d)
{
    alsa_device_release(d);
    planes_fini(&d->silence);
    unmake(d->interleaved, period_bytes(d), d->a);
    *d = (struct alsa_device){0};
    snd_config_update_free_global(); // the next open reads the configuration again, as it is then
}
