// SPDX-License-Identifier: MIT
// service.h - takes sockets from the service manager, and tells it how the daemon is. Does nothing when there
// is none.
#ifndef ENGINE_SERVICE_H
#define ENGINE_SERVICE_H
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/osc/listen.h"

// ---- control thread ----

/// The open sockets that the service manager hands over (LISTEN_FDS), at most `max`; what is beyond that is
/// closed. Returns how many. The caller owns them. The variables are taken out of the environment.
uint32_t service_take_sockets(struct handed_over *sockets, uint32_t max);

/// Sockets and backend are up: units that wait for this one go on. The text is the first status.
PRINTF_LIKE(1, 2) void service_ready(const char *format, ...);

/// The configuration is being read again; service_reloaded() follows, whatever comes of it.
void service_reloading(void);
void service_reloaded(void);

/// One line for `systemctl status`, such as "48000 Hz, jack, 12 voices, 0 xruns".
PRINTF_LIKE(1, 2) void service_status(const char *format, ...);

/// The loop turns and the audio clock runs: keeps the manager's watchdog (WatchdogSec=) from ending the
/// daemon. Tells it no more often than it has to.
void service_feed_watchdog(int64_t now_ns);

/// The daemon is on its way out.
void service_stopping(void);

#endif
