// SPDX-License-Identifier: MIT
// config_key.c - one key of the configuration: which there are, and what each may be.
#include "engine/config_key.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum key_kind { KEY_INT, KEY_FLOAT, KEY_TEXT, KEY_CHOICE, KEY_BOOL };

/// One key: where its value lies in its struct, and what it may be.
struct key {
    const char *section, *name;
    enum key_kind kind;
    size_t offset, size;
    double min, max;
    const char *unit, *choices;
    bool may_be_empty; // texts whose default is empty
};

static const struct key keys[] = {
#define CONFIG_INT(section, name, value, min, max, unit, doc)                                                \
    {#section, #name, KEY_INT, offsetof(struct config, name), sizeof(uint32_t), min, max, unit, "", false},
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc)                                              \
    {#section, #name, KEY_FLOAT, offsetof(struct config, name), sizeof(float), min, max, unit, "", false},
#define CONFIG_TEXT(section, name, value, size, doc)                                                         \
    {#section, #name, KEY_TEXT, offsetof(struct config, name), size, 0, 0, "", "", sizeof(value) == 1},
#define CONFIG_CHOICE(section, name, value, choices, doc)                                                    \
    {#section, #name, KEY_CHOICE, offsetof(struct config, name), 16, 0, 0, "", choices, false},
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
    enum key_kind kind;
    enum range_index range;
    size_t offset;
} bus_keys[] = {
    {"parent", KEY_TEXT, RANGE_PARENT, offsetof(struct config_bus, parent)},
    {"gain", KEY_FLOAT, RANGE_GAIN, offsetof(struct config_bus, gain_db)},
    {"pan", KEY_FLOAT, RANGE_PAN, offsetof(struct config_bus, pan)},
    {"mute", KEY_BOOL, RANGE_MUTE, offsetof(struct config_bus, mute)},
    {"out", KEY_INT, RANGE_OUT, offsetof(struct config_bus, out)},
    {"width", KEY_INT, RANGE_WIDTH, offsetof(struct config_bus, width)},
};

// ---- values ----

static enum status expected_number(const struct key *key, const char *kind, const char *value,
                                   struct strbuf *what)
{
    strbuf_format(what, "%s = %s; expected %s from %.10g to %.10g%s%s", key->name, value, kind, key->min,
                  key->max, key->unit[0] ? " " : "", key->unit);
    return STATUS_BAD_FORMAT;
}

static enum status set_int(const struct key *key, void *to, const char *value, struct strbuf *what)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    bool digits = value[0] && strspn(value, "0123456789") == strlen(value);
    if (!digits || errno || *end || (double)n < key->min || (double)n > key->max)
        return expected_number(key, "a whole number", value, what);
    if (strcmp(key->name, "queue") == 0 && (n & (n - 1)) != 0)
        return expected_number(key, "a power of two", value, what);
    uint32_t v = (uint32_t)n;
    memcpy(to, &v, sizeof v);
    return STATUS_OK;
}

static enum status set_float(const struct key *key, void *to, const char *value, struct strbuf *what)
{
    // The set of characters leaves out hexadecimal, "inf" and "nan", which strtod would take.
    char *end = NULL;
    double x = strtod(value, &end);
    bool plain = value[0] && strspn(value, "0123456789+-.eE") == strlen(value) && !*end;
    if (!plain || !isfinite(x) || x < key->min || x > key->max)
        return expected_number(key, "a number", value, what);
    float v = (float)x;
    memcpy(to, &v, sizeof v);
    return STATUS_OK;
}

static enum status set_bool(const struct key *key, void *to, const char *value, struct strbuf *what)
{
    static const char *const words[2][3] = {{"no", "off", "0"}, {"yes", "on", "1"}};
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < 3; i++) {
            if (strcasecmp(value, words[v][i]) != 0) continue;
            bool on = v == 1;
            memcpy(to, &on, sizeof on);
            return STATUS_OK;
        }
    }
    strbuf_format(what, "%s = %s; expected yes, no, on, off, 1 or 0", key->name, value);
    return STATUS_BAD_FORMAT;
}

