// SPDX-License-Identifier: MIT
// beneath.h - opens a file below a folder, along a path that may not leave it. Worker thread.
#ifndef ENGINE_SOUNDS_BENEATH_H
#define ENGINE_SOUNDS_BENEATH_H
#include <stdbool.h>

#include "alloc/attr.h"

/// False where the kernel's openat2() cannot be had: systemd takes it from every service with
/// RestrictSUIDSGID=, which DynamicUser= brings along, because a filter of system calls cannot see what it
/// would create.
bool beneath_has_openat2(void);

/// A descriptor for reading, or -1 and errno. Symbolic links are followed; EXDEV or ELOOP: the path, or one
/// of them, leads out of the folder, even if it came back. Does not wait for the writer of a FIFO.
NODISCARD int beneath_open(int folder, const char *path);

/// The same without openat2(), a step at a time; folders may lie 64 deep.
NODISCARD int beneath_walk(int folder, const char *path);

#endif
