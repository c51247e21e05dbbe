// SPDX-License-Identifier: MIT
// request_write.h - turns a request back into a message that asks for the same.
#ifndef ENGINE_OSC_REQUEST_WRITE_H
#define ENGINE_OSC_REQUEST_WRITE_H
#include <stdint.h>

#include "engine/osc/parse.h"
#include "engine/osc/write.h"

/// Begins a message with the path of the request's method and adds what is set, but for the keys of
/// `leave_out` (a bit for each enum param) and the request id. More keys may be added behind.
void request_write(struct osc_writer *w, const struct request *r, uint64_t leave_out);

#endif
