// SPDX-License-Identifier: MIT
// libchime_rig.h - a peer for the client library: a socket as a daemon has it.
#ifndef TESTS_LIBCHIME_RIG_H
#define TESTS_LIBCHIME_RIG_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clients/chime.h"
#include "clients/message.h"
#include "tests/check.h"

#define LONG_S  5.0
#define SHORT_S 0.05

struct peer {
    char folder[32], path[64], url[80];
    int fd;
    struct chime *c;
};

static inline int bind_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline int peer_open(void **state)
{
    struct peer *p = calloc(1, sizeof *p);
    assert_non_null(p);
    snprintf(p->folder, sizeof p->folder, "/tmp/chime-test-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/s", p->folder);
    snprintf(p->url, sizeof p->url, "osc.unix://%s", p->path);
    p->fd = bind_socket(p->path);
    assert_int_equal(chime_open(p->url, &p->c), CHIME_OK);
    *state = p;
    return 0;
}

static inline int peer_close(void **state)
{
    struct peer *p = *state;
    chime_close(p->c);
    if (p->fd >= 0) close(p->fd);
    unlink(p->path);
    rmdir(p->folder);
    free(p);
    return 0;
}

// Sends raw bytes to the client, as the daemon does: to the address that its packet came from.
static inline void peer_say(const struct peer *p, const void *bytes, size_t n)
{
    struct sockaddr_un to;
    socklen_t size = sizeof to;
    assert_int_equal(getsockname(chime_fd(p->c), (struct sockaddr *)&to, &size), 0);
    assert_int_equal(sendto(p->fd, bytes, n, 0, (struct sockaddr *)&to, size), (ssize_t)n);
}

// The bytes of a message made by liblo itself.
static inline size_t lo_bytes(void *to, const char *path, const char *types, ...)
{
    lo_message m = lo_message_new();
    va_list args;
    va_start(args, types);
    if (*types) assert_int_equal(lo_message_add_varargs(m, types, args), 0);
    va_end(args);
    size_t n = 0;
    assert_non_null(lo_message_serialise(m, path, to, &n));
    lo_message_free(m);
    return n;
}

#define END LO_MARKER_A, LO_MARKER_B

static inline double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, peer_open, peer_close)

#endif
