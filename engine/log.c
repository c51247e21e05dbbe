// SPDX-License-Identifier: MIT
// log.c - what the daemon says to people: each line is one write(2), so that lines of several threads stay
// whole.
#include "engine/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc/strbuf.h"

/// Longest line with its prefix and line end; longer ones are cut. Below PIPE_BUF, so that a pipe takes it
/// whole.
#define LINE_BYTES 2048

static enum log_level max_level = LOG_LEVEL_INFO;
static bool for_journal;
static bool never_waits;
static atomic_uint n_lost; // lines since the last that was written

/// systemd names the device and inode of the stream that goes to the journal; stderr may have been redirected
/// since.
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char name[64];
    if (!stream || fstat(STDERR_FILENO, &st) != 0) return false;
    struct strbuf s = strbuf_make(name, sizeof name);
    strbuf_format(&s, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, name) == 0;
}

void log_init(enum log_level level)
{
    max_level = level;
    for_journal = stderr_is_journal();
    never_waits = false;
    atomic_store(&n_lost, 0);
}

void log_never_wait(void)
{
    never_waits = true;
}

// ---- followers ----

static struct {
    pthread_mutex_t lock; // held for a copy
    struct log_copy lines[LOG_COPIES];
    uint32_t first, end; // run free
    bool is_watched;
} copies = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return "error";
    case LOG_LEVEL_WARNING: return "warning";
    case LOG_LEVEL_DEBUG: return "debug";
    case LOG_LEVEL_INFO: break;
    }
    return "info";
}

static void keep_copy(enum log_level level, const char *text)
{
    pthread_mutex_lock(&copies.lock);
    if (copies.is_watched) {
        struct log_copy *copy = &copies.lines[copies.end++ % LOG_COPIES];
        copy->level = level;
        snprintf(copy->text, sizeof copy->text, "%s", text);
        if (copies.end - copies.first > LOG_COPIES) copies.first++;
    }
    pthread_mutex_unlock(&copies.lock);
}

void log_watch(bool on)
{
    pthread_mutex_lock(&copies.lock);
    copies.is_watched = on;
    if (!on) copies.first = copies.end;
    pthread_mutex_unlock(&copies.lock);
}

bool log_take(struct log_copy *line)
{
    pthread_mutex_lock(&copies.lock);
    bool any = copies.first != copies.end;
    if (any) *line = copies.lines[copies.first++ % LOG_COPIES];
    pthread_mutex_unlock(&copies.lock);
    return any;
}

// ---- lines ----

static const char *level_word(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return "error: ";
    case LOG_LEVEL_WARNING: return "warning: ";
    case LOG_LEVEL_DEBUG: return "debug: ";
    case LOG_LEVEL_INFO: break;
    }
    return "";
}

/// Names come from clients: a line end inside one must not begin a line of its own, nor an escape reach a
/// terminal.
static void mask_control_bytes(char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < ' ' || byte == 0x7f) *text = '?';
    }
}

static bool has_room(void)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    return !never_waits || poll(&fd, 1, 0) != 0; // a pipe is ready when a whole page of it is free
}

static void write_line(enum log_level level, const char *text)
{
    char line[LINE_BYTES];
    struct strbuf s = strbuf_make(line, sizeof line);
    if (for_journal)
        strbuf_format(&s, "<%d>%s", (int)level, text);
    else
        strbuf_format(&s, "chimed: %s%s", level_word(level), text);
    strbuf_append(&s, "\n");
    while (write(STDERR_FILENO, s.text, s.length) < 0 && errno == EINTR) {
    }
}

static void tell_of_lost_lines(unsigned n)
{
    char text[64];
    snprintf(text, sizeof text, "%u lines left out: nobody read them", n);
    write_line(LOG_LEVEL_WARNING, text);
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[LINE_BYTES - 64];
    if (level > max_level) return;
    int saved = errno;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) text[0] = 0;
    mask_control_bytes(text);
    keep_copy(level, text);
    if (has_room()) {
        unsigned n_left_out = atomic_exchange(&n_lost, 0);
        if (n_left_out > 0) tell_of_lost_lines(n_left_out); // both fit into the page that is free
        write_line(level, text);
    } else {
        atomic_fetch_add(&n_lost, 1);
    }
    errno = saved;
}
