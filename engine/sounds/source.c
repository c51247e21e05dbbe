// SPDX-License-Identifier: MIT
// source.c - the bytes of one sound file, for libsndfile: out of a mapping where that is safe, else read.
#include "engine/sounds/source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "alloc/vm.h"

/// Bytes of a mapping that are asked for at a time, and about the most that are kept in memory.
#define WINDOW_BYTES (1 << 20)

// ---- what is safe ----

/// File systems that the kernel itself keeps on this machine. Others may say of a file what they like (FUSE),
/// or lose it (the network).
static bool is_local(int fd)
{
    static const long kinds[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,      BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                 SQUASHFS_MAGIC,   EROFS_SUPER_MAGIC_V1, TMPFS_MAGIC};
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0) return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (fs.f_type == kinds[i]) return true;
    return false;
}

static bool can_be_cut_short(int fd, const struct stat *st)
{
    int seals = fcntl(fd, F_GET_SEALS); // -1: not that kind of file
    if (seals >= 0 && (seals & F_SEAL_SHRINK)) return false;
    bool is_roots = st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
    // Whoever handed over a descriptor for writing has not lost it.
    bool is_for_reading = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
    return !is_roots || !is_for_reading || !is_local(fd);
}

// ---- reading ----

/// Makes sure that the next `n` bytes of the mapping are in memory. False when they cannot be: not mapped, or
/// the kernel has no such page, or does not know the request (before Linux 5.14).
static bool make_present(struct source *s, int64_t n)
{
    struct slice all = s->map.bytes;
    int64_t behind = s->offset - s->present_from;
    if (behind >= 0 && behind + n <= s->present) return true;
    if (all.length == 0 || n > (int64_t)all.length - s->offset) return false;

    char *base = (char *)(uintptr_t)all.data; // madvise() wants it so; the mapping is read-only
    // What lies behind was read: at the end nothing of a long file stays.
    if (s->present > 0) madvise(base + s->present_from, (size_t)s->present, MADV_DONTNEED);
    size_t from = (size_t)s->offset & ~(vm_page_bytes() - 1);
    size_t to = (size_t)s->offset + (size_t)(n > WINDOW_BYTES ? n : WINDOW_BYTES);
    if (to > all.length) to = all.length;
    s->present_from = (int64_t)from;
    s->present = madvise(base + from, to - from, MADV_POPULATE_READ) == 0 ? (int64_t)(to - from) : 0;
    return s->present > 0;
}

static int64_t read_all(struct source *s, char *to, int64_t n)
{
    int64_t done = 0;
    while (done < n) {
        ssize_t got = pread(s->fd, to + done, (size_t)(n - done), s->offset + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && s->error == 0) s->error = errno;
        if (got <= 0) break;
        done += got;
    }
    return done;
}

int64_t source_read(struct source *s, void *to, int64_t n)
{
    if (n > s->length - s->offset) n = s->length - s->offset;
    if (n <= 0) return 0;
    if (make_present(s, n))
        memcpy(to, s->map.bytes.data + s->offset, (size_t)n);
    else
        n = read_all(s, to, n);
    s->offset += n;
    return n;
}

// ---- open and close ----

enum status source_open(struct source *s, int fd)
{
    struct stat st;
    *s = (struct source){.fd = fd};
    if (fstat(fd, &st) != 0) return status_from_errno(errno);
    s->length = st.st_size;
    if (can_be_cut_short(fd, &st)) return STATUS_OK;
    // Without a mapping it is read; nothing is lost.
    if (mapped_file_open_fd(&s->map, fd) || (int64_t)s->map.bytes.length < s->length)
        mapped_file_close(&s->map);
    return STATUS_OK;
}

void source_close(struct source *s)
{
    mapped_file_close(&s->map);
    *s = (struct source){.fd = -1};
}

// ---- libsndfile ----

static sf_count_t length_of(void *source)
{
    return ((const struct source *)source)->length;
}

static sf_count_t seek(sf_count_t offset, int whence, void *source)
{
    struct source *s = source;
    int64_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? s->offset : s->length, to;
    if (__builtin_add_overflow(from, offset, &to) || to < 0) return -1;
    return s->offset = to;
}

static sf_count_t read_some(void *to, sf_count_t n, void *source)
{
    return source_read(source, to, n);
}

static sf_count_t tell(void *source)
{
    return ((const struct source *)source)->offset;
}

SNDFILE *source_open_sound(struct source *s, SF_INFO *info)
{
    SF_VIRTUAL_IO io = {.get_filelen = length_of, .seek = seek, .read = read_some, .tell = tell};
    return sf_open_virtual(&io, SFM_READ, info, s);
}
