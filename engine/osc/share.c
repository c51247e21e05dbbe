// SPDX-License-Identifier: MIT
// share.c - who gives way when all connections are taken, so that no user can keep the others out.
#include "engine/osc/share.h"

#include <netinet/in.h>
#include <string.h>

/// So that no address is taken for a user.
#define IS_ADDRESS (UINT64_C(1) << 63)

uint64_t share_owner_user(uid_t uid)
{
    return uid;
}

uint64_t share_owner_address(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return IS_ADDRESS | in.sin_addr.s_addr;
    }
    // The network: who has one address of it has all of them.
    struct sockaddr_in6 in6;
    uint64_t network;
    memcpy(&in6, address, sizeof in6);
    memcpy(&network, &in6.sin6_addr, sizeof network);
    return IS_ADDRESS | network >> 1;
}

static uint32_t count(const struct seat *seats, uint32_t n, uint64_t owner)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += seats[i].owner == owner;
    return sum;
}

static uint32_t find_idlest(const struct seat *seats, uint32_t n, uint64_t owner)
{
    uint32_t idlest = n;
    for (uint32_t i = 0; i < n; i++) {
        if (seats[i].owner != owner) continue;
        if (idlest == n || seats[i].heard_ns < seats[idlest].heard_ns) idlest = i;
    }
    return idlest;
}

uint32_t share_find_victim(const struct seat *seats, uint32_t n, uint64_t owner)
{
    uint32_t most = count(seats, n, owner) + 1;
    if (most > n / 2) return n; // nobody can have more; the usual case when somebody takes all
    uint64_t of = owner;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_other = seats[i].owner == of ? 0 : count(seats, n, seats[i].owner);
        if (n_other <= most) continue;
        most = n_other;
        of = seats[i].owner;
    }
    return of == owner ? n : find_idlest(seats, n, of);
}
