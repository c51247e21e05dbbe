// SPDX-License-Identifier: MIT
// watch.h - looks at how the daemon is, and tells: xruns, health, the service manager. Control thread.
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H
#include <stdint.h>

#include "engine/control.h"

/// Once a turn of the loop.
void watch_turn(struct control *c, int64_t now_ns);

/// Xruns since the start: of every cause, on every backend.
uint64_t watch_xruns(const struct control *c);

#endif
