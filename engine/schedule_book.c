// SPDX-License-Identifier: MIT
// schedule_book.c - which entries of rt's schedule are given out, to which messages, and who takes them back.
#include "engine/schedule_book.h"

#include <assert.h>
#include <string.h>

enum status schedule_book_init(struct schedule_book *b, struct allocator *a, uint32_t n_entries)
{
    *b = (struct schedule_book){.n_entries = n_entries,
                                .new_entries = BOOK_NONE,
                                .first_to_take = BOOK_NONE,
                                .last_to_take = BOOK_NONE};
    b->bookings = make(struct booking, n_entries, a);
    b->tickets = make(struct ticket, n_entries, a);
    if (!b->bookings || !b->tickets) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < n_entries; i++)
        b->bookings[i].next = b->tickets[i].next_free = i + 1 < n_entries ? i + 1 : BOOK_NONE;
    return STATUS_OK;
}

// ---- giving out ----

static uint32_t take_ticket(struct schedule_book *b)
{
    uint32_t ticket = b->free_ticket;
    struct ticket *t = &b->tickets[ticket];
    b->free_ticket = t->next_free;
    t->n_entries = 0;
    t->clear = BOOK_NONE;
    t->is_taken_back = t->is_late = false;
    return ticket;
}

uint32_t schedule_book_take(struct schedule_book *b, uint32_t slot, uint32_t *ticket)
{
    uint32_t entry = b->free;
    if (entry == BOOK_NONE) {
        b->n_refused++;
        return BOOK_NONE;
    }
    if (*ticket == BOOK_NONE) *ticket = take_ticket(b);
    struct booking *e = &b->bookings[entry];
    b->free = e->next;
    *e = (struct booking){.ticket = *ticket, .slot = slot, .next = b->new_entries, .is_given_out = true};
    b->new_entries = entry;
    b->tickets[*ticket].n_entries++;
    b->n_used++;
    return entry;
}

void schedule_book_commit(struct schedule_book *b)
{
    b->new_entries = BOOK_NONE;
    if (b->n_used > b->n_high) b->n_high = b->n_used;
}

static void give_back(struct schedule_book *b, uint32_t entry)
{
    b->bookings[entry].is_given_out = false;
    b->bookings[entry].next = b->free;
    b->free = entry;
    b->n_used--;
}

/// An entry of a ticket is over. True when it was the last one: then the ticket is free.
static bool leave_ticket(struct schedule_book *b, uint32_t ticket)
{
    struct ticket *t = &b->tickets[ticket];
    assert(t->n_entries > 0);
    if (--t->n_entries > 0) return false;
    if (b->texts) scheduled_texts_drop(b->texts, ticket);
    t->next_free = b->free_ticket;
    b->free_ticket = ticket;
    return true;
}

void schedule_book_rollback(struct schedule_book *b)
{
    for (uint32_t entry; (entry = b->new_entries) != BOOK_NONE;) {
        b->new_entries = b->bookings[entry].next;
        leave_ticket(b, b->bookings[entry].ticket);
        give_back(b, entry);
    }
}

// ---- when rt has told ----

/// A message of a /clear is over. Returns the place of the /clear when it was the last one.
static uint32_t end_clear(struct schedule_book *b, const struct ticket *t)
{
    if (t->clear == BOOK_NONE) return BOOK_NONE;
    struct clearing *c = &b->clears[t->clear];
    c->n_taken += t->is_taken_back;
    if (--c->n_tickets > 0) return BOOK_NONE;
    b->n_clears--;
    return t->clear;
}

struct booking_end schedule_book_end(struct schedule_book *b, uint32_t entry, const struct due *due)
{
    struct booking *e = &b->bookings[entry];
    struct ticket *t = &b->tickets[e->ticket];
    assert(e->is_given_out);
    bool is_late = due->late_frames > 0 && due->outcome != DUE_UNSCHEDULED;
    struct booking_end end = {.slot = due->outcome == DUE_DONE ? BOOK_NONE : e->slot,
                              .is_late = is_late && !t->is_late,
                              .clear = BOOK_NONE};
    b->n_late += end.is_late;
    b->n_dropped += end.is_late && due->outcome == DUE_DROPPED;
    t->is_late |= is_late;
    t->is_taken_back |= due->outcome == DUE_UNSCHEDULED;
    end.is_last = leave_ticket(b, e->ticket);
    if (end.is_last) end.clear = end_clear(b, t);
    e->is_given_out = false;
    if (e->is_listed)
        e->is_over = true; // goes back when the list comes to it
    else
        give_back(b, entry);
    return end;
}

// ---- taking back ----

static bool matches(const struct ticket *t, const struct selector *s)
{
    if (t->n_entries == 0 || t->clear != BOOK_NONE) return false;
    if (s->all) return true;
    if (!s->name) return t->target.kind == TARGET_NUMBER && t->target.number == s->number;
    return (t->tag[0] && strcmp(t->tag, s->name) == 0) ||
           (t->target.kind == TARGET_NAME && strcmp(t->target.name, s->name) == 0);
}

static void list_to_take(struct schedule_book *b, uint32_t entry)
{
    b->bookings[entry].is_listed = true;
    b->bookings[entry].next = BOOK_NONE;
    if (b->first_to_take == BOOK_NONE)
        b->first_to_take = entry;
    else
        b->bookings[b->last_to_take].next = entry;
    b->last_to_take = entry;
}

static uint32_t mark_tickets(struct schedule_book *b, const struct selector *s, uint32_t clear)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_entries; i++)
        if (matches(&b->tickets[i], s)) {
            b->tickets[i].clear = clear;
            n++;
        }
    return n;
}

uint32_t schedule_book_clear(struct schedule_book *b, const struct selector *s, bool *is_full)
{
    *is_full = b->n_clears == MAX_CLEARS;
    if (*is_full || b->n_used == 0) return BOOK_NONE;
    uint32_t clear = 0;
    while (b->clears[clear].n_tickets > 0)
        clear++;
    uint32_t n = mark_tickets(b, s, clear);
    if (n == 0) return BOOK_NONE;
    b->clears[clear] = (struct clearing){.n_tickets = n};
    b->n_clears++;
    for (uint32_t i = 0; i < b->n_entries; i++) {
        const struct booking *e = &b->bookings[i];
        const struct ticket *t = &b->tickets[e->ticket];
        if (e->is_given_out && t->clear == clear) list_to_take(b, i);
    }
    return clear;
}

uint32_t schedule_book_next_to_take(struct schedule_book *b)
{
    for (uint32_t entry; (entry = b->first_to_take) != BOOK_NONE;) {
        struct booking *e = &b->bookings[entry];
        b->first_to_take = e->next;
        e->is_listed = false;
        if (!e->is_over) return entry;
        give_back(b, entry);
    }
    return BOOK_NONE;
}
