// SPDX-License-Identifier: MIT
// scheduled_texts.c - the messages that wait for their time, as they can be sent again.
#include "engine/scheduled_texts.h"

#include <string.h>

#include "engine/rt/clock.h"

#define NO_TICKET UINT32_MAX

enum status scheduled_texts_init(struct scheduled_texts *t, struct allocator *a, uint32_t n_tickets)
{
    *t = (struct scheduled_texts){.oldest = NO_TICKET, .newest = NO_TICKET, .next = NO_TICKET};
    t->texts = make(struct scheduled_text, n_tickets, a);
    if (!t->texts) return STATUS_NO_MEMORY;
    enum status status = pool_init(&t->usual, a, n_tickets, SCHEDULED_TEXT_BYTES);
    if (!status) status = pool_init(&t->longs, a, n_tickets / 16 + 1, SCHEDULED_LONG_TEXT_BYTES);
    return status;
}

static uint8_t *take_bytes(struct scheduled_texts *t, struct scheduled_text *text, uint32_t n_bytes)
{
    text->is_long = n_bytes > SCHEDULED_TEXT_BYTES;
    if (n_bytes > SCHEDULED_LONG_TEXT_BYTES) return NULL;
    return pool_alloc(text->is_long ? &t->longs : &t->usual, &text->handle);
}

void scheduled_texts_keep(struct scheduled_texts *t, uint32_t ticket, const uint8_t *message,
                          uint32_t n_bytes, uint64_t time)
{
    struct scheduled_text *text = &t->texts[ticket];
    text->bytes = take_bytes(t, text, n_bytes);
    if (!text->bytes) {
        t->n_refused++;
        return;
    }
    memcpy(text->bytes, message, n_bytes);
    text->n_bytes = n_bytes;
    text->time = time - t->shift;
    text->older = t->newest;
    text->newer = NO_TICKET;
    *(t->newest == NO_TICKET ? &t->oldest : &t->texts[t->newest].newer) = ticket;
    t->newest = ticket;
}

void scheduled_texts_drop(struct scheduled_texts *t, uint32_t ticket)
{
    struct scheduled_text *text = &t->texts[ticket];
    if (!text->bytes) return;
    if (t->next == ticket) t->next = text->newer;
    *(text->older == NO_TICKET ? &t->oldest : &t->texts[text->older].newer) = text->newer;
    *(text->newer == NO_TICKET ? &t->newest : &t->texts[text->newer].older) = text->older;
    (void)pool_free(text->is_long ? &t->longs : &t->usual, text->handle);
    text->bytes = NULL;
}

void scheduled_texts_shift(struct scheduled_texts *t, int64_t ns)
{
    t->shift += ns < 0 ? -clock_ntp_of_ns((uint64_t)-ns) : clock_ntp_of_ns((uint64_t)ns);
}

void scheduled_texts_begin(struct scheduled_texts *t)
{
    t->next = t->oldest;
}

bool scheduled_texts_next(struct scheduled_texts *t, const struct scheduled_text **text, uint64_t *time)
{
    if (t->next == NO_TICKET) return false;
    *text = &t->texts[t->next];
    *time = (*text)->time + t->shift;
    t->next = (*text)->newer;
    return true;
}
