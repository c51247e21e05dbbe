// SPDX-License-Identifier: MIT
// status.h - what a call that can fail returns.
#ifndef ALLOC_STATUS_H
#define ALLOC_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,    // the system gave no memory or no address space
    STATUS_FULL,         // a fixed budget, table or queue is used up
    STATUS_BAD_ARGUMENT, // a value outside its range
    STATUS_NOT_FOUND,    // no such file, device, server or name
    STATUS_NOT_ALLOWED,  // permission, or outside the allowed folders
    STATUS_BUSY,         // somebody else holds it
    STATUS_BAD_FORMAT,   // bytes that are not what they should be
    STATUS_UNSUPPORTED,  // understood, but not offered
    STATUS_LOST,         // it was there and went away
    STATUS_SYSTEM,       // any other error of a system call
};

/// A short text for people, without full stop. Any thread.
const char *status_text(enum status status);

/// The status that stands for an errno value. Any thread.
enum status status_from_errno(int error);

#endif
