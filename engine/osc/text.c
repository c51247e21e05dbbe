// SPDX-License-Identifier: MIT
// text.c - OSC messages as lines of text, for people and shells.
#include "engine/osc/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/osc/packet.h"
#include "engine/osc/write.h"

static void add_word(struct osc_writer *w, const char *word)
{
    char *end;
    long n = strtol(word, &end, 10);
    if (*end == 0 && *word && *word != '+') {
        osc_add_int(w, (int32_t)n);
        return;
    }
    float f = strtof(word, &end);
    if (*end == 0 && *word && *word != '+')
        osc_add_float(w, f);
    else
        osc_add_text(w, word);
}

size_t text_to_osc(const char *line, size_t n, uint8_t *out, size_t size, struct strbuf *why)
{
    struct osc_writer w;
    char text[4097], path[256], *rest = text;
    if (n >= sizeof text || memchr(line, 0, n)) {
        strbuf_append(why, "a line of text has no zero byte");
        return 0;
    }
    memcpy(text, line, n);
    text[n] = 0;
    const char *word = strsep(&rest, " \t");
    if (!*word || strlen(word) > 250) {
        strbuf_append(why, "a line begins with the name of a method: play bell gain -6");
        return 0;
    }
    snprintf(path, sizeof path, "%s%s", *word == '/' ? "" : "/", word);
    osc_begin(&w, path);
    while ((word = strsep(&rest, " \t")))
        if (*word) add_word(&w, word);
    size_t length = size >= OSC_MAX_MESSAGE_BYTES ? osc_end(&w, out) : 0;
    if (length == 0) strbuf_append(why, "the line is too long");
    return length;
}

size_t text_from_osc(const uint8_t *message, size_t n, char *out, size_t size)
{
    (void)n;
    const char *path = (const char *)message;
    const uint8_t *p = message + (strlen(path) / 4 + 1) * 4;
    const char *types = (const char *)p + 1;
    const uint8_t *data = p + (strlen((const char *)p) / 4 + 1) * 4;
    struct osc_arg arg;
    struct strbuf s = strbuf_make(out, size);
    strbuf_append(&s, path);
    while (osc_next_arg(&types, &data, &arg)) {
        if (arg.type == 's')
            strbuf_format(&s, strpbrk(arg.s, " \t") || !*arg.s ? " \"%s\"" : " %s", arg.s);
        else if (arg.type == 'f')
            strbuf_format(&s, " %g", arg.f);
        else
            strbuf_format(&s, " %lld", (long long)arg.i);
    }
    strbuf_append(&s, "\n");
    return s.length;
}
