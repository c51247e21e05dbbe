// SPDX-License-Identifier: MIT
// dispatch.h - the control thread's steps: requests to their handlers, reports of rt and the worker.
#ifndef ENGINE_DISPATCH_H
#define ENGINE_DISPATCH_H
#include "engine/control.h"

/// Answers every message of a datagram or score packet. Closes `d->fd`, or hands it on.
void control_handle(struct control *c, struct datagram *d);
/// Takes what rt reports.
void control_drain_events(struct control *c);
/// Takes what the worker reports.
void control_drain_results(struct control *c);
/// How long the loop may sleep before it looks at the events again, in nanoseconds.
int64_t control_patience_ns(const struct control *c);

#endif
