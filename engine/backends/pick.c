// SPDX-License-Identifier: MIT
// pick.c - opens the first backend of a list that there is.
#include <stdio.h>
#include <string.h>

#include "engine/backends/backend.h"
#include "engine/log.h"

const struct backend_ops *backend_ops_of(enum backend_kind kind)
{
    static const struct backend_ops *const kinds[N_BACKEND_KINDS] = {
        [BACKEND_JACK] = &backend_jack, [BACKEND_ALSA] = &backend_alsa, [BACKEND_NULL] = &backend_null};
    return kinds[kind];
}

enum status backend_open(const struct backend_choice *choice, const struct config *config,
                         struct backend **backend, char *reason)
{
    const struct backend_ops *ops = backend_ops_of(choice->kind);
    reason[0] = 0;
    enum status status = ops->open(config, choice->target, backend, reason);
    if (status != STATUS_OK) return status;
    char text[BACKEND_REASON_BYTES];
    ops->describe(*backend, text, sizeof text);
    log_fields(LOG_LEVEL_INFO, LOG_WITH({"CHIMED_BACKEND", choice->word}),
               "backend: %s (%s), %u Hz, %u channels", choice->word, text, (*backend)->rate,
               (*backend)->n_channels);
    return STATUS_OK;
}

enum status backend_pick(const struct backend_list *list, const struct config *config, uint32_t *index,
                         struct backend **backend, char *reason)
{
    for (uint32_t i = 0; i < list->n; i++) {
        enum status status = backend_open(&list->choices[i], config, backend, reason);
        *index = i;
        if (status == STATUS_OK || i + 1 == list->n) return status;
        log_info("backend: not %s: %s", list->choices[i].word, reason);
    }
    snprintf(reason, BACKEND_REASON_BYTES, "there is no backend");
    return STATUS_NOT_FOUND;
}
