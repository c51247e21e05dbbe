// SPDX-License-Identifier: MIT
// libchime.c - the connection: an own socket that can carry descriptors, back-pressure, and answers in order.
//
// To a UNIX daemon the socket is bound but not connected. The kernel bounds how many datagrams wait in a
// socket only when they do not come from its peer: so a program that does not read its answers fills its own
// queue, and not the daemon's send buffer, which others share. That an answer is the daemon's is told by the
// credentials of its sender.
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/message.h"
#include "clients/url.h"

// A UNIX datagram socket does not say when its peer leaves, so long waits look once in so many seconds.
#define ALIVE_CHECK_S 0.5
// Datagrams taken in one go, so that a flood cannot hold a caller for ever.
#define MAX_BATCH 64

struct chime {
    int fd;
    int daemon_fd; // UNIX: connected to the daemon's socket, to wait until that has room; -1: none
    struct url url;
    dev_t socket_dev; // the daemon's socket file when it was connected to
    ino_t socket_ino;
    uid_t socket_owner; // who answers come from
    uint64_t n_junk;
    struct message_list inbox;
    char buffer[MESSAGE_MAX_BYTES + 1]; // one more, to see what is too long
};

const char *chime_status_text(enum chime_status status)
{
    switch (status) {
    case CHIME_OK: return "done";
    case CHIME_BAD_ARGUMENT: return "not a valid URL or message";
    case CHIME_NO_MEMORY: return "out of memory";
    case CHIME_NO_DAEMON: return "no daemon";
    case CHIME_DENIED: return "permission denied";
    case CHIME_TIMEOUT: return "no answer in time";
    case CHIME_INTERRUPTED: return "interrupted";
    case CHIME_REFUSED: return "refused";
    case CHIME_SYSTEM: return "system error";
    }
    return "unknown status";
}

static enum chime_status status_of_errno(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
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

static struct sockaddr_un unix_address(const struct url *u)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, u->path, sizeof address.sun_path);
    return address;
}

static enum chime_status open_unix(struct chime *c)
{
    struct sockaddr_un address = unix_address(&c->url), self = {.sun_family = AF_UNIX};
    c->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    c->daemon_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (c->fd < 0 || c->daemon_fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        return status_of_errno(errno);
    // Binding the family alone asks the kernel for a free abstract address, which the daemon can answer to.
    if (bind(c->fd, (struct sockaddr *)&self, sizeof self.sun_family) != 0) return status_of_errno(errno);
    if (connect(c->daemon_fd, (struct sockaddr *)&address, sizeof address) != 0)
        return status_of_errno(errno);
    struct stat file;
    if (stat(c->url.path, &file) != 0) return status_of_errno(errno);
    c->socket_dev = file.st_dev;
    c->socket_ino = file.st_ino;
    c->socket_owner = file.st_uid;
    return CHIME_OK;
}

static enum chime_status open_udp(struct chime *c)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    if (getaddrinfo(c->url.host, c->url.port, &hints, &found) != 0) return CHIME_NO_DAEMON;
    enum chime_status status = CHIME_NO_DAEMON;
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        c->fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0) {
            status = status_of_errno(errno);
            continue;
        }
        if (connect(c->fd, a->ai_addr, a->ai_addrlen) == 0) {
            status = CHIME_OK;
            break;
        }
        status = status_of_errno(errno);
        close(c->fd);
        c->fd = -1;
    }
    freeaddrinfo(found);
    if (status == CHIME_OK) { // long lists come as many datagrams at once
        int bytes = 1 << 20;
        (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    return status;
}

enum chime_status chime_open(const char *url, struct chime **out)
{
    if (!out) return CHIME_BAD_ARGUMENT;
    *out = NULL;
    char text[URL_BYTES];
    struct url parsed;
    if (chime_resolve_url(url, text, sizeof text) != CHIME_OK || url_parse(text, &parsed) != CHIME_OK)
        return CHIME_BAD_ARGUMENT;
    struct chime *c = malloc(sizeof *c);
    if (!c) return CHIME_NO_MEMORY;
    memset(c, 0, offsetof(struct chime, buffer));
    c->fd = c->daemon_fd = -1;
    c->url = parsed;
    enum chime_status status = parsed.is_unix ? open_unix(c) : open_udp(c);
    if (status == CHIME_OK) {
        *out = c;
    } else {
        int error = errno;
        chime_close(c);
        errno = error;
    }
    return status;
}

void chime_close(struct chime *c)
{
    if (!c) return;
    for (struct chime_message *m; (m = message_take(&c->inbox));)
        chime_message_free(m);
    if (c->daemon_fd >= 0) close(c->daemon_fd);
    if (c->fd >= 0) close(c->fd);
    free(c);
}

int chime_is_local(const struct chime *c)
{
    return c->url.is_unix;
}

int chime_fd(const struct chime *c)
{
    return c->fd;
}

uint64_t chime_junk_count(const struct chime *c)
{
    return c->n_junk;
}

// ---- waiting ----

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Waits for a datagram, or, if `to_send`, for room at the daemon; up to `seconds`. CHIME_TIMEOUT when nothing
// came.
static enum chime_status wait_for(const struct chime *c, bool to_send, double seconds)
{
    struct pollfd p[] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->daemon_fd, .events = POLLOUT}};
    if (to_send && c->daemon_fd < 0) p[0].events = POLLIN | POLLOUT;
    struct timespec t = {0};
    if (seconds > 0) {
        t.tv_sec = (time_t)seconds;
        t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    }
    int n = ppoll(p, to_send ? 2 : 1, &t, NULL);
    if (n < 0) return status_of_errno(errno);
    return n > 0 ? CHIME_OK : CHIME_TIMEOUT;
}

