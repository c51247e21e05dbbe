// SPDX-License-Identifier: MIT
// log.h - what the daemon says to people: lines on stderr, or entries with fields where journald listens.
#ifndef ENGINE_LOG_H
#define ENGINE_LOG_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "engine/log_journal.h"

/// The numbers are those of syslog, as journald knows them.
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/// Lines above `level` are left out. Called once by main.
void log_init(enum log_level level);

/// The same while it runs. Control thread.
void log_set_level(enum log_level level);

/// From here on, until log_init(), a line that nobody has room for is left out, and the next that somebody
/// has room for tells how many were: who runs the daemon may have stopped reading. And of a flood of lines of
/// one kind only the first are told, then their number (log_fold.h); those of LOG_LEVEL_DEBUG are all told.
void log_never_wait(void);
/// Tells what was held back of floods that are over, or of all. Now and then, and at the end. Control thread.
void log_tell_folded(bool all);

/// One line, without its line end, with fields for the journal (log_journal.h; may be NULL). Any thread but
/// rt; whole lines of several threads do not mix. The format stands for the kind of line that it is.
PRINTF_LIKE(3, 4)
void log_fields(enum log_level level, const struct log_field *fields, const char *format, ...);
/// The fields of a line: LOG_WITH({"CHIMED_XRUN", cause}, {"CHIMED_BACKEND", name}).
#define LOG_WITH(...) ((const struct log_field[]){__VA_ARGS__, {NULL, NULL}})

enum log_level log_level(void);
/// False when a line of this level would be left out: so that nobody takes pains over it.
bool log_wants(enum log_level level);

/// The level of such a name; LOG_LEVEL_INFO when it is none.
enum log_level log_level_of(const char *name);
/// "error", "warning", "info" or "debug".
const char *log_level_name(enum log_level level);

// ---- followers ----

/// Longest text that followers get; longer ones are cut.
#define LOG_COPY_BYTES 512
/// The newest lines are kept, whether somebody follows or not.
#define LOG_COPIES 64

/// A line for those who follow the log from afar.
struct log_copy {
    uint64_t n;      // counted from 1
    int64_t time_ns; // CLOCK_REALTIME
    enum log_level level;
    char text[LOG_COPY_BYTES];
};

/// The number of the newest line that was written, 0 before the first one.
uint64_t log_newest(void);
/// The oldest line that is kept with a number above `n`. False when there is none.
bool log_take(uint64_t n, struct log_copy *line);

#define log_line(level, ...) log_fields(level, NULL, __VA_ARGS__)
#define log_error(...)       log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...)     log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)        log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)       log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
