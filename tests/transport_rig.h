// SPDX-License-Identifier: MIT
// transport_rig.h - a transport on sockets of its own, and real clients for it.
#ifndef TESTS_TRANSPORT_RIG_H
#define TESTS_TRANSPORT_RIG_H
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "engine/osc/reply.h"
#include "engine/osc/transport.h"
#include "tests/check.h"

struct fixture {
    char folder[32];
    char path[64]; // of the daemon's socket
    struct arena arena;
    struct transport t;
    struct replies replies;
    uint16_t port;
    char stream_path[64];
    struct transport_config config;
};

static inline bool can_bind(int type, uint16_t port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type, 0);
    bool can = bind(fd, (struct sockaddr *)&in, sizeof in) == 0;
    close(fd);
    return can;
}

/// For UDP and TCP; outside of what the kernel gives out by itself.
static inline uint16_t free_port(void)
{
    uint16_t port;
    do {
        assert_int_equal(getrandom(&port, sizeof port, 0), sizeof port);
        port = (uint16_t)(10000 + port % 22000);
    } while (!can_bind(SOCK_DGRAM, port) || !can_bind(SOCK_STREAM, port));
    return port;
}

/// Sockets at these places, and limits as the configuration has them by default. `port` 0: no UDP and TCP.
static inline struct transport_config config_at(const char *path, const char *stream_path, uint16_t port)
{
    return (struct transport_config){
        .listen = {.datagram_path = path, .stream_path = stream_path, .port = port},
        .access = {.unix_role = ROLE_PLAY, .udp_role = ROLE_READ, .tcp_role = ROLE_READ},
        .n_clients = 1024,
        .n_connections = 8,
        .rate = 2000000,
        .patience_ns = 300000000};
}

static inline void open_rig(struct fixture *f)
{
    char reason[256] = "";
    if (transport_open(&f->t, arena_allocator(&f->arena), &f->config, reason)) fail_msg("%s", reason);
    f->replies.transport = &f->t;
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    strcpy(f->folder, "/tmp/chimed-XXXXXX");
    if (!mkdtemp(f->folder) || arena_init(&f->arena, 1 << 26)) return 1;
    snprintf(f->path, sizeof f->path, "%s/new/s", f->folder);
    snprintf(f->stream_path, sizeof f->stream_path, "%s/new/stream", f->folder);
    f->port = free_port();
    f->config = config_at(f->path, f->stream_path, f->port);
    open_rig(f);
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    char parent[64];
    transport_close(&f->t);
    assert_int_equal(access(f->path, F_OK), -1); // nothing is left
    assert_int_equal(access(f->stream_path, F_OK), -1);
    snprintf(parent, sizeof parent, "%s/new", f->folder);
    rmdir(parent);
    rmdir(f->folder);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

/// A client's socket, bound where `name` says (NULL: nowhere).
static inline int bound_client(const struct fixture *f, const char *name)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (!name) return fd;
    snprintf(un.sun_path, sizeof un.sun_path, "%s/%s", f->folder, name);
    unlink(un.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static inline struct sockaddr_un daemon_address(const struct fixture *f)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", f->path);
    return un;
}

/// The same, connected to the daemon.
static inline int unix_client(const struct fixture *f, const char *name)
{
    struct sockaddr_un un = daemon_address(f);
    int fd = bound_client(f, name);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static inline void close_client(const struct fixture *f, int fd, const char *name)
{
    char path[128];
    close(fd);
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    unlink(path);
}

static inline int udp_client(const struct fixture *f)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    return fd;
}

/// A packet that is there now.
static inline bool try_receive(struct fixture *f, struct datagram *d)
{
    transport_begin(&f->t);
    return transport_next(&f->t, d);
}

/// The next packet, from whatever socket.
static inline struct datagram receive(struct fixture *f)
{
    struct datagram d;
    for (int i = 0; i < 2000; i++) {
        if (try_receive(f, &d)) return d;
        struct pollfd p = {.fd = transport_fd(&f->t), .events = POLLIN};
        poll(&p, 1, 1);
        transport_flush(&f->t);
    }
    fail_msg("no packet came");
    return d;
}

/// The listener of a kind.
static inline int listening_fd(const struct fixture *f, enum listener_kind kind)
{
    const struct listener *l = listeners_find(&f->t.listeners, kind);
    assert_non_null(l);
    return l->fd;
}

static inline void expect_bytes(int fd, const void *bytes, size_t n)
{
    uint8_t got[70000];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 2000), 1);
    assert_int_equal(recv(fd, got, sizeof got, 0), n);
    assert_memory_equal(got, bytes, n);
}

/// Where answers to a client go.
static inline struct client client_of(struct fixture *f, int fd)
{
    struct sockaddr_un un = daemon_address(f);
    assert_int_equal(sendto(fd, "/x\0\0", 4, 0, (struct sockaddr *)&un, sizeof un), 4);
    return receive(f).client;
}

#endif
