// SPDX-License-Identifier: MIT
// headroom.h - memory for libraries that take it for granted. Worker thread.
//
// libsndfile and the decoders behind it do not look whether they got what they asked malloc() for, and their
// failure would be the daemon's. So before they are called the memory is made sure of: asked for, where a
// refusal can be answered, and given back to malloc(), which keeps it for this thread.
#ifndef ENGINE_SOUNDS_HEADROOM_H
#define ENGINE_SOUNDS_HEADROOM_H
#include <stdbool.h>
#include <stddef.h>

#include "alloc/attr.h"

/// More than any decoder takes for a file of two channels that was not made to harm.
#define HEADROOM_BYTES ((size_t)4 << 20)

/// Lets malloc() keep what is given back. Once, before the worker runs.
void headroom_init(void);

/// False when the process does not get HEADROOM_BYTES. Else the calling thread can have them now, in any
/// pieces, without asking the system.
NODISCARD bool headroom_ensure(void);

#endif
