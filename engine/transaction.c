// SPDX-License-Identifier: MIT
// transaction.c - all messages of a packet, or none.
#include "engine/transaction.h"

#include <stdio.h>

enum status transaction_init(struct transaction *t, struct allocator *a)
{
    t->answers = make(struct answer, MAX_CALLS, a);
    t->undos = make(struct undo_step, MAX_UNDOS, a);
    return t->answers && t->undos ? STATUS_OK : STATUS_NO_MEMORY;
}

void transaction_refuse(struct transaction *t, uint32_t call, enum api_error error, const char *text)
{
    if (t->error) return;
    t->error = error;
    t->bad_call = call;
    snprintf(t->text, sizeof t->text, "%s", text);
}
