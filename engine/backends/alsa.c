// SPDX-License-Identifier: MIT
// alsa.c - drives the engine from an ALSA device, on an audio thread of its own.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/backends/alsa_device.h"
#include "engine/backends/alsa_guard.h"
#include "engine/backends/alsa_recovery.h"
#include "engine/backends/backend.h"

/// A device that gives no sign of life for this long, and for this many buffers, is started anew.
#define STALL_MS      1000
#define STALL_BUFFERS 4
/// A device that claims to have played so many times what it was given has lost its place.
#define MAX_AVAIL_BUFFERS 2

struct alsa_backend {
    struct backend base;
    const char *name; // of the device; borrowed
    struct alsa_device device;
    struct planes planes; // for every channel of the device; the engine renders into the first n_channels
    pthread_t thread;
    bool started;
    int stop_fd; // eventfd: readable when the thread shall end, so that it wakes up at once
    _Atomic bool stopping;

    // owned by the audio thread
    struct alsa_recovery recovery;
    struct alsa_guard guard;
};

static struct alsa_backend *of(struct backend *backend)
{
    return (struct alsa_backend *)backend;
}

// ---- audio thread ----

static bool is_stopping(const struct alsa_backend *b)
{
    return atomic_load_explicit(&b->stopping,
                                memory_order_relaxed); // relaxed: the join orders everything else
}

static void sleep_ms(const struct alsa_backend *b, int ms)
{
    struct pollfd stop = {.fd = b->stop_fd, .events = POLLIN};
    (void)poll(&stop, 1, ms);
}

/// Waits until the device has room or something happens to it. Returns what poll() does; `events` are those
/// of the device, or a negative errno.
static int wait_for_device(struct alsa_backend *b, int *events)
{
    struct alsa_device *d = &b->device;
    struct pollfd fds[ALSA_MAX_FDS + 1];
    for (uint32_t i = 0; i < d->n_fds; i++)
        fds[i] = d->fds[i];
    fds[d->n_fds] = (struct pollfd){.fd = b->stop_fd, .events = POLLIN};
    uint64_t buffers_ms = STALL_BUFFERS * d->buffer_frames * 1000 / d->rate;
    int ready = poll(fds, d->n_fds + 1, buffers_ms > STALL_MS ? (int)buffers_ms : STALL_MS);
    unsigned short translated = 0;
    *events = ready < 0 ? -errno : 0;
    if (ready <= 0) return ready;
    int error = snd_pcm_poll_descriptors_revents(d->pcm, fds, d->n_fds, &translated);
    *events = error < 0 ? error : translated;
    return ready;
}

/// After a wake-up without room for a period (dmix does that, and devices that are out of order): half of
/// what is missing, so as not to spin.
static void nap(struct alsa_backend *b, const struct alsa_seen *seen)
{
    uint64_t ns = pace_length_ns(b->device.rate, b->device.period_frames - seen->avail_frames) / 2;
    pace_sleep(cycle_now_ns() + (ns > 100000 ? ns : 100000), &b->stopping);
}

