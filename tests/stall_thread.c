// SPDX-License-Identifier: MIT
// stall_thread.c - preloaded: hangs whatever thread sleeps by clock_nanosleep(), as the timer's audio thread
// does, while the file that CHIMED_STALL names is there.
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int
clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted, struct timespec *left)
{
    static int (*real)(clockid_t, int, const struct timespec *, struct timespec *);
    static const char *path;
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_nanosleep");
        path = getenv("CHIMED_STALL");
    }
    while (path && access(path, F_OK) == 0)
        pause();
    return real(clock, flags, wanted, left);
}
