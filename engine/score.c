// SPDX-License-Identifier: MIT
// score.c - a series of OSC packets, each behind its length, from a file or a pipe.
#include "engine/score.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/osc/packet.h"
#include "engine/rt/clock.h"

enum status score_open(struct score *s, struct allocator *a, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    *s = (struct score){.name = path, .a = a};
    s->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        log_error("cannot read %s: %s", path, strerror(errno));
        return status_from_errno(errno);
    }
    // Standard input may stand anywhere in its file, so that it is read.
    enum status status = is_stdin ? STATUS_UNSUPPORTED : mapped_file_open_fd(&s->map, s->fd);
    s->rest = s->map.bytes;
    if (status == STATUS_UNSUPPORTED) {
        s->buffer = make(uint8_t, OSC_MAX_PACKET_BYTES, a);
        status = s->buffer ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (!status) return STATUS_OK;
    log_error("cannot read %s: %s", path, status_text(status));
    score_close(s);
    return status;
}

void score_close(struct score *s)
{
    mapped_file_close(&s->map);
    unmake(s->buffer, OSC_MAX_PACKET_BYTES, s->a);
    if (s->fd > STDIN_FILENO) close(s->fd);
    *s = (struct score){0};
}

/// The next `n` bytes, at most OSC_MAX_PACKET_BYTES, or as many as there are.
static struct slice take(struct score *s, size_t n)
{
    if (!s->buffer) {
        struct slice taken = slice_sub(s->rest, 0, n);
        s->rest = slice_sub(s->rest, n, s->rest.length);
        return taken;
    }
    size_t done = 0;
    while (done < n) {
        ssize_t got = read(s->fd, s->buffer + done, n - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) log_error("cannot read %s: %s", s->name, strerror(errno));
        s->failed = got < 0;
        if (got <= 0) break;
        done += (size_t)got;
    }
    return slice_make(s->buffer, done);
}

static uint32_t read_u32(struct slice s, size_t at)
{
    const uint8_t *p = (const uint8_t *)s.data + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

enum status score_next(struct score *s, struct slice *packet)
{
    struct slice head = take(s, 4);
    if (s->failed) return STATUS_SYSTEM;
    if (head.length == 0) return STATUS_NOT_FOUND;
    uint32_t n = head.length == 4 ? read_u32(head, 0) : 0;
    if (n == 0 || n > OSC_MAX_PACKET_BYTES) {
        log_error("%s: not a score: a packet's length must be 1 to %d", s->name, OSC_MAX_PACKET_BYTES);
        return STATUS_BAD_FORMAT;
    }
    *packet = take(s, n);
    if (s->failed) return STATUS_SYSTEM;
    if (packet->length == n) return STATUS_OK;
    log_error("%s: the score ends inside a packet", s->name);
    return STATUS_BAD_FORMAT;
}

uint64_t score_frame(struct slice packet, uint32_t rate, uint64_t now)
{
    if (packet.length < 16 || memcmp(packet.data, "#bundle", 8) != 0) return now;
    uint32_t seconds = read_u32(packet, 8), fraction = read_u32(packet, 12);
    if (seconds == 0 && fraction == OSC_NOW) return now;
    return (uint64_t)seconds * rate + (uint64_t)clock_exact_frame(fraction, rate);
}
