// SPDX-License-Identifier: MIT
// clients.c - what is kept of each sender of datagrams: its rate, its role, and how much may be answered.
#include "engine/osc/clients.h"

#include <errno.h>
#include <sys/random.h>

/// No entry.
#define NONE UINT32_MAX

#define MESSAGE 1000000000ll // what one costs of a bucket
#define SECOND  1000000000ll

// ---- rate ----

void bucket_fill(struct bucket *b, uint32_t rate, int64_t now_ns)
{
    *b = (struct bucket){(int64_t)rate * MESSAGE, now_ns};
}

bool bucket_has(struct bucket *b, uint32_t rate, int64_t now_ns)
{
    int64_t most = (int64_t)rate * MESSAGE, passed_ns = now_ns - b->then_ns;
    if (passed_ns > 0) {
        // In a second at the most it is full, unless it owes more.
        int64_t n_seconds = passed_ns / SECOND, owed = most - b->level;
        b->level = n_seconds > 0 && owed / n_seconds <= most ? most : b->level + n_seconds * most;
        b->level += passed_ns % SECOND * rate;
        if (b->level > most) b->level = most;
        b->then_ns = now_ns;
    }
    return b->level >= MESSAGE;
}

void bucket_take(struct bucket *b, uint32_t n)
{
    b->level -= n * MESSAGE;
}

// ---- the table ----

enum status clients_init(struct clients *c, struct allocator *a, uint32_t n_max, uint32_t rate)
{
    *c = (struct clients){.n_max = n_max, .n_heads = 1, .newest = NONE, .oldest = NONE, .rate = rate};
    while (c->n_heads < n_max)
        c->n_heads *= 2;
    c->entries = make(struct client_entry, n_max, a);
    c->heads = make(uint32_t, c->n_heads, a);
    if (!c->entries || !c->heads) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < c->n_heads; i++)
        c->heads[i] = NONE;
    return STATUS_OK;
}

/// FNV-1a (Fowler, Noll, Vo) over the address. Who can choose addresses can fill one chain, of the table's
/// length.
static uint32_t *head_of(struct clients *c, const struct client *client)
{
    const uint8_t *p = (const uint8_t *)&client->address;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (socklen_t i = 0; i < client->address_bytes; i++)
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    return &c->heads[(hash ^ hash >> 32) & (c->n_heads - 1)];
}

static void unlink_age(struct clients *c, struct client_entry *e)
{
    if (e->newer != NONE)
        c->entries[e->newer].older = e->older;
    else
        c->newest = e->older;
    if (e->older != NONE)
        c->entries[e->older].newer = e->newer;
    else
        c->oldest = e->newer;
}

static void make_newest(struct clients *c, uint32_t index)
{
    struct client_entry *e = &c->entries[index];
    e->newer = NONE;
    e->older = c->newest;
    if (c->newest != NONE)
        c->entries[c->newest].newer = index;
    else
        c->oldest = index;
    c->newest = index;
}

static uint32_t find(struct clients *c, const struct client *client)
{
    if (c->newest != NONE && client_is(&c->entries[c->newest].client, client)) return c->newest;
    uint32_t i = *head_of(c, client);
    while (i != NONE && !client_is(&c->entries[i].client, client))
        i = c->entries[i].next_in_bucket;
    return i;
}

/// A place for a new client: a free one, or that of the oldest.
static uint32_t take_place(struct clients *c)
{
    if (c->n_used < c->n_max) return c->n_used++;
    uint32_t index = c->oldest;
    struct client_entry *e = &c->entries[index];
    uint32_t *link = head_of(c, &e->client);
    while (*link != index)
        link = &c->entries[*link].next_in_bucket;
    *link = e->next_in_bucket;
    unlink_age(c, e);
    c->n_evicted++;
    return index;
}

struct client_entry *clients_find(struct clients *c, const struct client *client)
{
    uint32_t i = find(c, client);
    return i == NONE ? NULL : &c->entries[i];
}

struct client_entry *clients_hear(struct clients *c, const struct client *client, int64_t now_ns,
                                  bool *is_new)
{
    uint32_t i = find(c, client);
    *is_new = i == NONE;
    if (*is_new) {
        i = take_place(c);
        uint32_t *head = head_of(c, client);
        c->entries[i] = (struct client_entry){.client = *client, .next_in_bucket = *head, .uid = (uid_t)-1};
        bucket_fill(&c->entries[i].bucket, c->rate, now_ns);
        *head = i;
        make_newest(c, i);
    } else if (i != c->newest) {
        unlink_age(c, &c->entries[i]);
        make_newest(c, i);
    }
    struct client_entry *e = &c->entries[i];
    if (e->is_proved && now_ns - e->last_heard_ns > PROOF_NS) e->is_proved = false;
    e->last_heard_ns = now_ns;
    return e;
}

// ---- what may be answered ----

void client_earn(struct client_entry *e, uint32_t n_bytes)
{
    e->credit_bytes += (int64_t)CREDIT_FACTOR * n_bytes;
    if (e->credit_bytes > MAX_CREDIT_BYTES) e->credit_bytes = MAX_CREDIT_BYTES;
}

bool client_spend(struct client_entry *e, uint32_t n_bytes, int64_t now_ns)
{
    if (e->is_proved && now_ns - e->last_heard_ns <= PROOF_NS) return true;
    if (e->credit_bytes < (int64_t)n_bytes) return false;
    e->credit_bytes -= n_bytes;
    return true;
}

uint64_t client_token(struct client_entry *e)
{
    // Never waits: the kernel's generator has been ready since the machine started.
    while (e->token == 0 && getrandom(&e->token, sizeof e->token, GRND_NONBLOCK) != sizeof e->token)
        if (errno != EINTR) break;
    return e->token;
}

bool client_prove(struct client_entry *e, uint64_t token, int64_t now_ns)
{
    if (e->token == 0 || token != e->token) return false;
    e->is_proved = true;
    e->last_heard_ns = now_ns;
    return true;
}
