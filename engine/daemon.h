// SPDX-License-Identifier: MIT
// daemon.h - chimed as a service: sockets, backend, signals, and the loop that serves them.
#ifndef ENGINE_DAEMON_H
#define ENGINE_DAEMON_H
#include <stdbool.h>

#include "engine/config_load.h"

/// Runs until a signal or /quit. `source`: where the configuration came from, to be read again.
/// `debug_memory`: prints the map, and at the end what is left. Returns the exit code of the program: 1 when
/// it could not start, or memory was found to be lost.
int daemon_run(const struct config *config, const struct config_source *source, bool debug_memory);

#endif
