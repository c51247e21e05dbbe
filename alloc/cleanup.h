// SPDX-License-Identifier: MIT
// cleanup.h - what must be undone, in reverse: the error path of an init, and the end of a scope.
#ifndef ALLOC_CLEANUP_H
#define ALLOC_CLEANUP_H
#include <stdint.h>

/// Steps that one stack holds.
#define CLEANUP_MAX 32

/// Owned by one thread. A zeroed one is empty.
struct cleanup {
    struct {
        void (*undo)(void *object);
        void *object;
    } steps[CLEANUP_MAX];
    uint32_t n_steps;
};

/// Registers `undo(object)`. More than CLEANUP_MAX steps end the process: that is a mistake in the code.
void cleanup_push(struct cleanup *c, void (*undo)(void *object), void *object);

/// Runs the step that was registered last and forgets it; nothing when there is none.
void cleanup_pop(struct cleanup *c);

/// Runs all steps, the last one first.
void cleanup_run(struct cleanup *c);

/// All went well: nothing is undone.
void cleanup_forget(struct cleanup *c);

#endif
