// SPDX-License-Identifier: MIT
// listen.h - the sockets that commands come in by: opened here, or handed over by the service manager.
// Control thread.
#ifndef ENGINE_OSC_LISTEN_H
#define ENGINE_OSC_LISTEN_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "alloc/attr.h"
#include "alloc/status.h"

#define LISTEN_MAX_ADDRESSES 8
#define LISTEN_MAX_SOCKETS   40
/// Room for what waits in a datagram socket, where the system grants as much.
#define LISTEN_BUFFER_BYTES (8 << 20)
#define LISTEN_REASON_BYTES 256
#define LISTEN_UNIT_BYTES   64

enum listener_kind { LISTEN_UNIX_DATAGRAM, LISTEN_UNIX_STREAM, LISTEN_UDP, LISTEN_TCP, LISTEN_KINDS };

struct listener {
    int fd;
    enum listener_kind kind;
    bool is_loopback; // hears this machine only
    uint32_t drops_seen;
    uint64_t n_dropped;                                     // datagrams that its buffer had no room for
    char name[sizeof(((struct sockaddr_un *)0)->sun_path)]; // path or address, for people
    bool is_file;                                           // `name` is one that we made, and remove
    bool is_given;                                          // or one that the service manager has made
    dev_t device;                                           // of that file, to know it again
    ino_t inode;
    bool is_muted; // its connections wait: epoll does not tell of them
    bool is_lost;  // its file is gone, and could not be made anew
    char unit[LISTEN_UNIT_BYTES];
};

/// A socket that the service manager has opened.
struct handed_over {
    int fd;
    char unit[LISTEN_UNIT_BYTES]; // that it belongs to: "chimed.socket"; "" when that is not known
};

struct listeners {
    struct listener sockets[LISTEN_MAX_SOCKETS];
    uint32_t n;
};

struct listen_config {
    const char *datagram_path, *stream_path; // NULL: none
    uint16_t port;                           // 0: neither UDP nor TCP
    bool no_tcp;
    const char *addresses[LISTEN_MAX_ADDRESSES]; // beside those of this machine: "192.168.1.5", "::"
    uint32_t n_addresses;
    const struct handed_over *inherited; // their descriptors are now owned by the listeners
    uint32_t n_inherited;
};

/// Opens all. UNIX sockets have mode 0660, their folder is made if needed, and a file that a dead daemon left
/// is replaced. Of a kind that was handed over none is opened but those at `addresses`. On failure `reason`
/// says which socket, why, and what to do; nothing is left open.
NODISCARD enum status listeners_open(struct listeners *l, const struct listen_config *config, char *reason);

/// Accepts a zeroed one. Removes the files that it made, not those of the service manager.
void listeners_close(struct listeners *l);

enum mending { MENDING_NONE, MENDING_DONE, MENDING_FAILED };
/// Makes a UNIX socket of ours anew when its file is gone, or is another one's. The old one of datagrams
/// becomes the last of the list, for the clients that are connected to it, while there is room; that of
/// streams is closed, and the connections that it has taken stay. What the service manager has made only it
/// can make anew: that fails, and the reason says how.
NODISCARD enum mending listeners_mend(struct listeners *l, uint32_t index, char *reason);

/// True when some socket hears other machines.
bool listeners_hear_others(const struct listeners *l);

/// The first of a kind, or NULL.
const struct listener *listeners_find(const struct listeners *l, enum listener_kind kind);

/// Asks the kernel how many datagrams the socket had no room for, and returns the sum since it was opened.
uint64_t listener_count_drops(struct listener *l);

/// "UNIX datagrams", "UDP" and so on.
const char *listener_kind_name(enum listener_kind kind);

#endif
