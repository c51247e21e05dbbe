// SPDX-License-Identifier: MIT
// outbox.c - answers that wait until their client has room for them, in order for each.
#include "engine/osc/outbox.h"

#include <assert.h>
#include <string.h>

/// A multiple of CACHE_LINE, as what make_bytes() gives must lie on one.
#define LONG_BLOCK_BYTES (MAX_ANSWER_BYTES + CACHE_LINE)

static_assert(sizeof(struct waiting_answer) <= CACHE_LINE, "a long answer fits into its block");

enum status outbox_init(struct outbox *o, struct allocator *a)
{
    static const uint32_t n_blocks[POOLS_SIZES] = {N_SMALL_ANSWERS, N_MEDIUM_ANSWERS, N_LARGE_ANSWERS};
    *o = (struct outbox){0};
    o->clients = make(struct waiting_client, MAX_WAITING_CLIENTS, a);
    if (!o->clients) return STATUS_NO_MEMORY;
    enum status status = pools_init(&o->answers, a, n_blocks);
    if (status) return status;
    return pool_init(&o->long_answers, a, N_LONG_ANSWERS, LONG_BLOCK_BYTES);
}

static struct waiting_client *find(const struct outbox *o, const struct client *client)
{
    for (uint32_t i = 0; i < o->n_clients; i++)
        if (client_is(&o->clients[i].client, client)) return &o->clients[i];
    return NULL;
}

bool outbox_has(const struct outbox *o, const struct client *client)
{
    return find(o, client) != NULL;
}

static uint32_t size_of(uint32_t block_bytes)
{
    return block_bytes <= POOLS_SMALL_BYTES    ? POOLS_SMALL
           : block_bytes <= POOLS_MEDIUM_BYTES ? POOLS_MEDIUM
           : block_bytes <= POOLS_LARGE_BYTES  ? POOLS_LARGE
                                               : POOLS_SIZES;
}

static struct waiting_answer *take_block(struct outbox *o, const struct waiting_client *c, uint32_t n_bytes)
{
    uint32_t bytes = (uint32_t)sizeof(struct waiting_answer) + n_bytes, size = size_of(bytes);
    const struct pool *pool = size < POOLS_SIZES ? &o->answers.pools[size] : &o->long_answers;
    if (n_bytes > MAX_ANSWER_BYTES || (c ? c->n_held[size] : 0) >= 2 * pool->n_free) return NULL;
    // The pool has a free block, so none of another size is taken.
    struct allocator *a =
        size < POOLS_SIZES ? pools_allocator(&o->answers) : pool_allocator(&o->long_answers);
    struct waiting_answer *answer = make_bytes(bytes, 1, a);
    if (answer) *answer = (struct waiting_answer){.n_bytes = n_bytes, .size = size};
    return answer;
}

bool outbox_keep(struct outbox *o, const struct client *client, const uint8_t *bytes, uint32_t n_bytes,
                 int64_t deadline_ns)
{
    struct waiting_client *c = find(o, client);
    struct waiting_answer *answer =
        c || o->n_clients < MAX_WAITING_CLIENTS ? take_block(o, c, n_bytes) : NULL;
    if (!answer) return false;
    answer->deadline_ns = deadline_ns;
    memcpy(answer->bytes, bytes, n_bytes);
    if (!c) {
        c = &o->clients[o->n_clients++];
        *c = (struct waiting_client){.client = *client, .first = answer};
    } else {
        c->last->next = answer;
    }
    c->last = answer;
    c->n_held[answer->size]++;
    o->n_waiting++;
    return true;
}

static void drop_first(struct outbox *o, struct waiting_client *c)
{
    struct waiting_answer *answer = c->first;
    struct allocator *a =
        answer->size < POOLS_SIZES ? pools_allocator(&o->answers) : pool_allocator(&o->long_answers);
    c->first = answer->next;
    c->n_held[answer->size]--;
    o->n_waiting--;
    allocator_unmake(a, answer, sizeof *answer + answer->n_bytes, 1);
}

static uint32_t flush_client(struct outbox *o, struct waiting_client *c, outbox_send *send, void *context,
                             int64_t now_ns)
{
    uint32_t n_late = 0;
    bool has_room = true;
    for (const struct waiting_answer *a; (a = c->first);) {
        has_room = has_room && send(context, &c->client, a->bytes, a->n_bytes);
        if (!has_room && now_ns < a->deadline_ns) break;
        n_late += !has_room;
        drop_first(o, c);
    }
    return n_late;
}

uint32_t outbox_flush(struct outbox *o, outbox_send *send, void *context, int64_t now_ns)
{
    uint32_t n_late = 0;
    for (uint32_t i = o->n_clients; i-- > 0;) {
        n_late += flush_client(o, &o->clients[i], send, context, now_ns);
        if (!o->clients[i].first) o->clients[i] = o->clients[--o->n_clients];
    }
    return n_late;
}
