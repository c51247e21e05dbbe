// SPDX-License-Identifier: MIT
// status.c - texts of the status codes and their mapping from errno.
#include "alloc/status.h"

#include <errno.h>

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK: return "ok";
    case STATUS_NO_MEMORY: return "out of memory";
    case STATUS_FULL: return "full";
    case STATUS_BAD_ARGUMENT: return "bad argument";
    case STATUS_NOT_FOUND: return "not found";
    case STATUS_NOT_ALLOWED: return "not allowed";
    case STATUS_BUSY: return "busy";
    case STATUS_BAD_FORMAT: return "bad format";
    case STATUS_UNSUPPORTED: return "not supported";
    case STATUS_LOST: return "lost";
    case STATUS_SYSTEM: return "system error";
    }
    return "unknown status";
}

enum status status_from_errno(int error)
{
    switch (error) {
    case 0: return STATUS_OK;
    case ENOMEM: return STATUS_NO_MEMORY;
    case ENOENT:
    case ENOTDIR: return STATUS_NOT_FOUND;
    case ENODEV:
    case ENXIO: return STATUS_LOST;
    case EACCES:
    case EPERM:
    case EXDEV: // openat2: the path leaves its root
    case ELOOP: return STATUS_NOT_ALLOWED;
    case EBUSY:
    case EAGAIN:
    case EADDRINUSE: return STATUS_BUSY;
    case EINVAL: return STATUS_BAD_ARGUMENT;
    default: return STATUS_SYSTEM;
    }
}
