// SPDX-License-Identifier: MIT
// backend_list.h - what [output] backend says: the backends to play on, the best one first.
//
//   backend = jack, alsa:hw:CARD=USB,DEV=0, alsa, null
//
// Words between commas. What stands behind the first colon is the target: an ALSA device or a JACK server;
// without it [output] device or jack_server says which. Names of ALSA devices have commas: one that neither a
// blank nor the name of a backend follows belongs to the target. `auto` stands for jack, alsa, null.
#ifndef ENGINE_BACKEND_LIST_H
#define ENGINE_BACKEND_LIST_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/status.h"
#include "alloc/strbuf.h"

/// Backends of one list.
#define BACKEND_LIST_MAX 8
/// Longest word of it, with its closing 0.
#define BACKEND_WORD_BYTES 128

enum backend_kind { BACKEND_JACK, BACKEND_ALSA, BACKEND_NULL, N_BACKEND_KINDS };

struct backend_choice {
    enum backend_kind kind;
    char word[BACKEND_WORD_BYTES]; // as it stands in the list: "alsa:hw:CARD=USB,DEV=0"
    const char *target;            // in `word`, behind the colon, or its end
};

/// Not to be copied: targets point into it.
struct backend_list {
    struct backend_choice choices[BACKEND_LIST_MAX];
    uint32_t n;
    bool is_auto; // nobody has said which of them
};

/// Reads a list. Fails with STATUS_BAD_FORMAT when a word is none, or stands in it twice; `what` says so.
NODISCARD enum status backend_list_parse(struct backend_list *list, const char *text, struct strbuf *what);

/// Reads one word of it, which may not be `auto`. The same.
NODISCARD enum status backend_choice_parse(struct backend_choice *choice, const char *text,
                                           struct strbuf *what);

#endif
