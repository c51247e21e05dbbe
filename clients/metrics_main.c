// SPDX-License-Identifier: MIT
// metrics_main.c - chimed-metrics: a program of its own, so that no HTTP is in the daemon.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "clients/metrics_http.h"

#define DEFAULT_ADDRESS "127.0.0.1"
#define DEFAULT_PORT    9573
#define BACKLOG         128

enum { EXIT_USAGE = 2 };

struct options {
    const char *address, *url; // url NULL: chime's default
    long port;
};

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "chimed-metrics: %s: %s\n", what, why);
    return -1;
}

// ---- the command line ----

static const char help[] =
    "Usage: chimed-metrics [OPTION...]\n"
    "Serves the figures of chimed as metrics, at http://127.0.0.1:9573/metrics.\n\n"
    "  --listen ADDRESS  loopback address to listen on; 127.0.0.1\n"
    "  --port N          TCP port; 9573\n"
    "  --url URL         where the daemon is, as chime --url takes it\n"
    "  --help            this text\n"
    "  --version         the version\n\n"
    "A service manager may hand over the listening socket instead. See chimed-metrics(8).\n";

/// EXIT_SUCCESS when all has been said, EXIT_USAGE, or -1 to go on.
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"listen", required_argument, NULL, 'l'}, {"port", required_argument, NULL, 'p'},
        {"url", required_argument, NULL, 'u'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0}};
    char *end = NULL;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'l': o->address = optarg; break;
        case 'u': o->url = optarg; break;
        case 'h': fputs(help, stdout); return EXIT_SUCCESS;
        case 'v': puts("chimed-metrics " CHIMED_VERSION); return EXIT_SUCCESS;
        case 'p':
            o->port = strtol(optarg, &end, 10);
            if (*optarg && !*end && o->port >= 0 && o->port <= 65535) break;
            fprintf(stderr, "chimed-metrics: --port wants a number from 0 to 65535, not '%s'\n", optarg);
            return EXIT_USAGE;
        default: fputs("Try 'chimed-metrics --help'.\n", stderr); return EXIT_USAGE;
        }
    }
    if (optind == argc) return -1;
    fprintf(stderr, "chimed-metrics: takes no word, and here is '%s'\n", argv[optind]);
    return EXIT_USAGE;
}

// ---- the listening socket ----

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/// Metrics tell of files and users of this machine, and HTTP has no secret: elsewhere they need a proxy that
/// has.
static bool is_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET) return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static bool read_address(const struct options *o, union address *a, socklen_t *size)
{
    in_port_t port = htons((uint16_t)o->port);
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, o->address, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = port;
        *size = sizeof a->v4;
    } else if (inet_pton(AF_INET6, o->address, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = port;
        *size = sizeof a->v6;
    } else {
        return false;
    }
    return is_loopback(a);
}

static int open_socket(const struct options *o)
{
    union address a = {0};
    socklen_t size;
    int on = 1;
    if (!read_address(o, &a, &size))
        return complain(o->address, "is no loopback address, such as 127.0.0.1 or ::1");
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return complain(o->address, strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &a.any, size) == 0 && listen(fd, BACKLOG) == 0) return fd;
    complain(o->address, strerror(errno));
    close(fd);
    return -1;
}

/// The service manager's, or one of our own.
static int take_socket(const struct options *o)
{
    union address a = {0};
    socklen_t size = sizeof a;
    int n = sd_listen_fds(1);
    if (n <= 0) return open_socket(o);
    if (n > 1) return complain("sockets", "more than one was handed over");
    if (getsockname(SD_LISTEN_FDS_START, &a.any, &size) != 0 || !is_loopback(&a))
        return complain("the socket that was handed over", "is at no loopback address");
    if (sd_is_socket(SD_LISTEN_FDS_START, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
        return complain("the socket that was handed over", "does not listen");
    return SD_LISTEN_FDS_START;
}

// ---- the loop ----

static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void tell_where(int fd)
{
    union address a = {0};
    socklen_t size = sizeof a;
    char text[INET6_ADDRSTRLEN] = "?";
    if (getsockname(fd, &a.any, &size) != 0) return;
    bool is_v6 = a.any.sa_family == AF_INET6;
    inet_ntop(a.any.sa_family, is_v6 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr, text, sizeof text);
    fprintf(stderr, "chimed-metrics: http://%s%s%s:%d/metrics\n", is_v6 ? "[" : "", text, is_v6 ? "]" : "",
            ntohs(is_v6 ? a.v6.sin6_port : a.v4.sin_port));
    (void)sd_notify(0, "READY=1");
}

static void serve(struct metrics_http *h, int signal_fd)
{
    struct pollfd fds[] = {{.fd = metrics_http_fd(h), .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
    while (!(fds[1].revents & POLLIN)) {
        if (poll(fds, 2, metrics_http_patience_ms(h)) < 0 && errno != EINTR) return;
        metrics_http_turn(h);
    }
    (void)sd_notify(0, "STOPPING=1");
}

int main(int argc, char **argv)
{
    struct options o = {.address = DEFAULT_ADDRESS, .port = DEFAULT_PORT};
    int result = parse(argc, argv, &o);
    if (result >= 0) return result;
    int signal_fd = catch_signals(), fd = take_socket(&o);
    if (fd < 0 || signal_fd < 0) return EXIT_FAILURE;
    struct metrics_http *h = metrics_http_open(fd, o.url);
    if (!h) {
        complain("HTTP", "no memory or descriptors");
        return EXIT_FAILURE;
    }
    tell_where(fd);
    serve(h, signal_fd);
    metrics_http_close(h);
    close(signal_fd);
    return EXIT_SUCCESS;
}
