// SPDX-License-Identifier: MIT
// status_view.h - the daemon's figures on one screen, for people.
#ifndef CLIENTS_STATUS_VIEW_H
#define CLIENTS_STATUS_VIEW_H
#include "clients/cli.h"

/// Draws what matters first, and of the counters of troubles those that are not 0, into rows of a screen that
/// has begun.
void status_view(struct cli_screen *s, const struct chime_message *status, bool is_coloured);
/// "34 s", "12 min", "5 h", "20 days".
void status_uptime_text(char *text, size_t size, double seconds);

#endif
