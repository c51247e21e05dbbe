// SPDX-License-Identifier: MIT
// config_load.c - the whole configuration: defaults, files, command line, in this order, each over the one
// before.
#include "engine/config_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/strbuf.h"

/// STATUS_OK also when there is no such file.
static enum status read_if_there(struct config *c, const char *path, char *error)
{
    enum status status = config_read(c, path, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/// The system's file, then the user's.
static enum status read_usual_files(struct config *c, const char *name, char *error)
{
    char path[CONFIG_PATH_BYTES];
    snprintf(path, sizeof path, "/etc/chimed/%s.conf", name);
    enum status status = read_if_there(c, path, error);
    if (status) return status;
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0])
        snprintf(path, sizeof path, "%s/chimed/%s.conf", xdg, name);
    else if (home && home[0])
        snprintf(path, sizeof path, "%s/.config/chimed/%s.conf", home, name);
    else
        return STATUS_OK;
    return read_if_there(c, path, error);
}

static enum status read_named_file(struct config *c, const char *path, char *error)
{
    enum status status = config_read(c, path, error);
    if (status == STATUS_NOT_FOUND) snprintf(error, CONFIG_ERROR_BYTES, "no such file: %.400s", path);
    return status;
}

/// What is different for one of several daemons, unless a file says otherwise: the card of its name, and no
/// ports, of which there is one set.
static enum status set_instance(struct config *c, const char *name, char *error)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (!name[0] || name[strspn(name, good)] || !string_copy(c->instance, sizeof c->instance, name)) {
        snprintf(error, CONFIG_ERROR_BYTES,
                 "--instance %.100s: expected the name of a card: letters, digits, _ and -, at most %d", name,
                 CONFIG_INSTANCE_BYTES - 1);
        return STATUS_BAD_ARGUMENT;
    }
    snprintf(c->device, sizeof c->device, "hw:CARD=%s", name);
    snprintf(c->jack_name, sizeof c->jack_name, "chimed-%s", name);
    c->udp_port = 0;
    return STATUS_OK;
}

enum status config_load(struct config *c, const struct config_source *source, char *error)
{
    enum status status = STATUS_OK;
    config_defaults(c);
    if (source->instance) status = set_instance(c, source->instance, error);
    if (!status && source->file) status = read_named_file(c, source->file, error);
    if (!status && !source->file)
        status = read_usual_files(c, source->instance ? source->instance : "chimed", error);
    for (uint32_t i = 0; i < source->n_overrides && !status; i++) {
        const struct config_override *o = &source->overrides[i];
        status = config_set(c, o->section, o->key, o->value, error);
    }
    return status ? status : config_finish(c, error);
}
