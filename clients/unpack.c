// SPDX-License-Identifier: MIT
// unpack.c - takes a datagram apart: checks every length first, then lets liblo read each message.
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "clients/message.h"

#define BUNDLE_HEADER_BYTES 16 // "#bundle", its 0 and the time tag

// A cursor over bytes that somebody else wrote.
struct span {
    const char *at;
    size_t left;
};

static bool skip(struct span *s, size_t n)
{
    if (n > s->left) return false;
    s->at += n;
    s->left -= n;
    return true;
}

static bool take_length(struct span *s, size_t *n)
{
    uint32_t value;
    const char *from = s->at;
    if (!skip(s, sizeof value)) return false;
    memcpy(&value, from, sizeof value);
    *n = ntohl(value);
    return true;
}

// Text, its closing 0 and zeros up to the next multiple of four.
static const char *take_text(struct span *s)
{
    const char *text = s->at;
    size_t length = strnlen(text, s->left);
    return length < s->left && skip(s, (length & ~(size_t)3) + 4) ? text : NULL;
}

static bool skip_argument(struct span *s, char type)
{
    size_t n;
    switch (type) {
    case 'i':
    case 'f':
    case 'c':
    case 'm': return skip(s, 4);
    case 'h':
    case 'd':
    case 't': return skip(s, 8);
    case 's':
    case 'S': return take_text(s) != NULL;
    case 'b': return take_length(s, &n) && n <= s->left && skip(s, (n + 3) & ~(size_t)3);
    case 'T':
    case 'F':
    case 'N':
    case 'I': return true;
    default: return false;
    }
}

// liblo 0.31 reads past the end of some malformed messages, so it sees only well-formed ones.
static bool is_message(struct span s, const char **path)
{
    if (s.left % 4 != 0 || s.left == 0) return false;
    *path = take_text(&s);
    if (!*path || **path != '/' || s.left == 0) return false;
    const char *types = take_text(&s);
    if (!types || *types != ',') return false;
    for (types++; *types; types++) {
        if (!skip_argument(&s, *types)) return false;
    }
    return s.left == 0;
}

static enum chime_status read_message(struct span s, struct message_list *list)
{
    const char *path;
    if (!is_message(s, &path)) return CHIME_BAD_ARGUMENT;
    if (strcmp(path, "/part") == 0)
        return CHIME_OK; // says which part of a list this datagram is: not for the caller
    struct chime_message *m = calloc(1, sizeof *m);
    if (!m) return CHIME_NO_MEMORY;
    // lo_message_deserialise() takes a plain pointer, yet copies before it changes anything.
    union {
        const char *in;
        void *out;
    } data = {.in = s.at};
    m->path = strdup(path);
    m->body = lo_message_deserialise(data.out, s.left, NULL);
    if (!m->path || !m->body) {
        chime_message_free(m);
        return CHIME_BAD_ARGUMENT;
    }
    if (list->last)
        list->last->next = m;
    else
        list->first = m;
    list->last = m;
    return CHIME_OK;
}

static enum chime_status read_packet(struct span s, unsigned depth, struct message_list *list)
{
    if (s.left < 8 || memcmp(s.at, "#bundle", 8) != 0) return read_message(s, list);
    if (depth >= MESSAGE_MAX_DEPTH || !skip(&s, BUNDLE_HEADER_BYTES)) return CHIME_BAD_ARGUMENT;
    while (s.left > 0) { // every pass takes at least the four bytes of a length
        struct span element;
        if (!take_length(&s, &element.left)) return CHIME_BAD_ARGUMENT;
        element.at = s.at;
        if (element.left == 0 || element.left % 4 != 0 || !skip(&s, element.left)) return CHIME_BAD_ARGUMENT;
        enum chime_status status = read_packet(element, depth + 1, list);
        if (status != CHIME_OK) return status;
    }
    return CHIME_OK;
}

enum chime_status message_unpack(const void *bytes, size_t size, struct message_list *list)
{
    struct message_list fresh = {0};
    enum chime_status status = read_packet((struct span){bytes, size}, 0, &fresh);
    if (status != CHIME_OK) {
        for (struct chime_message *m; (m = message_take(&fresh));)
            chime_message_free(m);
    } else if (fresh.first) {
        if (list->last)
            list->last->next = fresh.first;
        else
            list->first = fresh.first;
        list->last = fresh.last;
    }
    return status;
}
