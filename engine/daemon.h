// SPDX-License-Identifier: MIT
// daemon.h - chimed as a service: sockets, backend, signals, and the loop that serves them.
#ifndef ENGINE_DAEMON_H
#define ENGINE_DAEMON_H
#include "engine/config.h"

/// Runs until a signal or /quit. Returns the exit code of the program.
int daemon_run(const struct config *config);

#endif
