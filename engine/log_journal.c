// SPDX-License-Identifier: MIT
// log_journal.c - hands lines with fields to journald: see log_journal.h.
#include "engine/log_journal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc/strbuf.h"

/// Longest entry: a line of the log, and its fields.
#define ENTRY_BYTES 4096

static int journal_fd = -1;
static struct sockaddr_un address;

bool log_journal_open(const char *path)
{
    if (journal_fd >= 0) close(journal_fd);
    journal_fd = -1;
    if (!path || strlen(path) >= sizeof address.sun_path) return false;
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (access(path, W_OK) == 0) journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return journal_fd >= 0;
}

/// A value may hold no line end: the next line would be another field.
static void add_field(struct strbuf *s, const char *name, const char *value)
{
    if (s->length + strlen(name) + strlen(value) + 2 >= ENTRY_BYTES) return;
    strbuf_format(s, "%s=", name);
    size_t begin = s->length;
    strbuf_append(s, value);
    for (size_t i = begin; i < s->length; i++) {
        unsigned char byte = (unsigned char)s->text[i];
        if (byte < ' ' || byte == 0x7f) s->text[i] = '?';
    }
    strbuf_append(s, "\n");
}

enum log_journal log_journal_send(int priority, const char *text, const struct log_field *fields)
{
    char entry[ENTRY_BYTES];
    struct strbuf s = strbuf_make(entry, sizeof entry);
    if (journal_fd < 0) return LOG_JOURNAL_GONE;
    strbuf_format(&s, "PRIORITY=%d\nSYSLOG_IDENTIFIER=chimed\n", priority);
    add_field(&s, "MESSAGE", text);
    for (; fields && fields->name; fields++)
        add_field(&s, fields->name, fields->value);
    // To the path each time: journald may have been started anew since.
    ssize_t n =
        sendto(journal_fd, s.text, s.length, MSG_NOSIGNAL, (const struct sockaddr *)&address, sizeof address);
    if (n >= 0) return LOG_JOURNAL_TAKEN;
    return errno == EAGAIN || errno == ENOBUFS ? LOG_JOURNAL_FULL : LOG_JOURNAL_GONE;
}
