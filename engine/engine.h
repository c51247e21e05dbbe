// SPDX-License-Identifier: MIT
// engine.h - owns everything: the memory, the audio side, control and the worker, without sockets or
// backends.
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "alloc/attr.h"
#include "alloc/status.h"
#include "engine/config.h"
#include "engine/control.h"
#include "engine/rt/engine_rt.h"

/// Owned by the control thread, but for what rt and the worker own inside.
struct engine {
    struct arena arena;
    struct config config; // a copy
    struct engine_rt rt;
    struct control control;
};

/// Everything but threads. A zeroed struct may be given to engine_fini(). `is_offline`: rt runs on the
/// control thread. On failure `reason` (ERROR_TEXT_BYTES) says why, and nothing is left open.
NODISCARD enum status engine_init(struct engine *e, const struct config *config, uint32_t rate,
                                  uint32_t n_channels, bool is_offline, char *reason);
void engine_fini(struct engine *e);

/// Set-up is over: no more memory is taken. Makes it resident and, if the configuration says so, locks it.
/// Fails with STATUS_NOT_ALLOWED when it must be locked and cannot be.
NODISCARD enum status engine_seal(struct engine *e, char *reason);

/// What the configuration costs, a line each, on standard output.
void engine_print_memory(const struct engine *e);

#endif