/// Waits for the device, then looks at all that tells how it is: none of these alone is enough. After an
/// unplug avail_update goes on to return room; the state and poll() know.
static struct alsa_seen look(struct alsa_backend *b)
{
    struct alsa_device *d = &b->device;
    int events = 0;
    int ready = wait_for_device(b, &events);
    struct alsa_seen seen = {.stalled = ready == 0, .error = events < 0 ? events : 0};
    if (is_stopping(b)) return seen;
    seen.poll_failed = events > 0 && (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    seen.state = snd_pcm_state(d->pcm);
    snd_pcm_sframes_t avail = snd_pcm_avail_update(d->pcm);
    if (avail < 0 && seen.error == 0) seen.error = (int)avail;
    seen.avail_frames = avail > 0 ? (uint64_t)avail : 0;
    if (seen.avail_frames > MAX_AVAIL_BUFFERS * d->buffer_frames && seen.error == 0) seen.error = -EPIPE;
    if (seen.avail_frames >= d->period_frames) seen.stalled = false; // it only forgot to wake us
    seen.woken = ready > 0;
    return seen;
}

static int start_device(struct alsa_backend *b)
{
    int error = alsa_device_start(&b->device);
    alsa_guard_start(&b->guard, b->device.rate, b->device.buffer_frames, cycle_now_ns());
    return error;
}

static int render(struct alsa_backend *b)
{
    uint64_t due_ns = alsa_guard_due_ns(&b->guard);
    if (due_ns > 0) pace_sleep(due_ns, &b->stopping);
    if (is_stopping(b)) return 0;
    backend_cycle(&b->base, b->planes.plane, b->device.period_frames);
    int error = alsa_device_write(&b->device, b->planes.plane);
    bool is_late = alsa_guard_wrote(&b->guard, b->device.period_frames, cycle_now_ns());
    if (is_late) backend_count_xrun(&b->base); // a device that plays nothing in time has none of its own
    return error;
}

/// Carries one action out, after what was seen; 0 or a negative errno.
static int act(struct alsa_backend *b, enum alsa_action action, const struct alsa_seen *seen)
{
    switch (action) {
    case ALSA_DO_WAIT: // look() waits
        if (seen->woken) nap(b, seen);
        return 0;
    case ALSA_DO_RENDER: return render(b);
    case ALSA_DO_START_LATER: sleep_ms(b, ALSA_RETRY_MS); return is_stopping(b) ? 0 : start_device(b);
    case ALSA_DO_START: return start_device(b);
    case ALSA_DO_RESUME_LATER:
        sleep_ms(b, ALSA_RETRY_MS);
        return is_stopping(b) ? 0 : snd_pcm_resume(b->device.pcm);
    case ALSA_DO_RESUME: return snd_pcm_resume(b->device.pcm);
    case ALSA_DO_CLOSE: break;
    }
    alsa_device_release(&b->device);
    return -ENODEV;
}

static void *alsa_run(void *argument)
{
    struct alsa_backend *b = argument;
    struct alsa_seen seen = {.state = SND_PCM_STATE_SETUP};
    b->recovery = (struct alsa_recovery){0};
    backend_make_realtime(b->base.config);
    while (!is_stopping(b)) {
        bool xrun;
        enum alsa_action action = alsa_recovery_step(&b->recovery, &seen, b->device.period_frames, &xrun);
        if (xrun) backend_count_own_xrun(&b->base);
        int error = act(b, action, &seen);
        if (action == ALSA_DO_CLOSE) {
            // Release: control, when it sees this, finds the device given up.
            atomic_store_explicit(&b->base.lost, true, memory_order_release);
            backend_tell(&b->base);
            return NULL;
        }
        seen =
            error == 0 ? look(b) : (struct alsa_seen){.error = error, .state = snd_pcm_state(b->device.pcm)};
    }
    snd_pcm_drop(b->device.pcm);
    return NULL;
}

// ---- control ----

static void alsa_stop(struct backend *backend)
{
    struct alsa_backend *b = of(backend);
    if (!b->started) return;
    atomic_store_explicit(&b->stopping, true, memory_order_relaxed);
    (void)eventfd_write(b->stop_fd, 1);
    pthread_join(b->thread, NULL);
    b->started = false;
    atomic_store(&backend->gate, GATE_SHUT);
}

static void alsa_close(struct backend *backend)
{
    if (backend == NULL) return;
    struct alsa_backend *b = of(backend);
    alsa_stop(backend);
    alsa_device_close(&b->device);
    planes_fini(&b->planes);
    if (b->stop_fd >= 0) close(b->stop_fd);
    backend_unmake(backend, sizeof *b);
}

static enum status alsa_open(const struct config *config, const char *target, struct backend **backend,
                             char *reason)
{
    struct alsa_backend *b = backend_make(sizeof *b);
    if (b == NULL) {
        snprintf(reason, BACKEND_REASON_BYTES, "no memory for an ALSA device");
        return STATUS_NO_MEMORY;
    }
    b->stop_fd = -1;
    b->name = target[0] != 0 ? target : config->device;
    enum status status = alsa_device_open(&b->device, &b->base.memory, config, b->name, reason);
    if (status == STATUS_OK) {
        b->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        status = planes_init(&b->planes, &b->base.memory, b->device.n_channels, b->device.period_frames);
        if (b->stop_fd < 0) status = status_from_errno(errno);
        if (status != STATUS_OK)
            snprintf(reason, BACKEND_REASON_BYTES, "no buffers: %s", status_text(status));
    }
    if (status != STATUS_OK) {
        alsa_close(&b->base);
        return status;
    }
    b->base.ops = &backend_alsa;
    b->base.config = config;
    b->base.rate = b->device.rate;
    b->base.n_channels = config->channels;
    atomic_init(&b->base.period_frames, b->device.period_frames);
    // A period is made as soon as there is room for it: the rest of the buffer is played before it.
    atomic_init(&b->base.latency_frames, (uint32_t)b->device.buffer_frames - b->device.period_frames);
    *backend = &b->base;
    return STATUS_OK;
}

static enum status alsa_start(struct backend *backend, struct cycle *cycle, char *reason)
{
    struct alsa_backend *b = of(backend);
    if (b->started) return STATUS_OK;
    if (b->device.pcm == NULL) {
        snprintf(reason, BACKEND_REASON_BYTES, "the ALSA device \"%s\" has gone", b->name);
        return STATUS_LOST;
    }
    eventfd_t stops;
    (void)eventfd_read(b->stop_fd, &stops); // of an earlier stop()
    backend->cycle = cycle;
    atomic_store_explicit(&b->stopping, false, memory_order_relaxed); // no thread runs yet
    enum status status = backend_thread_start(&b->thread, alsa_run, b);
    if (status != STATUS_OK) {
        snprintf(reason, BACKEND_REASON_BYTES, "cannot start the audio thread: %s", status_text(status));
        return status;
    }
    b->started = true;
    return STATUS_OK;
}

static void alsa_describe(const struct backend *backend, char *text, uint32_t size)
{
    // Nothing here changes after open(), so that it may be read while the audio thread runs.
    const struct alsa_backend *b = (const struct alsa_backend *)backend;
    const struct alsa_device *d = &b->device;
    int n = snprintf(text, size, "%s %s %s %u x %.3g", b->name, alsa_format_info(d->format)->name,
                     d->mmap ? "mmap" : "rw", d->period_frames, (double)d->buffer_frames / d->period_frames);
    if (n > 0 && (uint32_t)n < size && d->n_channels > backend->n_channels)
        snprintf(text + n, size - (uint32_t)n, ", %u channels of the device", d->n_channels);
}

const struct backend_ops backend_alsa = {.name = "alsa",
                                         .open = alsa_open,
                                         .start = alsa_start,
                                         .stop = alsa_stop,
                                         .close = alsa_close,
                                         .describe = alsa_describe};
