// SPDX-License-Identifier: MIT
// refusal.h - an /error message by itself, for what is refused before anybody has read it. Control thread.
#ifndef ENGINE_OSC_REFUSAL_H
#define ENGINE_OSC_REFUSAL_H
#include <stdint.h>

#include "engine/osc/methods.h"
#include "engine/osc/write.h"

/// Writes `/error path code text` to `out` (OSC_MAX_MESSAGE_BYTES), the path cut at 255 bytes and the text at
/// 1023. Returns its length.
uint32_t refusal_write(uint8_t *out, const char *path, enum api_error error, const char *text);

#endif
