// SPDX-License-Identifier: MIT
// headroom.c - memory for libraries that take it for granted.
#include "engine/sounds/headroom.h"

#include <malloc.h>
#include <stdlib.h>

#include "alloc/status.h"

/// Small enough to come from the thread's own heap, large enough to join again when it is given back.
#define PIECE_BYTES ((size_t)64 << 10)

void headroom_init(void)
{
    // From here on a larger end of the heap goes back to the system.
    mallopt(M_TRIM_THRESHOLD, (int)(4 * HEADROOM_BYTES));
}

bool headroom_ensure(void)
{
    void *volatile pieces[HEADROOM_BYTES / PIECE_BYTES]; // or the compiler would leave all of it out
    size_t n = 0;
    while (n < COUNT_OF(pieces) && (pieces[n] = malloc(PIECE_BYTES)) != NULL)
        n++;
    bool is_there = n == COUNT_OF(pieces);
    while (n > 0)
        free(pieces[--n]);
    return is_there;
}
