// SPDX-License-Identifier: MIT
// chain_start.c - opens a chain with the first of its backends that can be had, starts it, and stops it.
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "engine/backends/chain_parts.h"

/// What is opened borrows its target from an entry, which stays, and not from the list, which goes.
static void lend_targets(const struct chain *c, struct backend_list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        list->choices[i].target = c->entries[i].choice.target;
}

enum status chain_open(struct chain *c, const struct config *config, char *reason)
{
    struct backend_list list;
    struct strbuf what = strbuf_make(reason, BACKEND_REASON_BYTES);
    uint32_t index = 0;
    struct backend *b = NULL;
    *c = (struct chain){
        .config = *config, .first = *config, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    hints_open(&c->hints);
    enum status status = backend_list_parse(&list, config->backend, &what);
    if (!status) status = chain_fill(c, &list, reason);
    if (status) return status;
    lend_targets(c, &list);
    status = backend_pick(&list, &c->first, &index, &b, reason);
    if (status) return status;
    c->current = &c->entries[index];
    c->current->backend = b;
    c->current->config = c->first;
    c->current->state = ENTRY_RUNNING;
    c->config.rate = b->rate;
    c->config.channels = b->n_channels;
    if (c->current == c->timer) return STATUS_OK;
    c->timer->config = c->config;
    status = backend_ops_of(BACKEND_NULL)->open(&c->timer->config, "", &c->timer->backend, reason);
    if (!status) c->timer->state = ENTRY_RUNNING;
    return status;
}

enum status chain_start(struct chain *c, struct cycle *cycle, char *reason)
{
    c->cycle = cycle;
    cycle->wake_fd = c->wake_fd;
    for (uint32_t i = 0; i < c->n_entries; i++)
        c->entries[i].cycle = cycle;
    struct backend *b = c->current->backend, *timer = c->timer->backend;
    b->cycle = cycle;
    backend_open_gate(b, false);
    enum status status = timer->ops->start(timer, cycle, reason);
    if (!status && b != timer) status = b->ops->start(b, cycle, reason);
    return status;
}

bool chain_stop(struct chain *c)
{
    struct timespec pause = {.tv_nsec = 10000000};
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        // Long enough for what libjack is given, and less than the time in which the daemon has to leave.
        bool is_ours = !entry_has_job(e) || entry_end_job(e);
        for (int n = 0; n < 120 && !is_ours; n++) {
            nanosleep(&pause, NULL);
            is_ours = entry_end_job(e);
        }
        if (!is_ours) continue; // it hangs: it goes with the process
        if (e->backend) e->backend->ops->close(e->backend);
        e->backend = NULL;
        e->state = ENTRY_CLOSED;
    }
    if (c->n_entries > 0) hints_close(&c->hints);
    c->current = NULL;
    return backend_memory_bytes().live_bytes == 0;
}
