// SPDX-License-Identifier: MIT
// senders.c - the sockets that answers to UNIX clients leave from, one for each client.
#include "engine/osc/senders.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum status senders_open(struct senders *s)
{
    *s = (struct senders){0};
    for (; s->n_open < N_SENDERS; s->n_open++) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            enum status status = status_from_errno(errno);
            senders_close(s);
            return status;
        }
        s->senders[s->n_open].fd = fd;
    }
    return STATUS_OK;
}

void senders_close(struct senders *s)
{
    while (s->n_open > 0)
        close(s->senders[--s->n_open].fd);
}

/// Bytes that were sent from a socket and not read yet, with what the kernel adds to them.
static int unread_bytes(int fd)
{
    int bytes;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : INT_MAX;
}

/// The idle sender that was used longest ago; when there is none, the one with the least unread.
static struct sender *find_room(struct senders *s)
{
    struct sender *best = &s->senders[0];
    int least = INT_MAX;
    for (uint32_t i = 0; i < N_SENDERS; i++) {
        struct sender *next = &s->senders[i];
        if (least == 0 && next->last_used >= best->last_used) continue;
        int unread = unread_bytes(next->fd);
        if (unread > least || (unread == least && next->last_used >= best->last_used)) continue;
        best = next;
        least = unread;
    }
    return best;
}

static struct sender *sender_of(struct senders *s, const struct client *client)
{
    struct sender *found = NULL;
    for (uint32_t i = 0; i < N_SENDERS && !found; i++)
        if (client_is(&s->senders[i].client, client)) found = &s->senders[i];
    if (!found) {
        found = find_room(s);
        found->client = *client;
    }
    found->last_used = ++s->n_uses;
    return found;
}

ssize_t senders_send(struct senders *s, int own_fd, const struct client *to, const uint8_t *bytes,
                     uint32_t n_bytes)
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const struct sockaddr *address = &to->address.any;
    ssize_t n = sendto(sender_of(s, to)->fd, bytes, n_bytes, flags, address, to->address_bytes);
    // It hears its peer alone, which we are.
    if (n < 0 && errno == EPERM) n = sendto(own_fd, bytes, n_bytes, flags, address, to->address_bytes);
    return n;
}
