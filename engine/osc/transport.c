// SPDX-License-Identifier: MIT
// transport.c - the sockets: takes datagrams in, sends answers out.
#include "engine/osc/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REASON_BYTES 256

// ---- opening ----

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
static bool is_left_over(const struct sockaddr_un *address)
{
    struct stat s;
    if (lstat(address->sun_path, &s) != 0 || !S_ISSOCK(s.st_mode)) return false;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_dead = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0) close(fd);
    return is_dead;
}

/// True when a living daemon, or another program, listens on the socket file.
static bool is_in_use(const struct sockaddr_un *address)
{
    struct stat s;
    return lstat(address->sun_path, &s) == 0 && S_ISSOCK(s.st_mode) && !is_left_over(address);
}

static int bind_unix(int fd, const struct sockaddr_un *address)
{
    mode_t mask = umask(0117); // born with mode 0660
    int error = bind(fd, (const struct sockaddr *)address, sizeof *address) ? errno : 0;
    umask(mask);
    return error;
}

static enum status open_unix(struct transport *t, const char *path, char *reason)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(reason, REASON_BYTES, "the socket path is longer than %zu bytes: %.120s",
                 sizeof address.sun_path - 1, path);
        return STATUS_BAD_ARGUMENT;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    make_parent(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : bind_unix(fd, &address);
    if (error == EADDRINUSE && is_in_use(&address)) {
        close(fd);
        snprintf(reason, REASON_BYTES,
                 "another chimed listens on %.108s; stop it, or give this one another --socket", path);
        return STATUS_BUSY;
    }
    if (error == EADDRINUSE && is_left_over(&address)) {
        unlink(path);
        error = bind_unix(fd, &address);
    }
    if (error) {
        if (fd >= 0) close(fd);
        snprintf(reason, REASON_BYTES, "cannot make the socket %.108s: %s; --socket names another place",
                 path, strerror(error));
        return status_from_errno(error);
    }
    // Answers that connected clients have not read count against this socket: the more room, the more may
    // sleep before others are held up. Past the system's limit (net.core.wmem_max) only root may go.
    int room = 8 << 20;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    t->unix_fd = fd;
    memcpy(t->unix_path, path, strlen(path) + 1);
    return STATUS_OK;
}

static enum status open_udp(struct transport *t, uint16_t port, char *reason)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        if (fd >= 0) close(fd);
        snprintf(reason, REASON_BYTES,
                 "cannot listen on UDP 127.0.0.1:%u: %s; --udp-port names another port, 0 none", port,
                 strerror(error));
        return status_from_errno(error);
    }
    int room = 8 << 20, on = 1; // the system may grant less (net.core.rmem_max)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    t->udp_fd = fd;
    return STATUS_OK;
}

enum status transport_init(struct transport *t, struct allocator *a)
{
    *t = (struct transport){.unix_fd = -1, .udp_fd = -1};
    return outbox_init(&t->outbox, a);
}

enum status transport_open(struct transport *t, struct allocator *a, const char *unix_path, uint16_t udp_port,
                           char *reason)
{
    if (transport_init(t, a)) {
        snprintf(reason, REASON_BYTES, "no memory for the answers");
        return STATUS_NO_MEMORY;
    }
    enum status status = open_unix(t, unix_path, reason);
    if (!status && udp_port) status = open_udp(t, udp_port, reason);
    if (!status && (status = senders_open(&t->senders)))
        snprintf(reason, REASON_BYTES, "cannot open %d sockets for answers: %s", N_SENDERS,
                 status_text(status));
    if (status) transport_close(t);
    return status;
}

void transport_close(struct transport *t)
{
    if (t->udp_fd >= 0) close(t->udp_fd);
    if (t->unix_fd >= 0) {
        close(t->unix_fd);
        unlink(t->unix_path);
    }
    t->unix_fd = t->udp_fd = -1;
    senders_close(&t->senders);
}

// ---- receiving ----

/// Takes what came beside the bytes: the first file descriptor (others are closed), and the kernel's count of
/// dropped datagrams.
static void read_ancillary(struct transport *t, struct msghdr *header, struct datagram *d)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t n;
            memcpy(&n, CMSG_DATA(c), sizeof n);
            t->n_kernel_dropped = n;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < n; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                if (d->fd < 0)
                    d->fd = fd;
                else
                    close(fd);
            }
        }
    }
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

bool transport_receive(struct transport *t, int fd, uint8_t *buffer, struct datagram *d)
{
    *d = (struct datagram){.bytes = buffer, .fd = -1};
    d->client.kind = fd == t->unix_fd ? CLIENT_UNIX : CLIENT_UDP;
    d->client.role = ROLE_ADMIN;
    // One byte more than a packet may have, so that a longer one is told from one that just fits.
    struct iovec bytes = {.iov_base = buffer, .iov_len = OSC_MAX_PACKET_BYTES + 1};
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int)) + CMSG_SPACE(sizeof(uint32_t))];
        struct cmsghdr align;
    } ancillary;
    struct msghdr header = {.msg_name = &d->client.address,
                            .msg_namelen = sizeof d->client.address,
                            .msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.bytes,
                            .msg_controllen = sizeof ancillary.bytes};
    ssize_t n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0) return false;
    d->arrival_ns = (uint64_t)now_ns();
    read_ancillary(t, &header, d);
    d->n_bytes = (uint32_t)n;
    d->client.address_bytes = header.msg_namelen;
    t->n_received++;
    return true;
}

// ---- sending ----

/// False when the client has no room. True when nothing is left to do: it is sent, or the client is gone, or
/// the answer can never be sent (counted).
static bool try_send(void *transport, const struct client *to, const uint8_t *bytes, uint32_t n_bytes)
{
    struct transport *t = transport;
    ssize_t n = to->kind == CLIENT_UNIX ? senders_send(&t->senders, t->unix_fd, to, bytes, n_bytes)
                                        : sendto(t->udp_fd, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                                                 &to->address.any, to->address_bytes);
    if (n >= 0) return true;
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case EINTR: return false;
    case ECONNREFUSED: // it has closed its socket,
    case ENOENT:       // and removed its file,
    case EPERM:        // or connected it to another one
        return true;
    default: t->n_answers_dropped++; return true;
    }
}

void transport_send(struct transport *t, const struct client *to, const uint8_t *bytes, uint32_t n_bytes)
{
    // A UNIX client that did not bind its socket has no address to answer to.
    if (to->kind == CLIENT_UNIX && to->address_bytes <= sizeof(sa_family_t)) return;
    if (!outbox_has(&t->outbox, to) && try_send(t, to, bytes, n_bytes)) return;
    if (!outbox_keep(&t->outbox, to, bytes, n_bytes, now_ns() + ANSWER_PATIENCE_NS)) t->n_answers_dropped++;
}

void transport_flush(struct transport *t)
{
    if (t->outbox.n_waiting > 0) t->n_answers_dropped += outbox_flush(&t->outbox, try_send, t, now_ns());
}
