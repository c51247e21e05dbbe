// SPDX-License-Identifier: MIT
// jack_links.h - what the outputs are connected to, so that they are again when the server or a peer comes
// back. For the jack backend alone.
#ifndef ENGINE_BACKENDS_JACK_LINKS_H
#define ENGINE_BACKENDS_JACK_LINKS_H
#include <jack/jack.h>
#include <stdbool.h>
#include <stdint.h>

/// Connections that are remembered; what is beyond that is forgotten when the server goes.
#define JACK_MAX_LINKS 256
/// Longest name of a port, with its closing 0.
#define JACK_PEER_BYTES 320

struct jack_link {
    uint32_t channel; // of the output, counted from 0
    bool is_up;       // it has been seen since the peer came
    char peer[JACK_PEER_BYTES];
};

/// Outlives servers and clients. Touched by one thread at a time, which may wait for the server.
struct jack_links {
    bool is_known; // has been learnt: what follows is what somebody wants
    uint32_t n;
    struct jack_link links[JACK_MAX_LINKS];
};

/// Learns what has been connected and disconnected, and connects what was connected to a peer that has come
/// back. A connection is forgotten when it is gone and its peer is not.
void jack_links_learn(struct jack_links *l, jack_client_t *client, jack_port_t *const *ports,
                      uint32_t n_ports);

/// The client is a new one: connects what was connected, as far as the peers are there.
void jack_links_restore(struct jack_links *l, jack_client_t *client, jack_port_t *const *ports,
                        uint32_t n_ports);

#endif
