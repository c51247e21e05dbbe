// SPDX-License-Identifier: MIT
// batch.c - datagrams that one system call read, until each has been taken.
#include "engine/osc/batch.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/// Descriptors that one datagram may bring; only the first is used.
#define MAX_DESCRIPTORS 8

/// A kernel's time that is further off is not believed: somebody has set the clock.
#define MAX_AGE_NS 1000000000ll

union batch_address {
    struct sockaddr_un un;
    struct sockaddr_in6 in6;
};

struct batch_slot {
    struct iovec part;
    union batch_address address;
    union {
        char bytes[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +
                   CMSG_SPACE(sizeof(struct timespec))];
        size_t align; // that of a struct cmsghdr
    } ancillary;
};

enum status batch_init(struct batch *b, struct allocator *a)
{
    *b = (struct batch){.buffers = make_bytes(BATCH_MAX, BATCH_BUFFER_BYTES, a),
                        .headers = make(struct mmsghdr, BATCH_MAX, a),
                        .slots = make(struct batch_slot, BATCH_MAX, a)};
    if (!b->buffers || !b->headers || !b->slots) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < BATCH_MAX; i++) {
        struct batch_slot *slot = &b->slots[i];
        slot->part = (struct iovec){b->buffers + (size_t)i * BATCH_BUFFER_BYTES, OSC_MAX_PACKET_BYTES + 1};
        b->headers[i].msg_hdr = (struct msghdr){.msg_name = &slot->address,
                                                .msg_iov = &slot->part,
                                                .msg_iovlen = 1,
                                                .msg_control = &slot->ancillary};
    }
    // Every place counts as used, so that the first read prepares all.
    b->n = BATCH_MAX;
    b->next = BATCH_MAX;
    return STATUS_OK;
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

void batch_read(struct batch *b, int fd)
{
    for (uint32_t i = 0; i < b->n; i++) { // what the last read has changed
        b->headers[i].msg_hdr.msg_namelen = sizeof b->slots[i].address;
        b->headers[i].msg_hdr.msg_controllen = sizeof b->slots[i].ancillary;
    }
    int n = recvmmsg(fd, b->headers, BATCH_MAX, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
    b->next = 0;
    b->n = n > 0 ? (uint32_t)n : 0;
    b->was_full = n == BATCH_MAX;
    b->now_ns = clock_ns(CLOCK_MONOTONIC);
    b->offset_ns = b->now_ns - clock_ns(CLOCK_REALTIME);
}

static void take_descriptors(const struct cmsghdr *c, struct datagram *d)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < n; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (d->fd < 0)
            d->fd = fd;
        else
            close(fd);
    }
}

/// When the kernel got it, by its clock of the day, turned into that of this machine's life.
static int64_t arrival_ns(const struct batch *b, const struct cmsghdr *c)
{
    struct timespec ts;
    memcpy(&ts, CMSG_DATA(c), sizeof ts);
    int64_t ns = ts.tv_sec * 1000000000ll + ts.tv_nsec + b->offset_ns;
    return ns <= b->now_ns && b->now_ns - ns < MAX_AGE_NS ? ns : b->now_ns;
}

/// What came beside the bytes.
static void read_ancillary(const struct batch *b, struct msghdr *header, struct datagram *d,
                           struct batch_sender *sender)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SCM_RIGHTS) take_descriptors(c, d);
        if (c->cmsg_type == SCM_TIMESTAMPNS) d->arrival_ns = arrival_ns(b, c);
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(c), sizeof who);
            *sender = (struct batch_sender){who.pid, who.uid, who.gid};
        }
    }
}

bool batch_next(struct batch *b, struct datagram *d, struct batch_sender *sender)
{
    if (b->next >= b->n) return false;
    uint32_t i = b->next++;
    struct msghdr *header = &b->headers[i].msg_hdr;
    *sender = (struct batch_sender){0};
    d->bytes = b->slots[i].part.iov_base;
    d->n_bytes = b->headers[i].msg_len;
    d->fd = -1;
    d->arrival_ns = b->now_ns;
    d->arrival_ntp = 0;
    d->client.role = ROLE_READ;
    d->client.address_bytes = header->msg_namelen;
    memcpy(&d->client.address, &b->slots[i].address, header->msg_namelen);
    read_ancillary(b, header, d, sender);
    return true;
}

void batch_drop(struct batch *b)
{
    struct datagram d;
    struct batch_sender sender;
    while (b->next < b->n && b->buffers && batch_next(b, &d, &sender))
        if (d.fd >= 0) close(d.fd);
}
