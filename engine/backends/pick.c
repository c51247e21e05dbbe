// SPDX-License-Identifier: MIT
// pick.c - opens the backend that the configuration names, or the best one that there is.
#include <stdio.h>
#include <string.h>

#include "engine/backends/backend.h"
#include "engine/log.h"

/// In the order in which `auto` tries them.
static const struct backend_ops *const kinds[] = {&backend_jack, &backend_alsa, &backend_null};

static enum status open_and_tell(const struct backend_ops *ops, const struct config *config,
                                 struct backend **backend, char *reason)
{
    reason[0] = 0;
    enum status status = ops->open(config, backend, reason);
    if (status != STATUS_OK) return status;
    char text[BACKEND_REASON_BYTES];
    ops->describe(*backend, text, sizeof text);
    log_info("backend: %s (%s), %u Hz, %u channels", ops->name, text, (*backend)->rate,
             (*backend)->n_channels);
    return STATUS_OK;
}

enum status backend_pick(const struct config *config, struct backend **backend, char *reason)
{
    bool any = strcmp(config->backend, "auto") == 0;
    enum status status = STATUS_NOT_FOUND;
    snprintf(reason, BACKEND_REASON_BYTES, "there is no backend \"%s\"", config->backend);
    for (uint32_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!any && strcmp(config->backend, kinds[i]->name) != 0) continue;
        status = open_and_tell(kinds[i], config, backend, reason);
        if (status == STATUS_OK) return STATUS_OK;
        if (any) log_info("backend: not %s: %s", kinds[i]->name, reason);
    }
    return status;
}
