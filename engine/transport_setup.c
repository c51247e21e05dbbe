// SPDX-License-Identifier: MIT
// transport_setup.c - what the configuration means for the sockets.
#include "engine/transport_setup.h"

#include <assert.h>
#include <string.h>

static_assert(CONFIG_MAX_LISTEN <= LISTEN_MAX_ADDRESSES, "all addresses can be listened on");
static_assert(CONFIG_MAX_FROM <= ACCESS_MAX_NETWORKS, "all networks can be let in");

static enum role role_of(const char *name)
{
    return strcmp(name, "admin") == 0 ? ROLE_ADMIN : strcmp(name, "play") == 0 ? ROLE_PLAY : ROLE_READ;
}

void transport_configure(struct transport_config *t, const struct config *config)
{
    *t = (struct transport_config){
        .listen = {.datagram_path = config->socket,
                   .stream_path = config->stream_socket,
                   .port = (uint16_t)config->udp_port,
                   .no_tcp = strcmp(config->tcp, "no") == 0,
                   .n_addresses = config->n_listen},
        .access = {.unix_role = role_of(config->unix_role),
                   .udp_role = role_of(config->udp_role),
                   .tcp_role = role_of(config->tcp_role),
                   .users = {config->read_users, config->play_users, config->admin_users},
                   .groups = {config->read_groups, config->play_groups, config->admin_groups},
                   .n_networks = config->n_allow_from},
        .n_clients = config->clients,
        .n_connections = config->connections,
        .rate = config->message_rate,
        .patience_ns = config->patience * INT64_C(1000000000),
    };
    for (uint32_t i = 0; i < config->n_listen; i++)
        t->listen.addresses[i] = config->listen[i];
    for (uint32_t i = 0; i < config->n_allow_from; i++)
        t->access.networks[i] = config->allow_from[i];
}
