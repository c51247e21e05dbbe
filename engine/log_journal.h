// SPDX-License-Identifier: MIT
// log_journal.h - hands lines with fields to journald, by its native protocol, without ever waiting for it.
//
// sd_journal_sendv() would wait while journald does not read: its socket holds few datagrams, and the thread
// that logs is the one that serves clients and feeds the watchdog. The protocol is a stable interface of
// systemd's (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of lines NAME=value.
#ifndef ENGINE_LOG_JOURNAL_H
#define ENGINE_LOG_JOURNAL_H
#include <stdbool.h>

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/// A field beside the text, by which journalctl can select: CHIMED_XRUN=ours. Arrays end with a name that is
/// NULL.
struct log_field {
    const char *name, *value;
};

enum log_journal {
    LOG_JOURNAL_TAKEN,
    LOG_JOURNAL_FULL, // journald does not read just now
    LOG_JOURNAL_GONE  // there is none, or it is not open
};

/// Opens or closes (NULL) the way to journald. Before other threads log. False when nobody is there.
bool log_journal_open(const char *path);

/// Any thread but rt. `fields` may be NULL. Control characters in values become question marks; what is too
/// long is cut.
enum log_journal log_journal_send(int priority, const char *text, const struct log_field *fields);

#endif
