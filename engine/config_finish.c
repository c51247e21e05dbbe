// SPDX-License-Identifier: MIT
// config_finish.c - what the environment decides, and what values must be to one another.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc/strbuf.h"
#include "engine/backend_list.h"
#include "engine/config.h"

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

/// Of what lies in a folder of others: "/chimed/chimed.sock", or "/chimed-USB/chimed.sock".
static const char *own_path(const struct config *c, const char *file, char *text, size_t size)
{
    snprintf(text, size, "/chimed%s%s/%s", c->instance[0] ? "-" : "", c->instance, file);
    return text;
}

/// What plays where neither a file nor the command line says so: $CHIMED_BACKEND, by which a unit chooses.
static enum status finish_backend(struct config *c, char *error)
{
    const char *value = getenv("CHIMED_BACKEND");
    struct backend_list list;
    struct strbuf what = strbuf_make(error, CONFIG_ERROR_BYTES);
    if (!value || !value[0] || c->origins[CONFIG_KEY_backend].file != 0) return STATUS_OK;
    strbuf_append(&what, "the environment variable CHIMED_BACKEND: ");
    enum status status = backend_list_parse(&list, value, &what);
    if (!status && !string_copy(c->backend, sizeof c->backend, value)) {
        strbuf_format(&what, "%zu bytes; expected at most %zu", strlen(value), sizeof c->backend - 1);
        status = STATUS_BAD_FORMAT;
    }
    return status;
}

static enum status finish_socket(struct config *c, char *error)
{
    size_t n = 0;
    char file[64];
    const char *folder = NULL;
    if (c->socket[0]) return STATUS_OK;
    own_path(c, "chimed.sock", file, sizeof file);
    if ((folder = env_path("RUNTIME_DIRECTORY", &n)))
        return finish_path(c->socket, sizeof c->socket, "control.socket", folder, n, "/chimed.sock", error);
    if ((folder = env_path("XDG_RUNTIME_DIR", &n)))
        return finish_path(c->socket, sizeof c->socket, "control.socket", folder, n, file, error);
    return finish_path(c->socket, sizeof c->socket, "control.socket", "/run", 4, file, error);
}

/// Beside the socket of datagrams: chimed.stream for chimed.sock.
static enum status finish_stream_socket(struct config *c, char *error)
{
    size_t n = strlen(c->socket);
    if (c->stream_socket[0]) return STATUS_OK;
    if (n > 5 && strcmp(c->socket + n - 5, ".sock") == 0) n -= 5;
    return finish_path(c->stream_socket, sizeof c->stream_socket, "control.stream_socket", c->socket, n,
                       ".stream", error);
}

static enum status finish_sound_folder(struct config *c, char *error)
{
    size_t n = 0;
    char file[64], below_home[80];
    const char *folder = NULL;
    if (c->sound_folder[0]) return STATUS_OK;
    char *to = c->sound_folder;
    own_path(c, "sounds", file, sizeof file);
    snprintf(below_home, sizeof below_home, "/.local/share%s", file);
    if ((folder = env_path("STATE_DIRECTORY", &n)))
        return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", folder, n, "/sounds", error);
    if (geteuid() != 0 && (folder = env_path("XDG_DATA_HOME", &n)))
        return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", folder, n, file, error);
    if (geteuid() != 0 && (folder = env_path("HOME", &n)))
        return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", folder, n, below_home, error);
    return finish_path(to, sizeof c->sound_folder, "paths.sound_folder", "/var/lib", 8, file, error);
}

/// A daemon that is started by hand keeps nothing, unless it is told to.
static enum status finish_state_folder(struct config *c, char *error)
{
    size_t n = 0;
    const char *folder = env_path("STATE_DIRECTORY", &n);
    if (c->state_folder[0] || !folder) return STATUS_OK;
    return finish_path(c->state_folder, sizeof c->state_folder, "paths.state_folder", folder, n, "", error);
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
    enum status status = finish_backend(c, error);
    if (status == STATUS_OK) status = finish_socket(c, error);
    if (status == STATUS_OK) status = finish_stream_socket(c, error);
    if (status == STATUS_OK) status = finish_sound_folder(c, error);
    if (status == STATUS_OK) status = finish_state_folder(c, error);
    if (status == STATUS_OK) status = sort_buses(c, error);
    if (status == STATUS_OK) status = check_buses(c, error);
    return status;
}
