// SPDX-License-Identifier: MIT
// config.c - the keys there are, by the tables config.def and api.def, and the files that set them.
#include "engine/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/backend_list.h"
#include "engine/setting.h"

static const struct setting keys[] = {
#define CONFIG_INT(section, name, value, min, max, unit, doc)                                                \
    {#section, #name, SETTING_INT, offsetof(struct config, name), sizeof(uint32_t), min, max,                \
     unit,     "",    false},
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc)                                              \
    {#section, #name, SETTING_FLOAT, offsetof(struct config, name), sizeof(float), min, max, unit, "", false},
#define CONFIG_TEXT(section, name, value, size, doc)                                                         \
    {#section, #name, SETTING_TEXT, offsetof(struct config, name), size, 0, 0, "", "", sizeof(value) == 1},
#define CONFIG_CHOICE(section, name, value, choices, doc)                                                    \
    {#section, #name, SETTING_CHOICE, offsetof(struct config, name), 16, 0, 0, "", choices, false},
#include "engine/config.def"
};

/// The ranges of a [bus NAME] section are those of the OSC parameters of the same names.
struct range {
    double min, max;
    const char *unit;
};
enum range_index {
#define PARAM(id, name, type, min, max, unit, doc) RANGE_##id,
#include "engine/osc/api.def"
};
static const struct range ranges[] = {
#define PARAM(id, name, type, min, max, unit, doc) [RANGE_##id] = {min, max, unit},
#include "engine/osc/api.def"
};

static const struct {
    const char *name;
    enum setting_kind kind;
    enum range_index range;
    size_t offset;
} bus_keys[] = {
    {"parent", SETTING_TEXT, RANGE_PARENT, offsetof(struct config_bus, parent)},
    {"gain", SETTING_FLOAT, RANGE_GAIN, offsetof(struct config_bus, gain_db)},
    {"pan", SETTING_FLOAT, RANGE_PAN, offsetof(struct config_bus, pan)},
    {"mute", SETTING_BOOL, RANGE_MUTE, offsetof(struct config_bus, mute)},
    {"out", SETTING_INT, RANGE_OUT, offsetof(struct config_bus, out)},
    {"width", SETTING_INT, RANGE_WIDTH, offsetof(struct config_bus, width)},
};

// ---- defaults ----

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

// ---- sections ----

/// The name behind "bus ", or NULL when the section is another one.
static const char *bus_of_section(const char *section)
{
    return strncmp(section, "bus ", 4) == 0 ? section + 4 + strspn(section + 4, " \t") : NULL;
}

static bool section_known(const char *section)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(keys[i].section, section) == 0) return true;
    }
    return false;
}

/// Finds or makes the bus of a [bus NAME] section.
static enum status bus_section(struct config *c, const char *name, struct config_bus **bus,
                               struct strbuf *what)
{
    for (uint32_t i = 0; i < c->n_bus; i++) {
        *bus = &c->bus[i];
        if (strcmp(c->bus[i].name, name) == 0) return STATUS_OK;
    }
    struct config_bus fresh = {.parent = "master", .width = 2};
    if (!name[0] || !string_copy(fresh.name, sizeof fresh.name, name)) {
        strbuf_format(what, "a bus name of %zu bytes; expected 1 to %d", strlen(name), CONFIG_NAME_BYTES - 1);
    } else if (strcmp(name, "master") == 0) {
        strbuf_append(what, "section [bus master]; expected another name: master is always there");
    } else if (c->n_bus == CONFIG_MAX_BUSES) {
        strbuf_format(what, "one more bus, %s; expected at most %d [bus NAME] sections", name,
                      CONFIG_MAX_BUSES);
    } else {
        *bus = &c->bus[c->n_bus++];
        **bus = fresh;
        return STATUS_OK;
    }
    return STATUS_BAD_FORMAT;
}

static enum status open_section(struct config *c, const char *section, struct strbuf *what)
{
    const char *name = bus_of_section(section);
    struct config_bus *bus = NULL;
    if (name) return bus_section(c, name, &bus, what);
    if (section_known(section)) return STATUS_OK;
    strbuf_format(what,
                  "section [%s]; expected [engine], [memory], [output], [control], [access], [paths], [log] "
                  "or [bus NAME]",
                  section);
    return STATUS_BAD_FORMAT;
}

static enum status set_bus_key(struct config_bus *bus, const char *name, const char *value,
                               struct strbuf *what)
{
    for (size_t i = 0; i < COUNT_OF(bus_keys); i++) {
        if (strcmp(bus_keys[i].name, name) != 0) continue;
        const struct range *range = &ranges[bus_keys[i].range];
        struct setting key = {"bus",
                              name,
                              bus_keys[i].kind,
                              bus_keys[i].offset,
                              CONFIG_NAME_BYTES,
                              range->min,
                              range->max,
                              range->unit,
                              "",
                              false};
        return setting_set(&key, bus, value, what);
    }
    strbuf_format(what, "key %s in [bus %s]; expected parent, gain, pan, mute, out or width", name,
                  bus->name);
    return STATUS_BAD_FORMAT;
}

/// An empty value forgets the folders so far, so that a file can take back the default.
static enum status add_allowed(struct config *c, const char *value, struct strbuf *what)
{
    const struct setting key = {"paths", "allow", SETTING_PATH, 0, CONFIG_PATH_BYTES, 0, 0, "", "", false};
    char path[CONFIG_PATH_BYTES];
    if (!value[0]) {
        c->n_allow = 0;
        return STATUS_OK;
    }
    enum status status = setting_set(&key, path, value, what);
    if (status != STATUS_OK) return status;
    for (uint32_t i = 0; i < c->n_allow; i++) {
        if (strcmp(c->allow[i], path) == 0) return STATUS_OK;
    }
    if (c->n_allow == CONFIG_MAX_ALLOW) {
        strbuf_format(what, "one more allow = %s; expected at most %d", path, CONFIG_MAX_ALLOW);
        return STATUS_BAD_FORMAT;
    }
    memcpy(c->allow[c->n_allow++], path, sizeof path);
    return STATUS_OK;
}