// False when the daemon that was connected to has gone, even if another one has taken its place. A UDP daemon
// cannot be asked without sending; there the next send tells.
static bool is_alive(const struct chime *c)
{
    if (!c->url.is_unix) return true;
    struct stat file;
    if (stat(c->url.path, &file) != 0) return errno != ENOENT;
    if (file.st_dev != c->socket_dev || file.st_ino != c->socket_ino) return false;
    struct sockaddr_un address = unix_address(&c->url);
    int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return true;
    bool alive = connect(probe, (struct sockaddr *)&address, sizeof address) == 0 || errno != ECONNREFUSED;
    close(probe);
    return alive;
}

// True when a datagram comes from the daemon, or, over UDP, from its address.
static bool is_from_daemon(const struct chime *c, struct msghdr *header)
{
    if (!c->url.is_unix) return true;
    const struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_CREDENTIALS) return false;
    struct ucred sender;
    memcpy(&sender, CMSG_DATA(control), sizeof sender);
    return sender.uid == c->socket_owner || sender.uid == 0;
}

// Takes in what has come, without waiting.
static enum chime_status take_in(struct chime *c)
{
    for (unsigned i = 0; i < MAX_BATCH; i++) {
        struct iovec part = {.iov_base = c->buffer, .iov_len = sizeof c->buffer};
        union { // no room for descriptors: the kernel closes those that somebody sends
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        struct msghdr header = {.msg_iov = &part,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = sizeof control.bytes};
        ssize_t n = recvmsg(c->fd, &header, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
        if (n < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || c->inbox.first) return CHIME_OK;
            return status_of_errno(errno);
        }
        enum chime_status status = CHIME_BAD_ARGUMENT;
        if (n <= MESSAGE_MAX_BYTES && is_from_daemon(c, &header))
            status = message_unpack(c->buffer, (size_t)n, &c->inbox);
        if (status == CHIME_BAD_ARGUMENT)
            c->n_junk++;
        else if (status != CHIME_OK)
            return status;
    }
    return CHIME_OK;
}

enum chime_status chime_receive(struct chime *c, double timeout_s, struct chime_message **m)
{
    *m = NULL;
    double deadline = timeout_s < 0 ? 1e300 : now_s() + timeout_s;
    for (;;) {
        enum chime_status status = c->inbox.first ? CHIME_OK : take_in(c);
        if (status != CHIME_OK) return status;
        if ((*m = message_take(&c->inbox))) return CHIME_OK;
        double left = deadline - now_s();
        if (left <= 0) return CHIME_TIMEOUT;
        status = wait_for(c, false, left < ALIVE_CHECK_S ? left : ALIVE_CHECK_S);
        if (status == CHIME_TIMEOUT) {
            if (!is_alive(c)) return CHIME_NO_DAEMON;
        } else if (status != CHIME_OK) {
            return status;
        }
    }
}

// ---- sending ----

static ssize_t send_bytes(const struct chime *c, void *bytes, size_t size, int fd)
{
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    union { // the alignment that a control message wants
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct sockaddr_un address = unix_address(&c->url);
    if (c->url.is_unix) {
        message.msg_name = &address;
        message.msg_namelen = sizeof address;
    }
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum chime_status chime_send(struct chime *c, const struct chime_message *m, int fd, double timeout_s)
{
    if (fd >= 0 && !c->url.is_unix) return CHIME_BAD_ARGUMENT;
    // Not the receive buffer: answers are taken in while this waits.
    size_t size = lo_message_length(m->body, m->path);
    if (size > MESSAGE_MAX_BYTES) return CHIME_BAD_ARGUMENT;
    char *bytes = malloc(size);
    if (!bytes) return CHIME_NO_MEMORY;
    enum chime_status status = message_write(m, bytes, size, &size);
    double deadline = timeout_s < 0 ? 1e300 : now_s() + timeout_s;
    while (status == CHIME_OK && send_bytes(c, bytes, size, fd) < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) {
            status = status_of_errno(errno);
            break;
        }
        double left = deadline - now_s();
        if (left <= 0) {
            status = CHIME_TIMEOUT;
            break;
        }
        status = wait_for(c, true, left < ALIVE_CHECK_S ? left : ALIVE_CHECK_S);
        if (status == CHIME_TIMEOUT)
            status = is_alive(c) ? CHIME_OK : CHIME_NO_DAEMON;
        else if (status == CHIME_OK)
            status = take_in(c);
    }
    // Who sends much before it reads holds nobody up by that, and loses no answer.
    if (status == CHIME_OK && c->url.is_unix) status = take_in(c);
    free(bytes);
    return status;
}

// ---- calling ----

static bool same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool is_answer(const struct chime_message *got, const struct chime_message *sent)
{
    const char *of = chime_message_text(got, 0);
    if (same_text(got->path, "/done")) return same_text(of, sent->path);
    // A packet that could not be read has no path to answer to; the command waited for is the only one under
    // way.
    if (same_text(got->path, "/error")) return !of || *of != '/' || same_text(of, sent->path);
    return same_text(got->path, "/synced") && same_text(sent->path, "/sync") &&
           chime_message_int(got, 0) == chime_message_int(sent, 0);
}

enum chime_status chime_call(struct chime *c, const struct chime_message *m, int fd, double timeout_s,
                             chime_each *each, void *context, struct chime_message **answer)
{
    if (answer) *answer = NULL;
    enum chime_status status = chime_send(c, m, fd, timeout_s);
    while (status == CHIME_OK) {
        struct chime_message *got;
        status = chime_receive(c, timeout_s, &got);
        if (status != CHIME_OK) break;
        if (!is_answer(got, m)) {
            if (each) each(got, context);
            chime_message_free(got);
            continue;
        }
        if (same_text(got->path, "/error")) status = CHIME_REFUSED;
        if (answer)
            *answer = got;
        else
            chime_message_free(got);
        break;
    }
    return status;
}
