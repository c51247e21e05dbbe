// SPDX-License-Identifier: MIT
// libchime.c - the connection: an own socket that can carry descriptors, back-pressure, and answers in order.
//
// To a UNIX daemon the socket is bound but not connected. The kernel bounds how many datagrams wait in a
// socket only when they do not come from its peer: so a program that does not read its answers fills its own
// queue, and not the daemon's send buffer, which others share. That an answer is the daemon's is told by the
// credentials of its sender.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/connection.h"

// A UNIX datagram socket does not say when its peer leaves, so long waits look once in so many seconds.
#define ALIVE_CHECK_S 0.5
// Datagrams taken in one go, so that a flood cannot hold a caller for ever.
#define MAX_BATCH 64

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

// ---- opening ----

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
    enum chime_status status = connection_open(c);
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
    return c->url.is_unix && !c->url.is_stream;
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
    if (n < 0) return connection_status(errno);
    return n > 0 ? CHIME_OK : CHIME_TIMEOUT;
}

// False when the daemon that was connected to has gone, even if another one has taken its place. A UDP daemon
// cannot be asked without sending; there the next send tells.
static bool is_alive(const struct chime *c)
{
    if (!chime_is_local(c)) return true; // the end of a connection shows when it is read
    struct stat file;
    if (stat(c->url.path, &file) != 0) return errno != ENOENT;
    if (file.st_dev != c->socket_dev || file.st_ino != c->socket_ino) return false;
    struct sockaddr_un address = connection_address(&c->url);
    int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return true;
    bool alive = connect(probe, (struct sockaddr *)&address, sizeof address) == 0 || errno != ECONNREFUSED;
    close(probe);
    return alive;
}

// True when a datagram comes from the daemon, or, over UDP, from its address.
static bool is_from_daemon(const struct chime *c, struct msghdr *header)
{
    if (!chime_is_local(c)) return true;
    const struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_CREDENTIALS) return false;
    struct ucred sender;
    memcpy(&sender, CMSG_DATA(control), sizeof sender);
    // A daemon whose sockets the service manager has made for it shares their group.
    return sender.uid == c->socket_owner || sender.uid == 0 ||
           (sender.gid == c->socket_group && c->socket_group != 0);
}

// Takes in what has come, without waiting.
static enum chime_status take_in(struct chime *c)
{
    if (c->url.is_stream) return connection_take_in(c);
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
            return connection_status(errno);
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
    struct sockaddr_un address = connection_address(&c->url);
    if (chime_is_local(c)) {
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

// True when all was sent: of a datagram at once, of a message on a connection piece by piece, behind its
// length. Else errno tells.
static bool send_part(struct chime *c, char *bytes, size_t size, size_t *n_sent, int fd)
{
    if (!c->url.is_stream) return send_bytes(c, bytes, size, fd) >= 0;
    return connection_send(c, bytes, size, n_sent);
}

enum chime_status chime_send(struct chime *c, const struct chime_message *m, int fd, double timeout_s)
{
    if (fd >= 0 && !chime_is_local(c)) return CHIME_BAD_ARGUMENT;
    // Not the receive buffer: answers are taken in while this waits.
    size_t size = lo_message_length(m->body, m->path);
    if (size > MESSAGE_MAX_BYTES) return CHIME_BAD_ARGUMENT;
    char *bytes = malloc(size);
    if (!bytes) return CHIME_NO_MEMORY;
    enum chime_status status = message_write(m, bytes, size, &size);
    double deadline = timeout_s < 0 ? 1e300 : now_s() + timeout_s;
    size_t n_sent = 0;
    while (status == CHIME_OK && !send_part(c, bytes, size, &n_sent, fd)) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) {
            status = connection_status(errno);
            break;
        }
        double left = deadline - now_s();
        if (left <= 0) {
            status = CHIME_TIMEOUT;
            if (n_sent > 0) shutdown(c->fd, SHUT_RDWR); // half a message: no other can follow
            break;
        }
        status = wait_for(c, true, left < ALIVE_CHECK_S ? left : ALIVE_CHECK_S);
        if (status == CHIME_TIMEOUT)
            status = is_alive(c) ? CHIME_OK : CHIME_NO_DAEMON;
        else if (status == CHIME_OK)
            status = take_in(c);
    }
    // Who sends much before it reads holds nobody up by that, and loses no answer.
    if (status == CHIME_OK && (c->url.is_unix || c->url.is_stream)) status = take_in(c);
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
