// SPDX-License-Identifier: MIT
// call.h - a request with its way back: what handlers are given.
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H
#include <stdbool.h>
#include <stdint.h>

#include "engine/osc/client.h"
#include "engine/osc/parse.h"
#include "engine/rt/command.h"

/// Longest sentence of an /error, with its closing 0.
#define ERROR_TEXT_BYTES 1024

/// What one message asks of one method. There until its handler returns.
struct call {
    const struct request *request;
    const struct client *client;
    const char *path; // of the method
    int *fd;          // came with the datagram; who takes it sets it to -1
    enum when when;   // what its commands get
    uint64_t time;
    bool is_alone; // no other message came with it, and it is not scheduled: it may be answered later than
                   // others
    bool drop_late;
    uint32_t index;   // of the message in its packet
    uint32_t n_tries; // times that its packet has waited for loads; from 1 on, what is loaded is not looked
                      // at again
};

#endif
