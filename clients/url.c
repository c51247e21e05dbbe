// SPDX-License-Identifier: MIT
// url.c - where a daemon is: the kinds of URL, and the one that is taken when none is given.
#include "clients/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIX_PREFIX     "osc.unix://"
#define STREAM_PREFIX   "osc.stream://"
#define UDP_PREFIX      "osc.udp://"
#define TCP_PREFIX      "osc.tcp://"
#define INSTANCE_PREFIX "instance:"

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

// Copies `length` bytes as text. False when they do not fit.
static bool copy_part(char *to, size_t size, const char *from, size_t length)
{
    if (length >= size) return false;
    memcpy(to, from, length);
    to[length] = 0;
    return true;
}

static bool is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 5 || text[n]) return false;
    long port = strtol(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

static enum chime_status parse_inet(const char *text, struct url *u)
{
    const char *host = text, *end, *rest;
    if (*text == '[') { // an IPv6 address stands in brackets, because of its colons
        host = text + 1;
        end = strchr(host, ']');
        if (!end) return CHIME_BAD_ARGUMENT;
        rest = end + 1;
    } else {
        end = rest = host + strcspn(host, ":/");
    }
    if (end == host || !copy_part(u->host, sizeof u->host, host, (size_t)(end - host)))
        return CHIME_BAD_ARGUMENT;
    if (*rest == ':') {
        size_t length = strcspn(++rest, "/");
        if (!copy_part(u->port, sizeof u->port, rest, length)) return CHIME_BAD_ARGUMENT;
        rest += length;
    } else {
        memcpy(u->port, URL_DEFAULT_PORT, sizeof URL_DEFAULT_PORT);
    }
    bool at_end = rest[0] == 0 || (rest[0] == '/' && rest[1] == 0);
    return at_end && is_port(u->port) ? CHIME_OK : CHIME_BAD_ARGUMENT;
}

static enum chime_status parse_path(const char *path, struct url *u)
{
    u->is_unix = true;
    // "osc.unix://name/..." would name a host; only a path from the root is meant.
    if (path[0] != '/' || path[1] == 0) return CHIME_BAD_ARGUMENT;
    return copy_part(u->path, sizeof u->path, path, strlen(path)) ? CHIME_OK : CHIME_BAD_ARGUMENT;
}

enum chime_status url_parse(const char *text, struct url *u)
{
    *u = (struct url){.is_stream = has_prefix(text, STREAM_PREFIX) || has_prefix(text, TCP_PREFIX)};
    if (has_prefix(text, UNIX_PREFIX)) return parse_path(text + strlen(UNIX_PREFIX), u);
    if (has_prefix(text, STREAM_PREFIX)) return parse_path(text + strlen(STREAM_PREFIX), u);
    if (has_prefix(text, UDP_PREFIX)) return parse_inet(text + strlen(UDP_PREFIX), u);
    return u->is_stream ? parse_inet(text + strlen(TCP_PREFIX), u) : CHIME_BAD_ARGUMENT;
}

/// The socket of a daemon by its instance ("" for the only one): the user's where it is there, else the
/// system's.
static int find_socket(const char *instance, char *text, size_t size)
{
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *dash = *instance ? "-" : "";
    int length =
        snprintf(path, sizeof path, "%s/chimed%s%s/chimed.sock", runtime ? runtime : "", dash, instance);
    bool is_own = runtime && *runtime == '/' && (size_t)length < sizeof path && access(path, F_OK) == 0;
    if (is_own) return snprintf(text, size, UNIX_PREFIX "%s", path);
    return snprintf(text, size, UNIX_PREFIX "/run/chimed%s%s/chimed.sock", dash, instance);
}

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

enum chime_status chime_resolve_url(const char *url, char *text, size_t size)
{
    if (!text || size == 0) return CHIME_BAD_ARGUMENT;
    const char *path = NULL;
    if (!url) url = from_environment("CHIME_URL");
    if (!url) path = from_environment("CHIMED_SOCKET");
    int n;
    if (url && has_prefix(url, INSTANCE_PREFIX)) {
        const char *instance = url + strlen(INSTANCE_PREFIX);
        if (!*instance || strchr(instance, '/')) return CHIME_BAD_ARGUMENT;
        n = find_socket(instance, text, size);
    } else if (url) {
        n = snprintf(text, size, "%s", url);
    } else if (path) {
        n = snprintf(text, size, UNIX_PREFIX "%s", path);
    } else {
        n = find_socket("", text, size);
    }
    return n >= 0 && (size_t)n < size ? CHIME_OK : CHIME_BAD_ARGUMENT;
}
