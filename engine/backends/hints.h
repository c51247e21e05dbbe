// SPDX-License-Identifier: MIT
// hints.h - notices that a server or a card may have come, so that nobody waits for the next attempt. Control
// thread.
#ifndef ENGINE_BACKENDS_HINTS_H
#define ENGINE_BACKENDS_HINTS_H
#include <stdint.h>

#include "engine/backend_list.h"

/// Watches the folders in which JACK servers, PipeWire and the kernel's cards appear.
struct hints {
    int fd;                   // inotify, readable when something has come; -1: there are no hints
    int dev, cards, shm, run; // watches, or -1
};

/// Without inotify there are just no hints.
void hints_open(struct hints *h);
void hints_close(struct hints *h);

/// What may be there that was not: a bit for each enum backend_kind. Does not wait.
uint32_t hints_take(struct hints *h);

#endif
