// SPDX-License-Identifier: MIT
// cli_file.c - opens what the caller can read, to hand it to a daemon that perhaps cannot.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli.h"

static bool is_regular(int fd)
{
    struct stat s;
    if (fstat(fd, &s) != 0) return false;
    if (S_ISREG(s.st_mode)) return true;
    errno = S_ISDIR(s.st_mode) ? EISDIR : EINVAL;
    return false;
}

bool cli_open_file(const char *name, int *fd, char *absolute)
{
    // O_NONBLOCK: opening a pipe would wait for its writer. For a regular file it means nothing.
    int opened = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0) return false;
    if (is_regular(opened) && realpath(name, absolute)) {
        *fd = fcntl(opened, F_DUPFD_CLOEXEC, 3); // above what a closed standard input would leave free
        close(opened);
        return *fd >= 0;
    }
    int error = errno;
    close(opened);
    errno = error;
    return false;
}
