// SPDX-License-Identifier: MIT
// listen.c - the sockets that commands come in by: opened here, or handed over by the service manager.
#include "engine/osc/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/osc/access.h"

/// Connections that wait to be accepted.
#define BACKLOG 128

union address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static bool is_datagram(enum listener_kind kind)
{
    return kind == LISTEN_UNIX_DATAGRAM || kind == LISTEN_UDP;
}

static int type_of(enum listener_kind kind)
{
    return is_datagram(kind) ? SOCK_DGRAM : SOCK_STREAM;
}

/// What every socket gets, ours or not. The size of its buffers is not among it: who handed it over has
/// chosen them.
static void prepare(struct listener *l)
{
    int on = 1;
    fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) | O_NONBLOCK);
    fcntl(l->fd, F_SETFD, FD_CLOEXEC);
    if (is_datagram(l->kind)) setsockopt(l->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (l->kind == LISTEN_UNIX_DATAGRAM) setsockopt(l->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

static void add(struct listeners *l, struct listener fresh)
{
    prepare(&fresh);
    l->sockets[l->n++] = fresh;
}

/// The buffers of our own sockets. Past the system's limits (net.core.rmem_max, wmem_max) only root may go.
static void enlarge(int fd, int force, int ask)
{
    int bytes = LISTEN_BUFFER_BYTES;
    if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, ask, &bytes, sizeof bytes);
}

// ---- UNIX ----

/// Makes the last folder of a path, when it is the only one that is missing.
static void make_parent(const char *path)
{
    char parent[sizeof(((struct sockaddr_un *)0)->sun_path)];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent) return;
    *slash = 0;
    mkdir(parent, 0755); // any failure shows when the socket is bound
}

/// True when the file is a socket that nobody listens on: left by a dead daemon. Anything else is not ours to
/// remove.
static bool is_left_over(const struct sockaddr_un *address, int type)
{
    struct stat s;
    if (lstat(address->sun_path, &s) != 0 || !S_ISSOCK(s.st_mode)) return false;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_dead = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0) close(fd);
    return is_dead;
}

/// True when a living daemon, or another program, listens on the socket file.
static bool is_in_use(const struct sockaddr_un *address, int type)
{
    struct stat s;
    return lstat(address->sun_path, &s) == 0 && S_ISSOCK(s.st_mode) && !is_left_over(address, type);
}

static int bind_unix(int fd, const struct sockaddr_un *address)
{
    mode_t mask = umask(0117); // born with mode 0660
    int error = bind(fd, (const struct sockaddr *)address, sizeof *address) ? errno : 0;
    umask(mask);
    return error;
}

/// Notes which file it is. Where the manager has made it, none is known when it is gone by now, and the next
/// look at it tells.
static bool know_file(struct listener *l)
{
    struct stat s;
    if (lstat(l->name, &s) != 0) return false;
    l->device = s.st_dev;
    l->inode = s.st_ino;
    return true;
}

static bool has_file(const struct listener *l)
{
    struct stat s;
    return lstat(l->name, &s) == 0 && s.st_dev == l->device && s.st_ino == l->inode;
}

/// False where the daemon is shut in so that it does not see the folder.
static bool sees_parent(const char *path)
{
    char parent[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct stat s;
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent) return slash != NULL;
    *slash = 0;
    return stat(parent, &s) == 0;
}

static enum status make_unix(struct listener *fresh, enum listener_kind kind, const char *path, char *reason)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(reason, LISTEN_REASON_BYTES, "the socket path is longer than %zu bytes: %.120s",
                 sizeof address.sun_path - 1, path);
        return STATUS_BAD_ARGUMENT;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    make_parent(path);
    int type = type_of(kind), fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : bind_unix(fd, &address);
    if (error == EADDRINUSE && is_in_use(&address, type)) {
        close(fd);
        snprintf(reason, LISTEN_REASON_BYTES,
                 "another chimed listens on %.108s; stop it, or give this one another --socket", path);
        return STATUS_BUSY;
    }
    if (error == EADDRINUSE && is_left_over(&address, type)) {
        unlink(path);
        error = bind_unix(fd, &address);
    }
    if (!error && type == SOCK_STREAM && listen(fd, BACKLOG) != 0) error = errno;
    if (error) {
        if (fd >= 0) close(fd);
        snprintf(reason, LISTEN_REASON_BYTES,
                 "cannot make the socket %.108s: %s; --socket names another place", path, strerror(error));
        return status_from_errno(error);
    }
    // Answers that connected clients have not read count against this socket: the more room, the more may
    // sleep before others are held up.
    if (type == SOCK_DGRAM) enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    *fresh = (struct listener){.fd = fd, .kind = kind, .is_loopback = true, .is_file = true};
    memcpy(fresh->name, path, strlen(path) + 1);
    (void)know_file(fresh); // if it is gone already, the next look at it tells
    return STATUS_OK;
}

static enum status open_unix(struct listeners *l, enum listener_kind kind, const char *path, char *reason)
{
    struct listener fresh = {.fd = -1};
    enum status status = make_unix(&fresh, kind, path, reason);
    if (!status) add(l, fresh);
    return status;
}

