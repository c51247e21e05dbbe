// SPDX-License-Identifier: MIT
// service.h - tells the service manager how the daemon is. Does nothing when there is none.
#ifndef ENGINE_SERVICE_H
#define ENGINE_SERVICE_H
#include "alloc/attr.h"

// ---- control thread ----

/// Sockets and backend are up: units that wait for this one go on. The text is the first status.
PRINTF_LIKE(1, 2) void service_ready(const char *format, ...);

/// One line for `systemctl status`, such as "48000 Hz, jack, 12 voices, 0 xruns".
PRINTF_LIKE(1, 2) void service_status(const char *format, ...);

/// The daemon is on its way out.
void service_stopping(void);

#endif
