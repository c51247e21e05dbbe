// SPDX-License-Identifier: MIT
// cleanup.c - what must be undone, in reverse: the error path of an init, and the end of a scope.
#include "alloc/cleanup.h"

#include "alloc/debug.h"

void cleanup_push(struct cleanup *c, void (*undo)(void *object), void *object)
{
    if (c->n_steps == CLEANUP_MAX) debug_fail("more than %d steps to undo", CLEANUP_MAX);
    c->steps[c->n_steps].undo = undo;
    c->steps[c->n_steps++].object = object;
}

void cleanup_pop(struct cleanup *c)
{
    if (c->n_steps == 0) return;
    c->n_steps--;
    c->steps[c->n_steps].undo(c->steps[c->n_steps].object);
}

void cleanup_run(struct cleanup *c)
{
    while (c->n_steps > 0)
        cleanup_pop(c);
}

void cleanup_forget(struct cleanup *c)
{
    c->n_steps = 0;
}
