// SPDX-License-Identifier: MIT
// mapped_file.c - the bytes of a file as memory, for reading only.
#include "alloc/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum status mapped_file_open(struct mapped_file *f, const char *path)
{
    *f = (struct mapped_file){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe's other end is not waited for
    if (fd < 0) return status_from_errno(errno);
    enum status status = mapped_file_open_fd(f, fd);
    close(fd);
    return status;
}

enum status mapped_file_open_fd(struct mapped_file *f, int fd)
{
    *f = (struct mapped_file){0};
    struct stat st;
    if (fstat(fd, &st) != 0) return status_from_errno(errno);
    if (!S_ISREG(st.st_mode)) return STATUS_UNSUPPORTED;
    if (st.st_size == 0) return STATUS_OK; // nothing can be mapped, and nothing need be
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) return status_from_errno(errno);
    (void)madvise(p, (size_t)st.st_size, MADV_SEQUENTIAL); // only a hint
    f->bytes = slice_make(p, (size_t)st.st_size);
    return STATUS_OK;
}

void mapped_file_close(struct mapped_file *f)
{
    // munmap() takes a pointer to what is not const, though it writes nothing.
    if (f->bytes.length > 0) munmap((void *)(uintptr_t)f->bytes.data, f->bytes.length);
    *f = (struct mapped_file){0};
}
