// SPDX-License-Identifier: MIT
// reports.h - takes what rt reports. Control thread.
#ifndef ENGINE_REPORTS_H
#define ENGINE_REPORTS_H
#include <stdint.h>

#include "engine/control.h"

/// Takes what rt reports. Not while a packet is being checked.
void control_drain_events(struct control *c);
/// How long the loop may sleep before it looks at the events again, in nanoseconds.
int64_t control_patience_ns(const struct control *c);

#endif
