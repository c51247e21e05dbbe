// SPDX-License-Identifier: MIT
// sandbox.h - what chimed-decode gives up before it looks at a file. In that process only.
//
// From then on it can compute, take some memory, read the sound, fill the memfd and answer. Anything else is
// a system call that ends it. It can open nothing, reach nobody, start nothing, and outlives no daemon.
#ifndef ENGINE_SOUNDS_SANDBOX_H
#define ENGINE_SOUNDS_SANDBOX_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"

/// `max_bytes`: of the largest sound. False with what could not be given up.
NODISCARD bool sandbox_enter(uint64_t max_bytes, const char **what);

#endif
