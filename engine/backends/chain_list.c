// SPDX-License-Identifier: MIT
// chain_list.c - which backends a chain has, and in which order they are wanted.
#include <string.h>

#include "engine/backends/chain_parts.h"

// ---- entries ----

static void init_entry(struct chain *c, struct chain_entry *e, const struct backend_choice *choice,
                       uint32_t place)
{
    *e = (struct chain_entry){.cycle = c->cycle, .wake_fd = c->wake_fd, .place = place};
    e->choice = *choice;
    e->choice.target = e->choice.word + (choice->target - choice->word);
}

/// Nobody wants it, and nothing of it is open.
static bool is_idle(const struct chain *c, const struct chain_entry *e)
{
    return e->state == ENTRY_CLOSED && e->place == ENTRY_UNLISTED && e != c->timer && e != c->current &&
           e != c->next && e != c->pinned && e != c->pinned_before && e != c->fallback;
}

/// NULL when all are in use.
static struct chain_entry *find_idle(struct chain *c)
{
    for (uint32_t i = 0; i < c->n_entries; i++)
        if (is_idle(c, &c->entries[i])) return &c->entries[i];
    return c->n_entries < CHAIN_MAX_ENTRIES ? &c->entries[c->n_entries] : NULL;
}

static uint32_t count_idle(const struct chain *c)
{
    uint32_t n = CHAIN_MAX_ENTRIES - c->n_entries;
    for (uint32_t i = 0; i < c->n_entries; i++)
        n += is_idle(c, &c->entries[i]);
    return n;
}

static struct chain_entry *add_entry(struct chain *c, const struct backend_choice *choice, uint32_t place)
{
    struct chain_entry *e = find_idle(c);
    if (!e) return NULL;
    if (e == &c->entries[c->n_entries]) c->n_entries++;
    init_entry(c, e, choice, place);
    return e;
}

struct chain_entry *chain_make_entry(struct chain *c, const struct backend_choice *choice)
{
    return add_entry(c, choice, ENTRY_UNLISTED);
}

struct chain_entry *chain_find_entry(struct chain *c, const struct backend_choice *choice)
{
    const struct chain_entry *entries[CHAIN_MAX_ENTRIES];
    const struct chain_entry *same_kind = NULL, *found = NULL;
    uint32_t n = chain_order(c, entries);
    for (uint32_t i = 0; i < n && !found; i++) {
        const struct chain_entry *e = entries[i];
        if (strcmp(e->choice.word, choice->word) == 0) found = e;
        if (!same_kind && e->choice.kind == choice->kind && !choice->target[0]) same_kind = e;
    }
    if (!found) found = same_kind;
    return found ? &c->entries[found - c->entries] : NULL;
}

// ---- order ----

const struct chain_entry *chain_replacement(const struct chain *c)
{
    for (uint32_t i = 0; c->fallback && i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        if (e->place != ENTRY_UNLISTED && strcmp(e->choice.word, c->fallback->choice.word) == 0) return e;
    }
    return NULL;
}

uint32_t chain_rank(const struct chain *c, const struct chain_entry *e)
{
    if (e == c->pinned) return 0;
    if (e->place != ENTRY_UNLISTED) return 2 * (1 + e->place);
    if (e == c->timer) return CHAIN_NO_RANK - 1;
    const struct chain_entry *other = e == c->fallback ? chain_replacement(c) : NULL;
    if (!other) return CHAIN_NO_RANK;
    // One that was refused is not tried again while the old one plays; one that was busy is, and takes over.
    bool is_refused = other->state == ENTRY_CLOSED && other->job_status != STATUS_BUSY;
    return 2 * (1 + other->place) + !is_refused;
}

bool chain_is_left_over(const struct chain *c, const struct chain_entry *e)
{
    return chain_rank(c, e) == CHAIN_NO_RANK;
}

const struct chain_entry *chain_best(const struct chain *c)
{
    // What has just been asked for may come to nothing.
    const struct chain_entry *pinned = c->request == REQUEST_WAITS ? c->pinned_before : c->pinned;
    if (pinned) return pinned;
    const struct chain_entry *e = c->entries;
    while (e->place != 0)
        e++; // there is one
    return e;
}

static bool comes_before(const struct chain *c, const struct chain_entry *a, const struct chain_entry *b)
{
    if (a->place != b->place) return a->place < b->place;
    return a == c->timer && b != c->timer;
}

uint32_t chain_order(const struct chain *c, const struct chain_entry *entries[CHAIN_MAX_ENTRIES])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        const struct chain_entry *e = &c->entries[i];
        if (is_idle(c, e)) continue;
        uint32_t at = n++;
        for (; at > 0 && comes_before(c, e, entries[at - 1]); at--)
            entries[at] = entries[at - 1];
        entries[at] = e;
    }
    return n;
}

