// SPDX-License-Identifier: MIT
// log.h - what the daemon says to people: lines on stderr, with journald's level prefixes when it listens.
#ifndef ENGINE_LOG_H
#define ENGINE_LOG_H
#include <stdbool.h>

#include "alloc/attr.h"

/// The numbers are those of syslog, as journald reads them from a "<N>" prefix.
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/// Lines above `level` are left out. Called once by main.
void log_init(enum log_level level);

/// From here on, until log_init(), a line that stderr has no room for is left out, and the next that it has
/// room for tells how many were: who runs the daemon may have stopped reading.
void log_never_wait(void);

/// One line, without its line end. Any thread but rt; whole lines of several threads do not mix.
PRINTF_LIKE(2, 3) void log_line(enum log_level level, const char *format, ...);

/// "error", "warning", "info" or "debug".
const char *log_level_name(enum log_level level);

// ---- followers ----

/// Longest text that followers get; longer ones are cut.
#define LOG_COPY_BYTES 512
/// Lines that are kept for them; when they come faster than log_take() is called, the oldest go.
#define LOG_COPIES 64

/// A line for those who follow the log from afar.
struct log_copy {
    enum log_level level;
    char text[LOG_COPY_BYTES];
};

/// From here on lines are kept, or not. Control thread.
void log_watch(bool on);
/// The oldest line that is kept. False when there is none. Control thread.
bool log_take(struct log_copy *line);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
