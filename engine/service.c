// SPDX-License-Identifier: MIT
// service.c - takes sockets from the service manager, and tells it how the daemon is, over libsystemd.
#include "engine/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "alloc/strbuf.h"
#include "engine/log.h"

#define STATUS_BYTES 768

/// The unit's own name stands for its sockets unless it gives them another (FileDescriptorName=).
static void name_unit(char *unit, const char *name)
{
    size_t n = strlen(name), n_suffix = strlen(".socket");
    bool is_unit = n > n_suffix && strcmp(name + n - n_suffix, ".socket") == 0;
    if (!is_unit || !string_copy(unit, LISTEN_UNIT_BYTES, name)) unit[0] = 0;
}

uint32_t service_take_sockets(struct handed_over *sockets, uint32_t max)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);
    if (n < 0) log_warning("the sockets of the service manager cannot be taken: error %d", -n);
    uint32_t n_taken = 0;
    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        log_debug("socket %s is handed over as descriptor %d", names[i], fd);
        if (n_taken < max) {
            sockets[n_taken].fd = fd;
            name_unit(sockets[n_taken++].unit, names[i]);
        } else {
            close(fd);
        }
        free(names[i]);
    }
    free(names);
    return n_taken;
}

/// What the service manager waits for; waits until it has room.
static void notify(const char *state)
{
    int error = sd_notify(0, state); // 0: no service manager, 1: sent
    if (error < 0) log_debug("cannot notify the service manager: error %d", -error);
}

static bool find_manager(struct sockaddr_un *address, socklen_t *n)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') ||
        !string_copy(address->sun_path, sizeof address->sun_path, path))
        return false;
    *n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') address->sun_path[0] = 0;
    return true;
}

/// What may be left out: while the manager hangs, its socket fills, and libsystemd would wait for it.
static void notify_if_room(const char *state)
{
    static int fd = -1;
    struct sockaddr_un address;
    socklen_t n;
    if (!find_manager(&address, &n)) return;
    if (fd < 0) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ssize_t n_sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, n);
    if (n_sent < 0 && errno != EAGAIN) log_debug("cannot notify the service manager: %s", strerror(errno));
}

typedef void send_state(const char *state);

PRINTF_LIKE(3, 0)
static void notify_with_status(send_state *send, const char *before, const char *format, va_list args)
{
    char text[STATUS_BYTES], state[STATUS_BYTES + 32];
    int n = vsnprintf(text, sizeof text, format, args);
    if (n < 0) return;
    // A line end would begin another assignment.
    for (char *p = text; *p; p++) {
        if (*p == '\n') *p = ' ';
    }
    n = snprintf(state, sizeof state, "%sSTATUS=%s", before, text);
    if (n > 0) send(state);
}

void service_ready(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    notify_with_status(notify, "READY=1\n", format, args);
    va_end(args);
}

void service_reloading(void)
{
    char state[64];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    // The time tells which READY=1 belongs to it.
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify(state);
}

void service_reloaded(void)
{
    notify("READY=1");
}

void service_status(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    notify_with_status(notify_if_room, "", format, args);
    va_end(args);
}

void service_feed_watchdog(int64_t now_ns)
{
    static int64_t interval_ns = -1, next_ns;
    if (interval_ns < 0) {
        uint64_t us = 0; // the time after which the manager loses patience: a third of it is well in time
        interval_ns = sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 3 * 1000) : INT64_MAX;
    }
    if (interval_ns == INT64_MAX || now_ns < next_ns) return;
    next_ns = now_ns + interval_ns;
    notify_if_room("WATCHDOG=1");
}

void service_stopping(void)
{
    notify("STOPPING=1");
}
