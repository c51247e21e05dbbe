// SPDX-License-Identifier: MIT
// share.h - who gives way when all connections are taken, so that no user can keep the others out. Control
// thread.
//
// An owner is a user on this machine, or an address. When all connections are taken, a newcomer whose owner
// would still have fewer than the one with most gets the place of that one's idlest connection. Else it is
// refused.
#ifndef ENGINE_OSC_SHARE_H
#define ENGINE_OSC_SHARE_H
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/// The place of a connection.
struct seat {
    uint64_t owner;
    int64_t heard_ns; // when something came last
};

uint64_t share_owner_user(uid_t uid);
/// Of an internet address, whatever the port.
uint64_t share_owner_address(const struct sockaddr *address);

/// Of `n` seats, all of them taken, the one that has to be given up for `owner`; n: none.
uint32_t share_find_victim(const struct seat *seats, uint32_t n, uint64_t owner);

#endif
