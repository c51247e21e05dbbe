// SPDX-License-Identifier: MIT
// jack_links.c - what the outputs are connected to, so that they are again when the server or a peer comes
// back.
#include "engine/backends/jack_links.h"

#include <errno.h>
#include <string.h>

#include "alloc/strbuf.h"
#include "engine/log.h"

static struct jack_link *find(struct jack_links *l, uint32_t channel, const char *peer)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->links[i].channel == channel && strcmp(l->links[i].peer, peer) == 0) return &l->links[i];
    return NULL;
}

static void add(struct jack_links *l, uint32_t channel, const char *peer)
{
    struct jack_link *link = find(l, channel, peer);
    if (!link && l->n < JACK_MAX_LINKS) {
        link = &l->links[l->n];
        if (!string_copy(link->peer, sizeof link->peer, peer)) return;
        link->channel = channel;
        l->n++;
    }
    if (link) link->is_up = true;
}

static void learn_present(struct jack_links *l, jack_port_t *const *ports, uint32_t n_ports)
{
    for (uint32_t channel = 0; channel < n_ports; channel++) {
        const char **peers = jack_port_get_connections(ports[channel]);
        for (uint32_t i = 0; peers != NULL && peers[i] != NULL; i++)
            add(l, channel, peers[i]);
        jack_free(peers);
    }
}

/// False when it is not, and cannot be.
static bool connect_link(const struct jack_link *link, jack_client_t *client, jack_port_t *port)
{
    if (jack_port_by_name(client, link->peer) == NULL) return false;
    int error = jack_connect(client, jack_port_name(port), link->peer);
    if (error == 0 || error == EEXIST) return true;
    log_warning("jack: cannot connect %s to %s again", jack_port_name(port), link->peer);
    return false;
}

void jack_links_learn(struct jack_links *l, jack_client_t *client, jack_port_t *const *ports,
                      uint32_t n_ports)
{
    uint32_t n_kept = 0;
    learn_present(l, ports, n_ports);
    for (uint32_t i = 0; i < l->n; i++) {
        struct jack_link link = l->links[i];
        bool is_here = link.channel < n_ports;
        bool is_connected = is_here && jack_port_connected_to(ports[link.channel], link.peer) != 0;
        bool has_peer = jack_port_by_name(client, link.peer) != NULL;
        if (is_here && !is_connected && has_peer && link.is_up)
            continue; // somebody does not want it any more
        if (is_here && !is_connected) link.is_up = connect_link(&link, client, ports[link.channel]);
        l->links[n_kept++] = link;
    }
    l->n = n_kept;
    l->is_known = true;
}

void jack_links_restore(struct jack_links *l, jack_client_t *client, jack_port_t *const *ports,
                        uint32_t n_ports)
{
    for (uint32_t i = 0; i < l->n; i++) {
        struct jack_link *link = &l->links[i];
        link->is_up = link->channel < n_ports && connect_link(link, client, ports[link->channel]);
    }
}
