// SPDX-License-Identifier: MIT
// control_flood.c - sends one packet over and over, as fast as the other side takes it, and counts what is
// answered.
//
// control_flood KIND ADDRESS PACKET COUNT SECONDS
//
// KIND: unix or stream (ADDRESS is a path), udp or tcp (ADDRESS is a port of 127.0.0.1), or udp-blind
// (answers are not looked at). PACKET: a file with one OSC packet. Ends after COUNT packets (0: no limit) or
// SECONDS, then waits until no answer has come for a second. Prints one line: packets sent, seconds of
// sending, seconds to the last answer, messages in "/done" and in "/error" answers.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_PACKET 65536
/// Datagrams that one system call sends.
#define BATCH 32

struct flood {
    bool is_stream, is_blind;
    int fd;
    uint8_t packet[4 + MAX_PACKET]; // behind its length, which datagrams leave out
    uint32_t n_packet;
    char own_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    _Atomic bool is_sent;
    // written by the reader
    uint64_t n_done, n_error; // messages
    double last_answer;
};

static void fail(const char *what)
{
    fprintf(stderr, "control_flood: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

// ---- connecting ----

static int connect_to(const char *kind, const char *address, struct flood *f)
{
    bool is_path = strcmp(kind, "unix") == 0 || strcmp(kind, "stream") == 0;
    f->is_stream = strcmp(kind, "stream") == 0 || strcmp(kind, "tcp") == 0;
    f->is_blind = strcmp(kind, "udp-blind") == 0;
    struct sockaddr_un un = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(is_path ? AF_UNIX : AF_INET, f->is_stream ? SOCK_STREAM : SOCK_DGRAM, 0), room = 16 << 20;
    if (fd < 0) fail("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (is_path && !f->is_stream) { // answers need an address
        snprintf(own.sun_path, sizeof own.sun_path, "/tmp/control_flood.%d", (int)getpid());
        snprintf(f->own_path, sizeof f->own_path, "%s", own.sun_path);
        if (bind(fd, (struct sockaddr *)&own, sizeof own)) fail("bind");
    }
    snprintf(un.sun_path, sizeof un.sun_path, "%s", address);
    in.sin_port = htons((uint16_t)atoi(address));
    int error = is_path ? connect(fd, (struct sockaddr *)&un, sizeof un)
                        : connect(fd, (struct sockaddr *)&in, sizeof in);
    if (error) fail("connect");
    return fd;
}

// ---- answers ----

/// Counts the messages of a packet, which comes from a daemon that is trusted here.
static void count(struct flood *f, const uint8_t *p, uint32_t n)
{
    if (n >= 16 && memcmp(p, "#bundle", 8) == 0) {
        for (uint32_t at = 16; at + 4 <= n;) {
            uint32_t size = read_u32(p + at);
            if (size > n - at - 4) return;
            count(f, p + at + 4, size);
            at += 4 + size;
        }
        return;
    }
    bool is_error = n >= 7 && memcmp(p, "/error", 7) == 0, is_part = n >= 6 && memcmp(p, "/part", 6) == 0;
    f->n_error += is_error;
    f->n_done += !is_error && !is_part;
}

/// Takes whole packets off a stream's bytes. Returns how many bytes are left, moved to the front.
static size_t take_packets(struct flood *f, uint8_t *bytes, size_t n)
{
    size_t at = 0;
    while (n - at >= 4 && n - at - 4 >= read_u32(bytes + at)) {
        count(f, bytes + at + 4, read_u32(bytes + at));
        at += 4 + read_u32(bytes + at);
    }
    memmove(bytes, bytes + at, n - at);
    return n - at;
}

static void *read_answers(void *context)
{
    struct flood *f = context;
    static uint8_t bytes[4 * MAX_PACKET];
    size_t n_kept = 0;
    for (;;) {
        struct pollfd p = {.fd = f->fd, .events = POLLIN};
        if (poll(&p, 1, 1000) == 0 && atomic_load(&f->is_sent)) return NULL;
        ssize_t n = recv(f->fd, bytes + n_kept, sizeof bytes - n_kept, MSG_DONTWAIT);
        if (n == 0 && f->is_stream) return NULL;
        if (n <= 0) continue;
        f->last_answer = now();
        if (f->is_stream)
            n_kept = take_packets(f, bytes, n_kept + (size_t)n);
        else
            count(f, bytes, (uint32_t)n);
    }
}

// ---- sending ----

static bool send_datagrams(struct flood *f, uint32_t n)
{
    struct iovec bytes = {.iov_base = f->packet + 4, .iov_len = f->n_packet};
    struct mmsghdr batch[BATCH] = {0};
    for (uint32_t i = 0; i < n; i++)
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &bytes, .msg_iovlen = 1};
    for (uint32_t sent = 0; sent < n;) {
        int k = sendmmsg(f->fd, batch + sent, n - sent, 0);
        if (k < 0 && errno != ENOBUFS && errno != EINTR) return false;
        sent += k > 0 ? (uint32_t)k : 0;
    }
    return true;
}

static bool send_framed(struct flood *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (size_t done = 0; done < 4 + f->n_packet;) {
            ssize_t k = send(f->fd, f->packet + done, 4 + f->n_packet - done, MSG_NOSIGNAL);
            if (k < 0 && errno != EINTR) return false;
            done += k > 0 ? (size_t)k : 0;
        }
    return true;
}

static void read_packet(struct flood *f, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    f->n_packet = (uint32_t)fread(f->packet + 4, 1, MAX_PACKET, file);
    fclose(file);
    write_u32(f->packet, f->n_packet);
}

int main(int argc, char **argv)
{
    static struct flood f;
    pthread_t reader = 0; // none when answers are not looked at
    if (argc != 6) {
        fputs("usage: control_flood unix|stream|udp|tcp|udp-blind ADDRESS PACKET COUNT SECONDS\n", stderr);
        return 2;
    }
    f.fd = connect_to(argv[1], argv[2], &f);
    read_packet(&f, argv[3]);
    uint64_t wanted = strtoull(argv[4], NULL, 10), sent = 0;
    double seconds = strtod(argv[5], NULL), start = now();
    if (!f.is_blind && pthread_create(&reader, NULL, read_answers, &f)) fail("pthread_create");
    while ((wanted == 0 || sent < wanted) && now() - start < seconds) {
        uint32_t n = wanted == 0 || wanted - sent > BATCH ? BATCH : (uint32_t)(wanted - sent);
        if (!(f.is_stream ? send_framed(&f, n) : send_datagrams(&f, n))) fail("send");
        sent += n;
    }
    double end = now();
    atomic_store(&f.is_sent, true);
    if (!f.is_blind) pthread_join(reader, NULL);
    if (f.own_path[0]) unlink(f.own_path);
    printf("%llu %.6f %.6f %llu %llu\n", (unsigned long long)sent, end - start,
           f.last_answer > start ? f.last_answer - start : 0, (unsigned long long)f.n_done,
           (unsigned long long)f.n_error);
    return 0;
}
