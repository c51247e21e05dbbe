// SPDX-License-Identifier: MIT
// connection.c - the sockets of a connection to a daemon: how they are opened, and messages over a stream.
#include "clients/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum chime_status connection_status(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOENT:
    case ENOTDIR:
    case ENOTCONN:
    case EHOSTUNREACH:
    case ENETUNREACH: return CHIME_NO_DAEMON;
    case EACCES:
    case EPERM: return CHIME_DENIED;
    case EMSGSIZE: return CHIME_BAD_ARGUMENT;
    case ENOMEM: return CHIME_NO_MEMORY;
    case EINTR: return CHIME_INTERRUPTED;
    default: return CHIME_SYSTEM;
    }
}

// ---- opening ----

struct sockaddr_un connection_address(const struct url *u)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, u->path, sizeof address.sun_path);
    return address;
}

static enum chime_status open_unix(struct chime *c)
{
    struct sockaddr_un address = connection_address(&c->url), self = {.sun_family = AF_UNIX};
    c->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    c->daemon_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (c->fd < 0 || c->daemon_fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        return connection_status(errno);
    // Binding the family alone asks the kernel for a free abstract address, which the daemon can answer to.
    if (bind(c->fd, (struct sockaddr *)&self, sizeof self.sun_family) != 0) return connection_status(errno);
    if (connect(c->daemon_fd, (struct sockaddr *)&address, sizeof address) != 0)
        return connection_status(errno);
    struct stat file;
    if (stat(c->url.path, &file) != 0) return connection_status(errno);
    c->socket_dev = file.st_dev;
    c->socket_ino = file.st_ino;
    c->socket_owner = file.st_uid;
    c->socket_group = file.st_gid;
    return CHIME_OK;
}

static enum chime_status open_inet(struct chime *c)
{
    int type = c->url.is_stream ? SOCK_STREAM : SOCK_DGRAM, on = 1;
    struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    if (getaddrinfo(c->url.host, c->url.port, &hints, &found) != 0) return CHIME_NO_DAEMON;
    enum chime_status status = CHIME_NO_DAEMON;
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        c->fd = socket(a->ai_family, type | SOCK_CLOEXEC, 0);
        if (c->fd < 0) {
            status = connection_status(errno);
            continue;
        }
        if (connect(c->fd, a->ai_addr, a->ai_addrlen) == 0) {
            status = CHIME_OK;
            break;
        }
        status = connection_status(errno);
        close(c->fd);
        c->fd = -1;
    }
    freeaddrinfo(found);
    if (c->url.is_stream) {
        if (c->fd >= 0) (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    } else if (status == CHIME_OK) { // long lists come as many datagrams at once
        int bytes = 1 << 20;
        (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    return status;
}

static enum chime_status open_stream(struct chime *c)
{
    struct sockaddr_un address = connection_address(&c->url);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        return connection_status(errno);
    return CHIME_OK;
}

enum chime_status connection_open(struct chime *c)
{
    if (!c->url.is_unix) return open_inet(c);
    return c->url.is_stream ? open_stream(c) : open_unix(c);
}

// ---- streams ----

bool connection_send(struct chime *c, const char *bytes, size_t size, size_t *n_sent)
{
    uint32_t length = htonl((uint32_t)size);
    while (*n_sent < sizeof length + size) {
        const char *from =
            *n_sent < sizeof length ? (const char *)&length + *n_sent : bytes + (*n_sent - sizeof length);
        size_t n = *n_sent < sizeof length ? sizeof length - *n_sent : size - (*n_sent - sizeof length);
        int more = *n_sent < sizeof length ? MSG_MORE : 0;
        ssize_t sent = send(c->fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL | more);
        if (sent < 0) return false;
        *n_sent += (size_t)sent;
    }
    return true;
}

// The messages that are whole go to the inbox. False when no message can be told from here on.
static bool take_frames(struct chime *c, enum chime_status *status)
{
    size_t at = 0;
    uint32_t length;
    while (c->n_buffered - at >= sizeof length) {
        memcpy(&length, c->buffer + at, sizeof length);
        length = ntohl(length);
        if (length > MESSAGE_MAX_BYTES - sizeof length) return false;
        if (c->n_buffered - at - sizeof length < length) break;
        *status = message_unpack(c->buffer + at + sizeof length, length, &c->inbox);
        if (*status == CHIME_BAD_ARGUMENT) c->n_junk++;
        at += sizeof length + length;
    }
    c->n_buffered -= at;
    memmove(c->buffer, c->buffer + at, c->n_buffered);
    return true;
}

enum chime_status connection_take_in(struct chime *c)
{
    ssize_t n = recv(c->fd, c->buffer + c->n_buffered, sizeof c->buffer - c->n_buffered, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return CHIME_OK;
    if (n <= 0 && c->inbox.first) return CHIME_OK; // what came before goes first
    if (n < 0) return connection_status(errno);
    if (n == 0) return CHIME_NO_DAEMON;
    enum chime_status status = CHIME_OK;
    c->n_buffered += (size_t)n;
    if (!take_frames(c, &status)) return CHIME_NO_DAEMON;
    return status == CHIME_BAD_ARGUMENT ? CHIME_OK : status;
}
