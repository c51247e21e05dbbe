// SPDX-License-Identifier: MIT
// hints.c - notices that a server or a card may have come, so that nobody waits for the next attempt.
#include "engine/backends/hints.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS_BYTES 4096

static int watch(const struct hints *h, const char *folder, uint32_t more)
{
    return folder && folder[0] == '/' ? inotify_add_watch(h->fd, folder, IN_CREATE | IN_MOVED_TO | more) : -1;
}

/// Cards are of use once udev has set their rights.
static void watch_cards(struct hints *h)
{
    h->cards = watch(h, "/dev/snd", IN_ATTRIB);
}

void hints_open(struct hints *h)
{
    *h = (struct hints){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (h->fd < 0) return;
    h->dev = watch(h, "/dev", 0);
    h->shm = watch(h, "/dev/shm", 0);
    h->run = watch(h, getenv("XDG_RUNTIME_DIR"), 0);
    watch_cards(h);
}

void hints_close(struct hints *h)
{
    if (h->fd >= 0) close(h->fd);
    h->fd = -1;
}

static bool begins_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

static uint32_t judge(struct hints *h, const struct inotify_event *e)
{
    const char *name = e->len > 0 ? e->name : "";
    bool is_folder = e->wd == h->dev && strcmp(name, "snd") == 0;
    if (is_folder) watch_cards(h);
    if (is_folder || e->wd == h->cards) return 1u << BACKEND_ALSA;
    // "jack_SERVER_UID_0" is a server's socket; "jack_sem." and "jack-shm" are of those who look for it.
    bool is_jack = e->wd == h->shm && begins_with(name, "jack_") && !begins_with(name, "jack_sem");
    bool is_pipewire = e->wd == h->run && begins_with(name, "pipewire");
    return is_jack || is_pipewire ? 1u << BACKEND_JACK : 0;
}

uint32_t hints_take(struct hints *h)
{
    alignas(struct inotify_event) char events[EVENTS_BYTES];
    uint32_t kinds = 0;
    ssize_t n = h->fd >= 0 ? read(h->fd, events, sizeof events) : 0;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const void *)(events + at);
        kinds |= judge(h, e);
        at += (ssize_t)(sizeof *e + e->len);
    }
    return kinds;
}
