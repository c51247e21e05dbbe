// SPDX-License-Identifier: MIT
// config.c - reads configuration files, and fills in what the environment decides.
#include "engine/config.h"

#include "alloc/strbuf.h"
#include "engine/config_key.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void config_defaults(struct config *c)
{
    memset(c, 0, sizeof *c);
#define CONFIG_INT(section, name, value, min, max, unit, doc)                                                \
    _Static_assert((value) >= (min) && (value) <= (max), "default outside its range");                       \
    c->name = value;
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc) c->name = (float)(value);
#define CONFIG_TEXT(section, name, value, size, doc)                                                         \
    _Static_assert(sizeof(value) <= (size), "default too long");                                             \
    memcpy(c->name, value, sizeof(value));
#define CONFIG_CHOICE(section, name, value, choices, doc)                                                    \
    _Static_assert(sizeof(value) <= 16, "default too long");                                                 \
    memcpy(c->name, value, sizeof(value));
#include "engine/config.def"
    memcpy(c->allow[0], "/usr/share/sounds", sizeof "/usr/share/sounds");
    c->n_allow = 1;
}

// ---- files and flags ----

/// A file that is being read. The reader, not the handler, sees lines and sections: inih cuts section names
/// at 49 bytes, splits long lines, takes an indented line as a continuation and says nothing of empty
/// sections.
struct reading {
    struct config *config;
    FILE *file;
    char section[CONFIG_NAME_BYTES + 16];
    char *line; // owned; getline's
    size_t line_size;
    int line_number;
    int failed_line; // of the first error, 0 before
    struct strbuf what;
};

static void reading_fail(struct reading *r, enum status status)
{
    if (status != STATUS_OK && !r->failed_line) r->failed_line = r->line_number;
}

static void reading_open_section(struct reading *r, const char *line)
{
    size_t n = strcspn(line + 1, "]");
    if (line[1 + n] != ']') return; // inih reports it
    if (n >= sizeof r->section) {
        strbuf_format(&r->what, "a section name of %zu bytes; expected at most %zu", n,
                      sizeof r->section - 1);
        reading_fail(r, STATUS_BAD_FORMAT);
        return;
    }
    memcpy(r->section, line + 1, n);
    r->section[n] = 0;
    reading_fail(r, config_open_section(r->config, r->section, &r->what));
}

/// What inih reads with, in the manner of fgets. Ends early after an error.
static char *reading_line(char *to, int size, void *user)
{
    struct reading *r = user;
    if (r->failed_line) return NULL;
    ssize_t n = getline(&r->line, &r->line_size, r->file);
    if (n < 0) return NULL;
    r->line_number++;
    char *line = r->line + strspn(r->line, " \t");
    size_t length = strlen(line);
    if (r->line + n != line + length) {
        strbuf_append(&r->what, "a zero byte; expected text");
        reading_fail(r, STATUS_BAD_FORMAT);
    } else if (length >= (size_t)size) {
        strbuf_format(&r->what, "a line of %zu bytes; expected at most %d", length, size - 1);
        reading_fail(r, STATUS_BAD_FORMAT);
    } else if (line[0] == '[') {
        reading_open_section(r, line);
    }
    if (r->failed_line) return NULL;
    memcpy(to, line, length + 1);
    return to;
}

/// inih's handler: 1 is good.
static int reading_key(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    (void)section;
    if (!r->section[0]) {
        strbuf_format(&r->what, "key %s before any section; expected a [section] first", name);
        reading_fail(r, STATUS_BAD_FORMAT);
    } else {
        reading_fail(r, config_set_key(r->config, r->section, name, value, &r->what));
    }
    return r->failed_line == 0;
}

static enum status open_file(const char *path, FILE **file, struct strbuf *message)
{
    struct stat st;
    enum status status = STATUS_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0 || !(*file = fdopen(fd, "r"))) {
        status = status_from_errno(errno);
        strbuf_format(message, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)) {
        status = STATUS_BAD_FORMAT;
        strbuf_format(message, "%s: no file; expected one that can be read", path);
        fclose(*file);
        return status;
    }
    if (status != STATUS_OK && fd >= 0) close(fd);
    return status;
}

enum status config_read(struct config *c, const char *path, char *error)
{
    char text[CONFIG_ERROR_BYTES];
    struct strbuf message = strbuf_make(error, CONFIG_ERROR_BYTES);
    struct reading r = {.config = c, .what = strbuf_make(text, sizeof text)};
    enum status status = open_file(path, &r.file, &message);
    if (status != STATUS_OK) return status;

    int line = ini_parse_stream(reading_line, &r, reading_key, &r);
    if (!line) line = r.failed_line;
    if (line && line != r.failed_line) // inih's own: it found nothing to call the handler with
        strbuf_append(&r.what, "a line of another kind; expected [section], name = value or # comment");
    if (line) {
        status = STATUS_BAD_FORMAT;
        strbuf_format(&message, "%s:%d: %s", path, line, text);
    } else if (ferror(r.file)) {
        status = STATUS_SYSTEM;
        strbuf_format(&message, "%s: cannot be read to its end", path);
    }
    free(r.line);
    fclose(r.file);
    return status;
}