enum mending listeners_mend(struct listeners *l, uint32_t index, char *reason)
{
    struct listener fresh = {.fd = -1}, *old = &l->sockets[index];
    if ((!old->is_file && !old->is_given) || has_file(old)) {
        old->is_lost = false;
        return MENDING_NONE;
    }
    if (old->is_given) {
        old->is_lost = true;
        snprintf(reason, LISTEN_REASON_BYTES, "only the service manager can make it anew: restart %s",
                 old->unit[0] ? old->unit : "its unit");
        return MENDING_FAILED;
    }
    old->is_lost = make_unix(&fresh, old->kind, old->name, reason) != STATUS_OK;
    if (old->is_lost) return MENDING_FAILED;
    prepare(&fresh);
    old->is_file = false;
    if (old->kind == LISTEN_UNIX_DATAGRAM && l->n < LISTEN_MAX_SOCKETS)
        l->sockets[l->n++] = *old;
    else
        close(old->fd);
    *old = fresh;
    return MENDING_DONE;
}

// ---- UDP and TCP ----

static void name_inet(struct listener *l, const union address *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    bool is_4 = address->any.sa_family == AF_INET;
    inet_ntop(address->any.sa_family, is_4 ? (const void *)&address->in.sin_addr : &address->in6.sin6_addr,
              text, sizeof text);
    snprintf(l->name, sizeof l->name, is_4 ? "%s:%u" : "[%s]:%u", text, ntohs(address->in.sin_port));
    l->is_loopback = address_is_loopback(&address->any);
}

static int open_inet_socket(enum listener_kind kind, const union address *address, int *error)
{
    int on = 1, family = address->any.sa_family;
    socklen_t n = family == AF_INET ? sizeof address->in : sizeof address->in6;
    int fd = socket(family, type_of(kind) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        *error = errno;
        return -1;
    }
    // "::" without IPv4, which has sockets of its own.
    if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    // Connections of a daemon before this one that linger do not keep the address.
    if (kind == LISTEN_TCP) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address->any, n) != 0 || (kind == LISTEN_TCP && listen(fd, BACKLOG) != 0)) {
        *error = errno;
        close(fd);
        return -1;
    }
    if (kind == LISTEN_UDP) enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    return fd;
}

static enum status open_inet(struct listeners *l, enum listener_kind kind, const char *text, uint16_t port,
                             bool may_be_missing, char *reason)
{
    int error = 0;
    union address address = {0};
    if (inet_pton(AF_INET, text, &address.in.sin_addr) == 1) {
        address.any.sa_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &address.in6.sin6_addr) == 1) {
        address.any.sa_family = AF_INET6;
    } else {
        snprintf(reason, LISTEN_REASON_BYTES,
                 "[control] listen = %.100s; expected an address, such as 192.168.1.5 or ::", text);
        return STATUS_BAD_FORMAT;
    }
    address.in.sin_port = htons(port); // at the same place in both
    struct listener fresh = {.fd = open_inet_socket(kind, &address, &error), .kind = kind};
    name_inet(&fresh, &address);
    bool is_missing = error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
    if (fresh.fd < 0 && may_be_missing && is_missing) return STATUS_OK;
    if (fresh.fd < 0) {
        snprintf(reason, LISTEN_REASON_BYTES,
                 "cannot listen on %s %s: %s; --udp-port names another port, 0 none",
                 listener_kind_name(kind), fresh.name, strerror(error));
        return status_from_errno(error);
    }
    add(l, fresh);
    return STATUS_OK;
}

// ---- handed over ----

static bool option_of(int fd, int option, int *value)
{
    socklen_t n = sizeof *value;
    return getsockopt(fd, SOL_SOCKET, option, value, &n) == 0;
}

/// What a descriptor is; LISTEN_KINDS when nothing that commands can come in by.
static enum listener_kind kind_of(int fd)
{
    int domain, type, listens;
    if (!option_of(fd, SO_DOMAIN, &domain) || !option_of(fd, SO_TYPE, &type) ||
        !option_of(fd, SO_ACCEPTCONN, &listens))
        return LISTEN_KINDS;
    if ((type != SOCK_STREAM || !listens) && type != SOCK_DGRAM) return LISTEN_KINDS;
    bool is_stream = type == SOCK_STREAM;
    if (domain == AF_UNIX) return is_stream ? LISTEN_UNIX_STREAM : LISTEN_UNIX_DATAGRAM;
    if (domain == AF_INET || domain == AF_INET6) return is_stream ? LISTEN_TCP : LISTEN_UDP;
    return LISTEN_KINDS;
}