/// The same for addresses; what they are worth shows when the sockets are opened.
static enum status add_address(char (*list)[CONFIG_ADDRESS_BYTES], uint32_t *n, uint32_t max,
                               const char *name, const char *value, struct strbuf *what)
{
    if (!value[0]) {
        *n = 0;
    } else if (*n == max) {
        strbuf_format(what, "one more %s = %s; expected at most %u", name, value, max);
        return STATUS_BAD_FORMAT;
    } else if (!string_copy(list[*n], CONFIG_ADDRESS_BYTES, value)) {
        strbuf_format(what, "%s is %zu bytes long; expected at most %d", name, strlen(value),
                      CONFIG_ADDRESS_BYTES - 1);
        return STATUS_BAD_FORMAT;
    } else {
        ++*n;
    }
    return STATUS_OK;
}

/// Keys that may stand more than once, by section: they are not in the table.
static const struct {
    const char *section, *name;
} lists[] = {{"paths", "allow"}, {"control", "listen"}, {"access", "allow_from"}};

static bool is_list(const char *section, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (strcmp(lists[i].section, section) == 0 && strcmp(lists[i].name, name) == 0) return true;
    return false;
}

static enum status add_to_list(struct config *c, const char *name, const char *value, struct strbuf *what)
{
    if (strcmp(name, "listen") == 0)
        return add_address(c->listen, &c->n_listen, CONFIG_MAX_LISTEN, name, value, what);
    if (strcmp(name, "allow_from") == 0)
        return add_address(c->allow_from, &c->n_allow_from, CONFIG_MAX_FROM, name, value, what);
    return add_allowed(c, value, what);
}

static enum status unknown_key(const char *section, const char *name, struct strbuf *what)
{
    strbuf_format(what, "key %s in [%s]; expected one of:", name, section);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(keys[i].section, section) == 0) strbuf_format(what, " %s", keys[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (strcmp(lists[i].section, section) == 0) strbuf_format(what, " %s", lists[i].name);
    }
    return STATUS_BAD_FORMAT;
}

/// What the table does not say of a key.
static enum setting_kind sharper_kind(const struct setting *key)
{
    if (strcmp(key->section, "paths") == 0 || strcmp(key->name, "socket") == 0 ||
        strcmp(key->name, "stream_socket") == 0)
        return SETTING_PATH;
    return strcmp(key->name, "queue") == 0 ? SETTING_POWER_OF_TWO : key->kind;
}

static enum status set_key(struct config *c, const char *section, const char *name, const char *value,
                           struct strbuf *what)
{
    const char *bus_name = bus_of_section(section);
    struct config_bus *bus = NULL;
    enum status status = bus_name ? bus_section(c, bus_name, &bus, what) : open_section(c, section, what);
    if (status != STATUS_OK) return status;
    if (bus) return set_bus_key(bus, name, value, what);
    if (is_list(section, name)) return add_to_list(c, name, value, what);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(keys[i].section, section) != 0 || strcmp(keys[i].name, name) != 0) continue;
        struct setting key = keys[i];
        key.kind = sharper_kind(&key);
        c->origins[i] = c->here;
        if (i == CONFIG_KEY_backend) {
            struct backend_list list;
            status = backend_list_parse(&list, value, what);
        }
        return status ? status : setting_set(&key, c, value, what);
    }
    return unknown_key(section, name, what);
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
    reading_fail(r, open_section(r->config, r->section, &r->what));
}

/// What inih reads with, in the manner of fgets. Ends early after an error.
static char *reading_line(char *to, int size, void *user)
{
    struct reading *r = user;
    if (r->failed_line) return NULL;
    ssize_t n = getline(&r->line, &r->line_size, r->file);
    if (n < 0) return NULL;
    r->line_number++;
    r->config->here.line = r->line_number < UINT16_MAX ? (uint16_t)r->line_number : UINT16_MAX;
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
        reading_fail(r, set_key(r->config, r->section, name, value, &r->what));
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

    if (c->n_files < CONFIG_MAX_FILES && string_copy(c->files[c->n_files], CONFIG_PATH_BYTES, path))
        c->n_files++;
    c->here.file = (uint16_t)c->n_files;
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
    c->here = (struct config_origin){.file = 1};
    return set_key(c, section, name, value, &what);
}

const struct setting *config_setting(enum config_key key)
{
    return &keys[key];
}

const char *config_key_name(enum config_key key)
{
    static const char *const key_names[] = {
#define CONFIG_INT(section, name, value, min, max, unit, doc)   "[" #section "] " #name,
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc) "[" #section "] " #name,
#define CONFIG_TEXT(section, name, value, size, doc)            "[" #section "] " #name,
#define CONFIG_CHOICE(section, name, value, choices, doc)       "[" #section "] " #name,
#include "engine/config.def"
    };
    return key_names[key];
}

void config_say_origin(const struct config *c, enum config_key key, char *text, size_t size)
{
    struct strbuf s = strbuf_make(text, size);
    const struct config_origin *o = &c->origins[key];
    if (o->line > 0 && o->file > 0)
        strbuf_format(&s, "%s:%u", c->files[o->file - 1], o->line);
    else
        strbuf_append(&s, o->file > 0 ? "the command line" : "the default");
}