enum status config_set(struct config *c, const char *section, const char *name, const char *value,
                       char *error)
{
    struct strbuf what = strbuf_make(error, CONFIG_ERROR_BYTES);
    return config_set_key(c, section, name, value, &what);
}

// ---- what the environment decides ----

/// An absolute path from an environment variable, or NULL. systemd joins several folders with colons: the
/// first.
static const char *env_path(const char *name, size_t *length)
{
    const char *path = getenv(name);
    if (!path || path[0] != '/') return NULL;
    *length = strcspn(path, ":");
    return path;
}

static enum status finish_path(char *to, size_t size, const char *key, const char *folder, size_t length,
                               const char *rest, char *error)
{
    struct strbuf path = strbuf_make(to, size);
    strbuf_format(&path, "%.*s%s", (int)length, folder, rest);
    if (!path.cut) return STATUS_OK;
    struct strbuf what = strbuf_make(error, CONFIG_ERROR_BYTES);
    strbuf_format(&what, "%s: %.*s%s is too long; expected at most %zu bytes", key, (int)length, folder, rest,
                  size - 1);
    return STATUS_BAD_FORMAT;
}

static enum status finish_socket(struct config *c, char *error)
{
    size_t n = 0;
    const char *folder = NULL;
    if (c->socket[0]) return STATUS_OK;
    if ((folder = env_path("RUNTIME_DIRECTORY", &n)))
        return finish_path(c->socket, sizeof c->socket, "control.socket", folder, n, "/chimed.sock", error);
    if ((folder = env_path("XDG_RUNTIME_DIR", &n)))
        return finish_path(c->socket, sizeof c->socket, "control.socket", folder, n, "/chimed/chimed.sock",
                           error);
    return finish_path(c->socket, sizeof c->socket, "control.socket", "/run", 4, "/chimed/chimed.sock",
                       error);
}

static enum status finish_sound_folder(struct config *c, char *error)
{
    size_t n = 0;
    const char *folder = NULL;
    if (c->sound_folder[0]) return STATUS_OK;
    char *to = c->sound_folder;
    if ((folder = env_path("STATE_DIRECTORY", &n)))
        return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", folder, n, "/sounds", error);
    if (geteuid() != 0 && (folder = env_path("XDG_DATA_HOME", &n)))
        return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", folder, n, "/chimed/sounds",
                           error);
    if (geteuid() != 0 && (folder = env_path("HOME", &n)))
        return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", folder, n,
                           "/.local/share/chimed/sounds", error);
    return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", "/var/lib", 8, "/chimed/sounds",
                       error);
}

// ---- buses ----

/// True when `name` is master or stands among the first `n` buses.
static bool bus_among(const struct config *c, uint32_t n, const char *name)
{
    if (strcmp(name, "master") == 0) return true;
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(c->bus[i].name, name) == 0) return true;
    }
    return false;
}

/// Puts every bus behind its parent, so that they can be made in this order.
static enum status sort_buses(struct config *c, char *error)
{
    for (uint32_t n = 0; n < c->n_bus; n++) {
        uint32_t next = n;
        while (next < c->n_bus && !bus_among(c, n, c->bus[next].parent))
            next++;
        if (next == c->n_bus) {
            const struct config_bus *bus = &c->bus[n];
            const char *why = bus_among(c, c->n_bus, bus->parent) ? "feeds itself in a circle" : "is no bus";
            struct strbuf what = strbuf_make(error, CONFIG_ERROR_BYTES);
            strbuf_format(&what, "[bus %s] parent = %s %s; expected master or the name of a bus above it",
                          bus->name, bus->parent, why);
            return STATUS_BAD_FORMAT;
        }
        struct config_bus found = c->bus[next];
        memmove(&c->bus[n + 1], &c->bus[n], (next - n) * sizeof found);
        c->bus[n] = found;
    }
    return STATUS_OK;
}

static enum status check_buses(const struct config *c, char *error)
{
    struct strbuf what = strbuf_make(error, CONFIG_ERROR_BYTES);
    if (c->n_bus + 1 > c->buses) {
        strbuf_format(&what,
                      "%" PRIu32 " [bus NAME] sections and master; expected at most engine.buses = %" PRIu32,
                      c->n_bus, c->buses);
        return STATUS_BAD_FORMAT;
    }
    for (uint32_t i = 0; i < c->n_bus; i++) {
        const struct config_bus *bus = &c->bus[i];
        if (bus->out == 0 || bus->out + bus->width - 1 <= c->channels) continue;
        strbuf_format(&what,
                      "[bus %s] goes to channel %" PRIu32 "; expected at most output.channels = %" PRIu32,
                      bus->name, bus->out + bus->width - 1, c->channels);
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}

enum status config_finish(struct config *c, char *error)
{
    enum status status = finish_socket(c, error);
    if (status == STATUS_OK) status = finish_sound_folder(c, error);
    if (status == STATUS_OK) status = sort_buses(c, error);
    if (status == STATUS_OK) status = check_buses(c, error);
    return status;
}
