// SPDX-License-Identifier: MIT
// alsa_device.h - an open ALSA device: how it was set up, and the calls that fill it. For the alsa backend
// alone.
#ifndef ENGINE_BACKENDS_ALSA_DEVICE_H
#define ENGINE_BACKENDS_ALSA_DEVICE_H
#include <alsa/asoundlib.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/allocator.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/backends/alsa_format.h"
#include "engine/backends/planes.h"
#include "engine/config.h"

/// Descriptors that a device may have; real ones have one.
#define ALSA_MAX_FDS 15

/// Owned by control while no audio thread runs, else by that thread. A zeroed struct is closed.
struct alsa_device {
    snd_pcm_t *pcm; // NULL: closed
    enum alsa_format format;
    bool mmap;
    uint32_t rate, n_channels; // of the device: at least those that were asked for
    uint32_t period_frames;
    uint64_t buffer_frames;
    struct pollfd fds[ALSA_MAX_FDS];
    uint32_t n_fds;
    struct planes silence;                     // one plane of a period
    float *silent_planes[MAX_OUTPUT_CHANNELS]; // all of them that one
    uint8_t *interleaved;                      // a period for snd_pcm_writei(); NULL with mmap
    struct allocator *a;                       // of the buffers
};

// ---- control (alsa_open.c) ----

/// Opens and sets up the device `name`, as near to the configuration as it can. Borrows `a` until
/// alsa_device_close(). Never waits for a device that somebody else uses. On failure nothing is open and
/// `reason` (BACKEND_REASON_BYTES) says why.
NODISCARD
enum status alsa_device_open(struct alsa_device *d, struct allocator *a, const struct config *config,
                             const char *name, char *reason);
void alsa_device_close(struct alsa_device *d);

// ---- audio thread (alsa_device.c) ----
// These return 0 or a negative errno. None of them waits.

/// Prepares the device, fills its buffer with silence and starts it.
NODISCARD
int alsa_device_start(struct alsa_device *d);

/// Writes a period from `planes`, one for each channel of the device. There is room: it was asked for.
NODISCARD
int alsa_device_write(struct alsa_device *d, float *const *planes);

/// Gives the device itself up, and nothing else: what a driver waits for when it is taken away.
void alsa_device_release(struct alsa_device *d);

#endif
