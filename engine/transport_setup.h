// SPDX-License-Identifier: MIT
// transport_setup.h - what the configuration means for the sockets.
#ifndef ENGINE_TRANSPORT_SETUP_H
#define ENGINE_TRANSPORT_SETUP_H
#include "engine/config.h"
#include "engine/osc/transport.h"

/// Fills in all but the sockets that were handed over. Texts are borrowed from `config`.
void transport_configure(struct transport_config *t, const struct config *config);

#endif
