// SPDX-License-Identifier: MIT
// url.h - where a daemon is: from the text of a URL to a socket address. Inside libchime.
#ifndef CLIENTS_URL_H
#define CLIENTS_URL_H
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clients/chime.h"

#define URL_BYTES        256
#define URL_DEFAULT_PORT "57300"

/// An address that connect() takes.
struct url {
    bool is_unix;            // else UDP or TCP
    bool is_stream;          // a connection
    char host[128], port[8]; // UDP and TCP
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/// Takes a URL apart. CHIME_BAD_ARGUMENT when it is none of osc.unix:///path, osc.stream:///path,
/// osc.udp://host[:port][/] and osc.tcp://host[:port][/].
CHIME_NODISCARD enum chime_status url_parse(const char *text, struct url *u);

#endif
