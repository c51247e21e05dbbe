// SPDX-License-Identifier: MIT
// stall_disk.c - preloaded: fsync() hangs while the file that CHIMED_STALL_DISK names is there, as it does on
// a disk that has stopped to answer.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int (*real_fsync)(int);
static const char *path;

__attribute__((constructor)) static void begin(void)
{
    void *found = dlsym(RTLD_NEXT, "fsync");
    memcpy(&real_fsync, &found, sizeof found);
    path = getenv("CHIMED_STALL_DISK");
}

#pragma GCC visibility push(default)

int fsync(int fd)
{
    while (path && access(path, F_OK) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return real_fsync(fd);
}

#pragma GCC visibility pop
