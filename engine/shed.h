// SPDX-License-Identifier: MIT
// shed.h - stops the quietest voices when the load is too high. Control thread.
#ifndef ENGINE_SHED_H
#define ENGINE_SHED_H
#include <stdint.h>

#include "engine/control.h"

/// Stops a quarter of the voices that play, those with the least gain (as they were started) first. Returns
/// how many. Their end is told as "shed".
uint32_t shed_voices(struct control *c);

#endif
