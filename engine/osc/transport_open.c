// SPDX-License-Identifier: MIT
// transport_open.c - opens all sockets, has them watched, and closes them.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "engine/osc/transport.h"

#define REASON_BYTES LISTEN_REASON_BYTES

enum status transport_init(struct transport *t, struct allocator *a, const struct transport_config *config)
{
    memset(t, 0, sizeof *t);
    t->epoll_fd = -1;
    enum status status = outbox_init(&t->outbox, a);
    if (!status) status = batch_init(&t->batch, a);
    if (!status) status = clients_init(&t->clients, a, config->n_clients, config->rate);
    if (!status)
        status = streams_init(&t->streams, a, config->n_connections, config->rate, config->patience_ns);
    return status;
}

bool transport_watch_listener(const struct transport *t, uint32_t index, int change)
{
    const struct listener *l = &t->listeners.sockets[index];
    struct epoll_event event = {.events = l->is_muted ? 0 : EPOLLIN, .data.u64 = index};
    return epoll_ctl(t->epoll_fd, change, l->fd, &event) == 0;
}

static enum status watch(struct transport *t, char *reason)
{
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool good = t->epoll_fd >= 0;
    for (uint32_t i = 0; i < t->listeners.n && good; i++)
        good = transport_watch_listener(t, i, EPOLL_CTL_ADD);
    if (good) {
        streams_watch(&t->streams, t->epoll_fd, TRANSPORT_STREAM_TAG);
        return STATUS_OK;
    }
    int error = errno;
    snprintf(reason, REASON_BYTES, "cannot watch the sockets: %s", strerror(error));
    return status_from_errno(error);
}

enum status transport_check_access(const struct transport *t, const struct access *access, char *reason)
{
    if (!listeners_hear_others(&t->listeners) || access->n_networks > 0) return STATUS_OK;
    snprintf(reason, REASON_BYTES,
             "a socket hears other machines, but no [access] allow_from says which: give each "
             "network that may come in a line, such as allow_from = 192.168.1.0/24");
    return STATUS_NOT_ALLOWED;
}

static enum status open_sockets(struct transport *t, const struct transport_config *config, char *reason)
{
    enum status status = listeners_open(&t->listeners, &config->listen, reason);
    if (!status) status = transport_check_access(t, &t->access, reason);
    if (!status && (status = senders_open(&t->senders)))
        snprintf(reason, REASON_BYTES, "cannot open %d sockets for answers: %s", N_SENDERS,
                 status_text(status));
    return status ? status : watch(t, reason);
}

static void close_inherited(const struct listen_config *config)
{
    for (uint32_t i = 0; i < config->n_inherited; i++)
        close(config->inherited[i].fd);
}

enum status transport_open(struct transport *t, struct allocator *a, const struct transport_config *config,
                           char *reason)
{
    enum status status = transport_init(t, a, config);
    if (status)
        snprintf(reason, REASON_BYTES, "no memory for the sockets; [memory] control_budget sets it");
    else
        status = access_init(&t->access, &config->access, reason);
    if (status) {
        close_inherited(&config->listen);
        return status;
    }
    status = open_sockets(t, config, reason);
    if (status) transport_close(t);
    return status;
}

void transport_close(struct transport *t)
{
    batch_drop(&t->batch);
    streams_close(&t->streams);
    listeners_close(&t->listeners);
    senders_close(&t->senders);
    if (t->epoll_fd > 0) close(t->epoll_fd);
    t->epoll_fd = -1;
}
