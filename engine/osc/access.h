// SPDX-License-Identifier: MIT
// access.h - who may come in, and as what: roles by socket, user and group; addresses that may use the
// network.
//
// The role of a client is, in this order: the one that the configuration gives its user; admin for the
// daemon's own user, which could end the daemon by a signal anyway; the highest that the configuration gives
// one of its groups; admin for root; the one of the socket that it came in by. Names are looked up at the
// start and at a reload only: else that could wait for a directory service, and nothing here waits. So the
// groups that count are those that the kernel tells: of a datagram's sender its primary one, of who opened a
// connection all.
#ifndef ENGINE_OSC_ACCESS_H
#define ENGINE_OSC_ACCESS_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/osc/methods.h"

#define ACCESS_MAX_RULES    64
#define ACCESS_MAX_NETWORKS 16
#define ACCESS_MAX_GROUPS   64 // of one client that are looked at

/// What the configuration says, as text.
struct access_config {
    enum role unix_role, udp_role, tcp_role;
    const char *users[ROLE_ADMIN + 1],
        *groups[ROLE_ADMIN + 1];               // of each role: names or numbers, with blanks between
    const char *networks[ACCESS_MAX_NETWORKS]; // "192.168.1.0/24", "fd00::/8"
    uint32_t n_networks;
};

/// A uid or gid that has a role.
struct access_rule {
    uint32_t id;
    bool is_group;
    enum role role;
};

struct access_network {
    sa_family_t family;
    uint8_t address[16];
    uint32_t n_bits;
};

struct access {
    enum role unix_role, udp_role, tcp_role;
    uid_t own_uid;
    struct access_rule rules[ACCESS_MAX_RULES];
    uint32_t n_rules;
    struct access_network networks[ACCESS_MAX_NETWORKS];
    uint32_t n_networks;
    int64_t log_second; // CLOCK_MONOTONIC; lines about clients are limited in each
    uint32_t n_logged;
};

// ---- set-up: may ask directory services ----

/// On failure `reason` (256 bytes) says which word is wrong, and what was expected.
NODISCARD enum status access_init(struct access *a, const struct access_config *config, char *reason);

// ---- control thread ----

/// The role of who has this uid and these groups on a UNIX socket.
enum role access_role(const struct access *a, uid_t uid, const gid_t *groups, uint32_t n_groups);

/// Tells the log of a client that came in: at level info if it is an admin, else debug; ten a second at the
/// most. `uid`: (uid_t)-1 where it is not known.
void access_log(struct access *a, const char *where, enum role role, uid_t uid, gid_t gid, pid_t pid,
                int64_t now_ns);

/// "read", "play" or "admin".
const char *role_name(enum role role);

/// True when an address is one of this machine's own, or in one of the networks.
bool access_allows(const struct access *a, const struct sockaddr *address);

/// 127.0.0.0/8 and ::1. The kernel takes no packet with such an address from a network, so it cannot be
/// forged from outside.
bool address_is_loopback(const struct sockaddr *address);

/// True when nothing is ever sent there: a port below 1024 (those of other services, which a forged sender
/// would have us talk to), and addresses of many (broadcast, multicast) or of none.
bool address_is_barred(const struct sockaddr *address);

#endif
