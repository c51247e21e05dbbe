// SPDX-License-Identifier: MIT
// message.h - the inside of a message, and datagrams taken apart into messages. Inside libchime.
#ifndef CLIENTS_MESSAGE_H
#define CLIENTS_MESSAGE_H
#include <lo/lo.h>
#include <stdbool.h>

#include "clients/chime.h"

/// Largest datagram that is sent or taken in: what UDP over IPv4 can carry.
#define MESSAGE_MAX_BYTES 65507
/// Bundles in bundles, at most; deeper ones are junk.
#define MESSAGE_MAX_DEPTH 8

struct chime_message {
    char *path;      // owned
    lo_message body; // owned
    bool failed;     // an argument could not be added
    struct chime_message *next;
};

/// Messages that came and were not taken yet, oldest first. Owns them.
struct message_list {
    struct chime_message *first, *last;
};

/// Writes the message to `bytes` of `size`. CHIME_NO_MEMORY when it is not whole, CHIME_BAD_ARGUMENT when it
/// is too long; else `*length` is its size.
CHIME_NODISCARD enum chime_status message_write(const struct chime_message *m, void *bytes, size_t size,
                                                size_t *length);

/// Appends the messages of one datagram, bundles unpacked. CHIME_BAD_ARGUMENT when it is no valid OSC packet:
/// then nothing was appended.
CHIME_NODISCARD enum chime_status message_unpack(const void *bytes, size_t size, struct message_list *list);

/// The oldest message, now the caller's; NULL when there is none.
struct chime_message *message_take(struct message_list *list);

#endif
