// SPDX-License-Identifier: MIT
// streams_rig.h - connections to a transport, as clients see them.
#ifndef TESTS_STREAMS_RIG_H
#define TESTS_STREAMS_RIG_H
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "engine/osc/text.h"
#include "tests/transport_rig.h"

static const uint8_t ping[] = "/ping\0\0\0,\0\0"; // 12 bytes with the last 0
static const uint8_t done[] = "/done\0\0\0,s\0\0/ping\0\0";

static inline int connected(const struct fixture *f, bool is_tcp)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", f->stream_path);
    int fd = socket(is_tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
    int failed = is_tcp ? connect(fd, (struct sockaddr *)&in, sizeof in)
                        : connect(fd, (struct sockaddr *)&un, sizeof un);
    assert_int_equal(failed, 0);
    return fd;
}

static inline void put(int fd, const void *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/// A turn of the loop: everything that came is answered. Returns how many packets there were.
static inline uint32_t turn(struct fixture *f)
{
    struct datagram d;
    uint32_t n = 0;
    transport_begin(&f->t);
    for (; transport_next(&f->t, &d); n++)
        transport_send(&f->t, &d.client, done, sizeof done);
    transport_flush(&f->t);
    return n;
}

/// Turns until so many packets were taken, or for two seconds.
static inline void turns(struct fixture *f, uint32_t n_packets)
{
    uint32_t n = 0;
    for (int i = 0; i < 2000 && n < n_packets; i++) {
        n += turn(f);
        if (n < n_packets) usleep(1000);
    }
    assert_int_equal(n, n_packets);
}

/// Turns until all connections are closed, or for two seconds.
static inline void turns_until_closed(struct fixture *f)
{
    for (int i = 0; i < 2000 && f->t.streams.n_open > 0; i++) {
        assert_int_equal(turn(f), 0);
        usleep(1000);
    }
    assert_int_equal(f->t.streams.n_open, 0);
}

static inline void expect(int fd, const void *bytes, size_t n)
{
    static uint8_t got[70000];
    assert_int_equal(recv(fd, got, n, MSG_WAITALL), n);
    assert_memory_equal(got, bytes, n);
}

static inline void expect_end(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

#endif
