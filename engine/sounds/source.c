// SPDX-License-Identifier: MIT
// source.c - the bytes of one sound file, for libsndfile.
#include "engine/sounds/source.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int64_t source_read(struct source *s, void *to, int64_t n)
{
    int64_t done = 0;
    if (n > s->length - s->offset) n = s->length - s->offset;
    while (done < n) {
        ssize_t got = pread(s->fd, (char *)to + done, (size_t)(n - done), s->offset + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && s->error == 0) s->error = errno;
        if (got <= 0) break;
        done += got;
    }
    s->offset += done;
    return done;
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
