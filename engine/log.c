// SPDX-License-Identifier: MIT
// log.c - what the daemon says to people: each line is one write(2), or one datagram to journald, so that
// lines of several threads stay whole.
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
#include "engine/log_fold.h"
#include "engine/now.h"

/// Longest line with its prefix and line end; longer ones are cut. Below PIPE_BUF, so that a pipe takes it
/// whole.
#define LINE_BYTES 2048

static _Atomic enum log_level max_level = LOG_LEVEL_INFO;
static bool for_journal;
static atomic_bool never_waits;
static atomic_uint n_lost; // lines since the last that was written

// ---- set-up, levels ----

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
    log_set_level(level);
    for_journal = stderr_is_journal();
    (void)log_journal_open(for_journal ? LOG_JOURNAL_SOCKET
                                       : NULL); // without it, lines with prefixes go to its stream
    atomic_store(&never_waits, false);
    atomic_store(&n_lost, 0);
}

void log_never_wait(void)
{
    atomic_store(&never_waits, true);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&max_level, level, memory_order_relaxed); // relaxed: it stands for itself
}

enum log_level log_level(void)
{
    return atomic_load_explicit(&max_level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
    return level <= log_level();
}

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

enum log_level log_level_of(const char *name)
{
    static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_DEBUG};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(name, log_level_name(levels[i])) == 0) return levels[i];
    return LOG_LEVEL_INFO;
}

// ---- what is kept: copies for followers, and floods ----

static struct {
    pthread_mutex_t lock; // held for a copy
    struct log_copy lines[LOG_COPIES];
    uint64_t n; // lines since the start
    struct log_fold fold;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep_copy(enum log_level level, const char *text)
{
    pthread_mutex_lock(&kept.lock);
    struct log_copy *copy = &kept.lines[kept.n++ % LOG_COPIES];
    copy->n = kept.n;
    copy->time_ns = now_ns(CLOCK_REALTIME);
    copy->level = level;
    snprintf(copy->text, sizeof copy->text, "%s", text);
    pthread_mutex_unlock(&kept.lock);
}

uint64_t log_newest(void)
{
    pthread_mutex_lock(&kept.lock);
    uint64_t n = kept.n;
    pthread_mutex_unlock(&kept.lock);
    return n;
}

bool log_take(uint64_t n, struct log_copy *line)
{
    pthread_mutex_lock(&kept.lock);
    if (kept.n > LOG_COPIES && n < kept.n - LOG_COPIES) n = kept.n - LOG_COPIES;
    bool any = n < kept.n;
    if (any) *line = kept.lines[n % LOG_COPIES];
    pthread_mutex_unlock(&kept.lock);
    return any;
}

static bool is_held_back(enum log_level level, const char *kind, const char *text)
{
    if (level >= LOG_LEVEL_DEBUG || !atomic_load(&never_waits)) return false;
    pthread_mutex_lock(&kept.lock);
    bool is_told = log_fold_admits(&kept.fold, kind, (int)level, text, monotonic_ns());
    pthread_mutex_unlock(&kept.lock);
    return !is_told;
}

static bool take_folded(bool all, struct log_folded *folded)
{
    pthread_mutex_lock(&kept.lock);
    bool any = kept.fold.n_held > 0 && log_fold_take(&kept.fold, all, monotonic_ns(), folded);
    pthread_mutex_unlock(&kept.lock);
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

static bool stderr_has_room(void)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    return !atomic_load(&never_waits) ||
           poll(&fd, 1, 0) != 0; // a pipe is ready when a whole page of it is free
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

/// Both lines fit into the page that is free.
static enum log_journal put_on_stderr(enum log_level level, const char *lost, const char *text)
{
    if (!stderr_has_room()) return LOG_JOURNAL_FULL;
    if (lost) write_line(LOG_LEVEL_WARNING, lost);
    write_line(level, text);
    return LOG_JOURNAL_TAKEN;
}

/// Keeps a line and puts it where somebody reads, behind one about those for which nobody had room.
static void tell(enum log_level level, const struct log_field *fields, const char *text)
{
    char lost[64];
    unsigned n = atomic_exchange(&n_lost, 0);
    keep_copy(level, text);
    snprintf(lost, sizeof lost, "%u lines left out: nobody read them", n);
    enum log_journal result = n > 0 ? log_journal_send(LOG_LEVEL_WARNING, lost, NULL) : LOG_JOURNAL_TAKEN;
    if (result == LOG_JOURNAL_TAKEN) {
        n = 0;
        result = log_journal_send((int)level, text, fields);
    }
    bool may_wait = !atomic_load(&never_waits);
    if (result == LOG_JOURNAL_GONE || (result == LOG_JOURNAL_FULL && may_wait))
        result = put_on_stderr(level, n > 0 ? lost : NULL, text);
    if (result == LOG_JOURNAL_FULL) atomic_fetch_add(&n_lost, n + 1);
}

void log_tell_folded(bool all)
{
    struct log_folded folded;
    char text[LINE_BYTES - 64];
    while (take_folded(all, &folded)) {
        snprintf(text, sizeof text, "%u more like this: %s", folded.n, folded.text);
        tell((enum log_level)folded.level, NULL, text);
    }
}

void log_fields(enum log_level level, const struct log_field *fields, const char *format, ...)
{
    char text[LINE_BYTES - 64];
    if (!log_wants(level)) return;
    int saved = errno;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) text[0] = 0;
    mask_control_bytes(text);
    if (!is_held_back(level, format, text)) tell(level, fields, text);
    errno = saved;
}
