// SPDX-License-Identifier: MIT
// streams_accept.c - who may connect, in what role, and in whose place when all connections are taken.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/osc/streams.h"

/// Connections that one turn of the loop accepts.
#define MAX_ACCEPTS 64

// ---- coming in ----

/// One that has come, and may come in.
struct newcomer {
    int fd;
    bool is_tcp;
    enum role role;
    uint64_t owner;
};

static bool find_unix_role(int fd, const struct access *access, struct ucred *who, enum role *role)
{
    gid_t groups[ACCESS_MAX_GROUPS];
    socklen_t n = sizeof *who, n_groups = sizeof groups - sizeof *groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &n) != 0) return false;
    // Of more groups than there is room for, the kernel tells none.
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &n_groups) != 0) n_groups = 0;
    groups[0] = who->gid;
    *role = access_role(access, who->uid, groups, 1 + n_groups / (socklen_t)sizeof *groups);
    return true;
}

union peer {
    struct sockaddr any;
    struct sockaddr_in6 in6;
};

static bool may_come_by_tcp(int fd, const struct access *access, union peer *address)
{
    socklen_t n = sizeof *address;
    *address = (union peer){0};
    return getpeername(fd, &address->any, &n) == 0 && access_allows(access, &address->any);
}

static bool admit_unix(struct newcomer *c, struct access *access, int64_t now_ns)
{
    struct ucred who;
    if (!find_unix_role(c->fd, access, &who, &c->role)) return false;
    c->owner = share_owner_user(who.uid);
    access_log(access, "the UNIX stream", c->role, who.uid, who.gid, who.pid, now_ns);
    return true;
}

static bool admit_tcp(struct newcomer *c, struct access *access, int64_t now_ns)
{
    union peer address;
    if (!may_come_by_tcp(c->fd, access, &address)) return false;
    // Answers are small and wanted at once; who vanished without a word is noticed after two minutes.
    static const int on = 1, idle_s = 60, interval_s = 20, n_probes = 3;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &n_probes, sizeof n_probes);
    c->role = access->tcp_role;
    c->owner = share_owner_address(&address.any);
    access_log(access, "TCP", c->role, (uid_t)-1, (gid_t)-1, 0, now_ns);
    return true;
}

static uint32_t find_free(const struct streams *s)
{
    uint32_t i = 0;
    while (i < s->n_max && s->streams[i].fd >= 0)
        i++;
    return i;
}

/// A place for a newcomer, if need be that of another; n_max: none.
static uint32_t find_place(struct streams *s, const struct newcomer *c)
{
    uint32_t index = find_free(s);
    if (index < s->n_max || (index = share_find_victim(s->seats, s->n_max, c->owner)) == s->n_max)
        return index;
    struct stream *st = &s->streams[index];
    outgoing_cut(&st->out, &s->blocks, st->in.kind);
    streams_refuse(
        s, st, API_REFUSED,
        "all connections are taken, and this one was idle for longest of those of the user who has most");
    (void)outgoing_send(&st->out, &s->blocks, st->fd); // best effort
    streams_close_one(s, index);
    s->n_ousted++;
    return index;
}

static bool open_stream(struct streams *s, const struct newcomer *c, int64_t now_ns)
{
    uint32_t index = find_place(s, c);
    if (index == s->n_max) return false;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = s->tag | index};
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0) return false;
    struct stream *st = &s->streams[index];
    *st = (struct stream){.fd = c->fd,
                          .generation = st->generation,
                          .role = c->role,
                          .is_tcp = c->is_tcp,
                          .interest = EPOLLIN,
                          .is_watched = true,
                          .in.bytes = st->in.bytes,
                          .progress_ns = now_ns};
    s->seats[index] = (struct seat){.owner = c->owner, .heard_ns = now_ns};
    bucket_fill(&st->bucket, s->rate, now_ns);
    s->open[s->n_open++] = index;
    return true;
}

/// True for errors of accept() that do not take the connection from the queue: it would be reported at once
/// again.
static bool leaves_it_waiting(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool streams_accept(struct streams *s, int listen_fd, bool is_tcp, struct access *access, int64_t now_ns)
{
    for (int i = 0; i < MAX_ACCEPTS; i++) {
        struct newcomer c = {.is_tcp = is_tcp, .role = ROLE_READ};
        c.fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (c.fd < 0) return !leaves_it_waiting(errno);
        bool may = is_tcp ? admit_tcp(&c, access, now_ns) : admit_unix(&c, access, now_ns);
        if (may && open_stream(s, &c, now_ns)) {
            s->n_accepted++;
        } else {
            s->n_refused++;
            close(c.fd);
        }
    }
    return true;
}

// ---- another configuration ----

void streams_set_access(struct streams *s, const struct access *access)
{
    for (uint32_t i = 0; i < s->n_open; i++) {
        struct stream *st = &s->streams[s->open[i]];
        struct ucred who;
        union peer address;
        enum role role = access->tcp_role;
        bool may = st->is_tcp ? may_come_by_tcp(st->fd, access, &address)
                              : find_unix_role(st->fd, access, &who, &role);
        st->role = role;
        if (may || st->is_closing) continue;
        streams_refuse(s, st, API_FORBIDDEN,
                       "clients from this address may not come in any more: the connection ends");
        st->is_closing = true;
        st->progress_ns = s->now_ns;
    }
}
