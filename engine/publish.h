// SPDX-License-Identifier: MIT
// publish.h - tells subscribers what has happened and how things stand. Control thread.
#ifndef ENGINE_PUBLISH_H
#define ENGINE_PUBLISH_H
#include <stdint.h>

#include "engine/control.h"

// ---- what has happened ----

/// A voice has started, looped, was held, goes on, or has ended (`reason`; else NULL). Its entry is still
/// there.
void publish_voice(struct control *c, enum osc_event event, uint32_t slot, const char *reason);
/// The engine has another sample rate.
void publish_rate(struct control *c);
/// The health of the daemon is another one.
void publish_health(struct control *c);
/// The start has taken up what the last run left.
void publish_resumed(struct control *c);
/// The system's clock has jumped.
void publish_clock_step(struct control *c, double seconds);

// ---- how things stand ----

/// Sends the lines of the log, and the states that are due and have changed. Once a turn of the loop.
void publish_due(struct control *c, int64_t now_ns);

/// Tells rt whether anybody wants to hear of loops and pauses, when that has changed.
void publish_watch(struct control *c);

/// How long the loop may sleep as far as subscribers are concerned.
int64_t publish_patience_ns(const struct control *c, int64_t now_ns);

#endif