static enum status set_choice(const struct key *key, char *to, const char *value, struct strbuf *what)
{
    size_t n = strlen(value);
    for (const char *p = key->choices; n > 0; p++) {
        size_t word = strcspn(p, "|");
        if (word == n && memcmp(p, value, n) == 0 && string_copy(to, key->size, value)) return STATUS_OK;
        p += word;
        if (!*p) break;
    }
    strbuf_format(what, "%s = %s; expected %s", key->name, value, key->choices);
    return STATUS_BAD_FORMAT;
}

static bool key_is_path(const struct key *key)
{
    return strcmp(key->section, "paths") == 0 || strcmp(key->name, "socket") == 0;
}

static enum status set_text(const struct key *key, char *to, const char *value, struct strbuf *what)
{
    if (!value[0] && !key->may_be_empty) {
        strbuf_format(what, "%s is empty; expected a value", key->name);
    } else if (value[0] && value[0] != '/' && key_is_path(key)) {
        strbuf_format(what, "%s = %s; expected a path that begins with /", key->name, value);
    } else if (!string_copy(to, key->size, value)) {
        strbuf_format(what, "%s is %zu bytes long; expected at most %zu", key->name, strlen(value),
                      key->size - 1);
    } else {
        return STATUS_OK;
    }
    return STATUS_BAD_FORMAT;
}

static enum status set_value(const struct key *key, void *base, const char *value, struct strbuf *what)
{
    char *to = (char *)base + key->offset;
    switch (key->kind) {
    case KEY_INT: return set_int(key, to, value, what);
    case KEY_FLOAT: return set_float(key, to, value, what);
    case KEY_BOOL: return set_bool(key, to, value, what);
    case KEY_CHOICE: return set_choice(key, to, value, what);
    case KEY_TEXT: break;
    }
    return set_text(key, to, value, what);
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

enum status config_open_section(struct config *c, const char *section, struct strbuf *what)
{
    const char *name = bus_of_section(section);
    struct config_bus *bus = NULL;
    if (name) return bus_section(c, name, &bus, what);
    if (section_known(section)) return STATUS_OK;
    strbuf_format(what, "section [%s]; expected [engine], [output], [control], [paths] or [bus NAME]",
                  section);
    return STATUS_BAD_FORMAT;
}

static enum status set_bus_key(struct config_bus *bus, const char *name, const char *value,
                               struct strbuf *what)
{
    for (size_t i = 0; i < COUNT_OF(bus_keys); i++) {
        if (strcmp(bus_keys[i].name, name) != 0) continue;
        const struct range *range = &ranges[bus_keys[i].range];
        struct key key = {"bus",
                          name,
                          bus_keys[i].kind,
                          bus_keys[i].offset,
                          CONFIG_NAME_BYTES,
                          range->min,
                          range->max,
                          range->unit,
                          "",
                          false};
        return set_value(&key, bus, value, what);
    }
    strbuf_format(what, "key %s in [bus %s]; expected parent, gain, pan, mute, out or width", name,
                  bus->name);
    return STATUS_BAD_FORMAT;
}

/// An empty value forgets the folders so far, so that a file can take back the default.
static enum status add_allowed(struct config *c, const char *value, struct strbuf *what)
{
    const struct key key = {"paths", "allow", KEY_TEXT, 0, CONFIG_PATH_BYTES, 0, 0, "", "", false};
    char path[CONFIG_PATH_BYTES];
    if (!value[0]) {
        c->n_allow = 0;
        return STATUS_OK;
    }
    enum status status = set_text(&key, path, value, what);
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

static enum status unknown_key(const char *section, const char *name, struct strbuf *what)
{
    strbuf_format(what, "key %s in [%s]; expected one of:", name, section);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(keys[i].section, section) == 0) strbuf_format(what, " %s", keys[i].name);
    }
    if (strcmp(section, "paths") == 0) strbuf_append(what, " allow");
    return STATUS_BAD_FORMAT;
}

enum status config_set_key(struct config *c, const char *section, const char *name, const char *value,
                           struct strbuf *what)
{
    const char *bus_name = bus_of_section(section);
    struct config_bus *bus = NULL;
    enum status status =
        bus_name ? bus_section(c, bus_name, &bus, what) : config_open_section(c, section, what);
    if (status != STATUS_OK) return status;
    if (bus) return set_bus_key(bus, name, value, what);
    if (strcmp(section, "paths") == 0 && strcmp(name, "allow") == 0) return add_allowed(c, value, what);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
            return set_value(key, c, value, what);
    }
    return unknown_key(section, name, what);
}
