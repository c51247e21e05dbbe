// SPDX-License-Identifier: MIT
// backend_list.c - what [output] backend says: the backends to play on, the best one first.
#include "engine/backend_list.h"

#include <stdbool.h>
#include <string.h>

static const char *const kind_names[N_BACKEND_KINDS] = {
    [BACKEND_JACK] = "jack", [BACKEND_ALSA] = "alsa", [BACKEND_NULL] = "null"};

static enum status no_backend(struct strbuf *what, const char *word, size_t n)
{
    strbuf_format(what,
                  "backend = %.*s; expected auto|jack|alsa|null, or several in the order in which they "
                  "are wanted: jack, alsa:DEVICE, null",
                  (int)n, word);
    return STATUS_BAD_FORMAT;
}

static enum status parse_word(struct backend_choice *choice, const char *word, size_t n, struct strbuf *what)
{
    const char *colon = memchr(word, ':', n);
    size_t n_kind = colon ? (size_t)(colon - word) : n;
    for (int kind = 0; kind < N_BACKEND_KINDS; kind++) {
        if (strlen(kind_names[kind]) != n_kind || memcmp(kind_names[kind], word, n_kind) != 0) continue;
        bool has_good_target = !colon || (n > n_kind + 1 && kind != BACKEND_NULL);
        if (!has_good_target || n >= sizeof choice->word) break;
        choice->kind = (enum backend_kind)kind;
        memcpy(choice->word, word, n);
        choice->word[n] = 0;
        choice->target = choice->word + (colon ? n_kind + 1 : n);
        return STATUS_OK;
    }
    return no_backend(what, word, n);
}

static enum status add_word(struct backend_list *list, const char *word, size_t n, struct strbuf *what)
{
    if (list->n == BACKEND_LIST_MAX) {
        strbuf_format(what, "backend has one more: %.*s; expected at most %d", (int)n, word,
                      BACKEND_LIST_MAX);
        return STATUS_BAD_FORMAT;
    }
    struct backend_choice *choice = &list->choices[list->n];
    enum status status = parse_word(choice, word, n, what);
    for (uint32_t i = 0; i < list->n && !status; i++) {
        if (strcmp(list->choices[i].word, choice->word) != 0) continue;
        strbuf_format(what, "backend has %s twice; expected each once", choice->word);
        status = STATUS_BAD_FORMAT;
    }
    if (!status) list->n++;
    return status;
}

/// A blank, the end, or the name of a backend: what stands behind a comma that ends a word.
static bool begins_word(const char *text)
{
    for (int kind = 0; kind < N_BACKEND_KINDS; kind++) {
        size_t n = strlen(kind_names[kind]);
        if (strncmp(text, kind_names[kind], n) == 0 && strchr(":, \t", text[n])) return true;
    }
    return strchr(" \t,", text[0]) != NULL;
}

/// Characters of the first word: up to a comma that is none of a target's, or the end.
static size_t word_length(const char *text)
{
    size_t n = strcspn(text, ",");
    while (memchr(text, ':', n) && text[n] == ',' && !begins_word(text + n + 1))
        n += 1 + strcspn(text + n + 1, ",");
    return n;
}

static size_t without_blanks(const char *text, size_t n)
{
    while (n > 0 && strchr(" \t", text[n - 1]))
        n--;
    return n;
}

enum status backend_list_parse(struct backend_list *list, const char *text, struct strbuf *what)
{
    list->n = 0;
    text += strspn(text, " \t");
    list->is_auto = strcmp(text, "auto") == 0;
    if (list->is_auto) text = "jack, alsa, null";
    for (;;) {
        size_t n = word_length(text);
        enum status status = add_word(list, text, without_blanks(text, n), what);
        if (status || !text[n]) return status;
        text += n + 1 + strspn(text + n + 1, " \t");
    }
}

enum status backend_choice_parse(struct backend_choice *choice, const char *text, struct strbuf *what)
{
    return parse_word(choice, text, strlen(text), what);
}