// ---- the list ----

enum status chain_fill(struct chain *c, const struct backend_list *list, char *reason)
{
    c->is_auto = list->is_auto;
    for (uint32_t i = 0; i < list->n; i++) {
        struct chain_entry *e = add_entry(c, &list->choices[i], i); // of a new chain there are enough
        if (e->choice.kind == BACKEND_NULL) c->timer = e;
    }
    c->n_listed = list->n;
    if (c->timer) return STATUS_OK;
    struct backend_choice null;
    struct strbuf what = strbuf_make(reason, BACKEND_REASON_BYTES);
    enum status status = backend_choice_parse(&null, "null", &what);
    if (!status) c->timer = add_entry(c, &null, ENTRY_UNLISTED);
    return status;
}

/// What an ALSA device is opened with. JACK has nothing of its own, and the timer takes its period while it
/// runs.
static bool opens_the_same(const struct chain_entry *e, const struct config *config)
{
    const struct config *old = &e->config;
    if (e->state == ENTRY_CLOSED || e->choice.kind != BACKEND_ALSA) return true;
    return (e->choice.target[0] || strcmp(old->device, config->device) == 0) &&
           strcmp(old->format, config->format) == 0 && old->period == config->period &&
           old->periods == config->periods;
}

/// The entry that stays for a backend of the new list, or NULL.
static struct chain_entry *find_same(struct chain *c, const struct backend_choice *choice,
                                     const struct config *config)
{
    for (uint32_t i = 0; i < c->n_entries; i++) {
        struct chain_entry *e = &c->entries[i];
        bool is_of_use = !is_idle(c, e) && e->state != ENTRY_CLOSING;
        if (is_of_use && strcmp(e->choice.word, choice->word) == 0 && opens_the_same(e, config)) return e;
    }
    return NULL;
}

static void take_config(struct chain *c, const struct config *config)
{
    // Not all of it: the rate and the channels are the engine's, and others have no meaning but at the start.
    memcpy(c->config.backend, config->backend, sizeof c->config.backend);
    memcpy(c->config.device, config->device, sizeof c->config.device);
    memcpy(c->config.format, config->format, sizeof c->config.format);
    memcpy(c->config.jack_connect, config->jack_connect, sizeof c->config.jack_connect);
    c->config.period = config->period;
    c->config.periods = config->periods;
}

void chain_configure_entry(const struct chain *c, struct chain_entry *e)
{
    bool runs = e->state == ENTRY_RUNNING || e->state == ENTRY_LOOKING;
    if (runs && e->backend->ops->configure) e->backend->ops->configure(e->backend, &c->config);
}

/// An entry that comes into the list, or stays in it, is tried at once.
static void list_entry(struct chain *c, struct chain_entry *e, uint32_t place)
{
    e->place = place;
    e->next_try_ns = e->back_off_ns = 0;
    e->is_tried = e->is_evicted = false;
    if (e->state == ENTRY_CLOSED) e->job_status = STATUS_OK;
    // Somebody has asked for it, under this word.
    if (c->pinned && c->pinned->place == ENTRY_UNLISTED &&
        strcmp(c->pinned->choice.word, e->choice.word) == 0)
        c->pinned = e;
}

enum status chain_reconfigure(struct chain *c, const struct config *config, char *reason)
{
    struct backend_list list;
    struct strbuf what = strbuf_make(reason, BACKEND_REASON_BYTES);
    struct chain_entry *same[BACKEND_LIST_MAX];
    enum status status = backend_list_parse(&list, config->backend, &what);
    if (status) return status;
    uint32_t n_new = 0;
    for (uint32_t i = 0; i < list.n; i++) {
        same[i] = find_same(c, &list.choices[i], config);
        n_new += !same[i];
    }
    if (n_new > count_idle(c)) {
        strbuf_append(&what, "backends of earlier configurations are still being closed: try again");
        return STATUS_BUSY;
    }
    take_config(c, config);
    c->fallback = NULL;
    c->is_auto = list.is_auto;
    c->n_listed = list.n;
    for (uint32_t i = 0; i < c->n_entries; i++)
        c->entries[i].place = ENTRY_UNLISTED;
    for (uint32_t i = 0; i < list.n; i++) // before others take what is idle
        if (same[i]) list_entry(c, same[i], i);
    for (uint32_t i = 0; i < list.n; i++)
        if (!same[i]) list_entry(c, add_entry(c, &list.choices[i], i), i);
    for (uint32_t i = 0; i < c->n_entries; i++)
        chain_configure_entry(c, &c->entries[i]);
    return STATUS_OK;
}