static enum status adopt(struct listeners *l, const struct handed_over *given, char *reason)
{
    int fd = given->fd;
    struct listener fresh = {.fd = fd, .kind = kind_of(fd), .is_loopback = true};
    if (fresh.kind == LISTEN_KINDS) {
        snprintf(reason, LISTEN_REASON_BYTES,
                 "descriptor %d from the service manager is no socket that can be used; expected "
                 "ListenDatagram= and "
                 "ListenStream= with paths or internet addresses",
                 fd);
        return STATUS_BAD_ARGUMENT;
    }
    union address address = {0};
    socklen_t n = sizeof address;
    getsockname(fd, &address.any, &n);
    if (fresh.kind == LISTEN_UDP || fresh.kind == LISTEN_TCP)
        name_inet(&fresh, &address);
    else
        snprintf(fresh.name, sizeof fresh.name, "%.*s", (int)sizeof address.un.sun_path - 1,
                 address.un.sun_path);
    fresh.is_given = fresh.name[0] == '/' && (know_file(&fresh) || sees_parent(fresh.name));
    memcpy(fresh.unit, given->unit, sizeof fresh.unit);
    add(l, fresh);
    return STATUS_OK;
}

static enum status adopt_all(struct listeners *l, const struct listen_config *config, char *reason)
{
    enum status status = STATUS_OK;
    if (config->n_inherited + 2 * config->n_addresses + 6 > LISTEN_MAX_SOCKETS) {
        snprintf(reason, LISTEN_REASON_BYTES, "%u sockets from the service manager; expected at most %u",
                 config->n_inherited, LISTEN_MAX_SOCKETS - 2 * config->n_addresses - 6);
        status = STATUS_FULL;
    }
    for (uint32_t i = 0; i < config->n_inherited; i++) {
        if (!status) status = adopt(l, &config->inherited[i], reason);
        if (status) close(config->inherited[i].fd);
    }
    return status;
}

// ---- all ----

/// True when the configuration names this address, which then stands for that of this machine as well.
static bool is_named(const struct listen_config *config, const char *every)
{
    for (uint32_t i = 0; i < config->n_addresses; i++)
        if (strcmp(config->addresses[i], every) == 0) return true;
    return false;
}

static enum status open_local(struct listeners *l, enum listener_kind kind,
                              const struct listen_config *config, char *reason)
{
    if (listeners_find(l, kind)) return STATUS_OK; // handed over
    if (kind == LISTEN_UNIX_DATAGRAM || kind == LISTEN_UNIX_STREAM) {
        const char *path = kind == LISTEN_UNIX_DATAGRAM ? config->datagram_path : config->stream_path;
        return path ? open_unix(l, kind, path, reason) : STATUS_OK;
    }
    if (config->port == 0 || (kind == LISTEN_TCP && config->no_tcp)) return STATUS_OK;
    enum status status = STATUS_OK;
    if (!is_named(config, "0.0.0.0")) status = open_inet(l, kind, "127.0.0.1", config->port, false, reason);
    if (!status && !is_named(config, "::")) status = open_inet(l, kind, "::1", config->port, true, reason);
    return status;
}

static enum status open_addresses(struct listeners *l, const struct listen_config *config, char *reason)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < config->n_addresses && !status; i++) {
        if (config->port == 0) {
            snprintf(reason, LISTEN_REASON_BYTES, "[control] listen = %.100s needs a udp_port that is not 0",
                     config->addresses[i]);
            return STATUS_BAD_ARGUMENT;
        }
        status = open_inet(l, LISTEN_UDP, config->addresses[i], config->port, false, reason);
        if (!status && !config->no_tcp)
            status = open_inet(l, LISTEN_TCP, config->addresses[i], config->port, false, reason);
    }
    return status;
}

enum status listeners_open(struct listeners *l, const struct listen_config *config, char *reason)
{
    l->n = 0;
    enum status status = adopt_all(l, config, reason);
    for (int kind = 0; kind < LISTEN_KINDS && !status; kind++)
        status = open_local(l, (enum listener_kind)kind, config, reason);
    if (!status) status = open_addresses(l, config, reason);
    if (status) listeners_close(l);
    return status;
}

void listeners_close(struct listeners *l)
{
    while (l->n > 0) {
        const struct listener *last = &l->sockets[--l->n];
        close(last->fd);
        if (last->is_file && has_file(last)) unlink(last->name); // it may be another daemon's by now
    }
}

bool listeners_hear_others(const struct listeners *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (!l->sockets[i].is_loopback) return true;
    return false;
}

const struct listener *listeners_find(const struct listeners *l, enum listener_kind kind)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->sockets[i].kind == kind) return &l->sockets[i];
    return NULL;
}

uint64_t listener_count_drops(struct listener *l)
{
    uint32_t figures[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof figures;
    // The count that SO_RXQ_OVFL attaches to datagrams, without waiting for one that gets through.
    if (is_datagram(l->kind) && getsockopt(l->fd, SOL_SOCKET, SO_MEMINFO, figures, &n) == 0) {
        l->n_dropped += figures[SK_MEMINFO_DROPS] - l->drops_seen;
        l->drops_seen = figures[SK_MEMINFO_DROPS];
    }
    return l->n_dropped;
}

const char *listener_kind_name(enum listener_kind kind)
{
    static const char *const names[LISTEN_KINDS + 1] = {"UNIX datagrams", "UNIX stream", "UDP", "TCP",
                                                        "nothing"};
    return names[kind];
}
