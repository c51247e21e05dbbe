// SPDX-License-Identifier: MIT
// dispatch.h - takes packets to the handlers of their messages, once each has been accepted. Control thread.
#ifndef ENGINE_DISPATCH_H
#define ENGINE_DISPATCH_H
#include "engine/control.h"
#include "engine/reports.h"

/// Answers every message of a datagram or score packet, or keeps it until the sounds that it needs are
/// loaded. Closes `d->fd`, or hands it on.
void control_handle(struct control *c, struct datagram *d);
/// Takes what the worker reports, and tries the kept packets again whose loads have ended.
void control_drain_results(struct control *c);
/// The latter alone.
void control_retry_holds(struct control *c);

#endif
