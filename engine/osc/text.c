// SPDX-License-Identifier: MIT
// text.c - OSC messages as lines of text, for people and shells: "play bell gain -6".
#include "engine/osc/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/osc/packet.h"

/// Digits from which any float is read back.
#define FLOAT_DIGITS 9

/// Longest word that is read as a number, and longest number that is written, with the closing 0.
#define NUMBER_BYTES 64

// ---- words of a line ----

/// A word where it stands in the line. The quotes of a quoted one are not part of it, its escapes are.
struct word {
    const char *start;
    size_t n;
    bool is_quoted;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/// Reads a word whose opening quote `*at` is.
static const char *quoted_word(const char **at, const char *end, struct word *word)
{
    const char *c = *at + 1;
    word->start = c;
    while (c < end && *c != '"')
        c += *c == '\\' ? 2 : 1;
    if (c >= end) return "a quoted word has no closing quote";
    word->n = (size_t)(c - word->start);
    if (c + 1 < end && !is_blank(c[1])) return "a closing quote must be followed by a blank";
    *at = c + 1;
    return NULL;
}

/// Reads the word at or behind `*at`, and moves behind it. At the end of the line `start` is NULL. Returns
/// what is wrong, or NULL.
static const char *next_word(const char **at, const char *end, struct word *word)
{
    while (*at < end && is_blank(**at))
        (*at)++;
    *word = (struct word){0};
    if (*at == end) return NULL;
    word->is_quoted = **at == '"';
    if (word->is_quoted) return quoted_word(at, end, word);
    word->start = *at;
    while (*at < end && !is_blank(**at))
        (*at)++;
    word->n = (size_t)(*at - word->start);
    return NULL;
}

static bool word_is(const struct word *w, const char *text)
{
    return w->n == strlen(text) && memcmp(w->start, text, w->n) == 0;
}

// ---- numbers ----

/// Moves on over digits. False when there are none.
static bool skip_digits(const char **c)
{
    size_t n = strspn(*c, "0123456789");
    *c += n;
    return n > 0;
}

/// -12, 1.5, .5, 1., 2e-3, and no other way to write a number.
static bool is_number(const char *c, bool *is_whole)
{
    c += *c == '-';
    bool has_digits = skip_digits(&c);
    *is_whole = *c == 0;
    if (*c == '.') {
        c++;
        has_digits |= skip_digits(&c);
    }
    if (!has_digits) return false;
    if (*c == 'e' || *c == 'E') {
        c++;
        c += *c == '-' || *c == '+';
        if (!skip_digits(&c)) return false;
    }
    return *c == 0;
}

/// The fewest digits that a float is read back from; always with a point or an exponent.
static void format_float(char *out, float value)
{
    for (int digits = 6; digits <= FLOAT_DIGITS; digits++) {
        snprintf(out, NUMBER_BYTES, "%.*g", digits, (double)value);
        if (strtof(out, NULL) == value) break;
    }
    size_t n = strcspn(out, ".e");
    if (isfinite(value) && out[n] == 0) memcpy(out + n, ".0", sizeof ".0");
}

/// What no float is equal to is written in more digits than floats are.
static void format_double(char *out, double value)
{
    if ((double)(float)value == value || !isfinite(value))
        format_float(out, (float)value);
    else
        snprintf(out, NUMBER_BYTES, "%#.17g", value);
}

/// Digits of a number from its first one that is not 0; a ".0" at its end does not count.
static unsigned significant_digits(const char *number)
{
    unsigned n = 0;
    for (number += strspn(number, "-.0"); *number && *number != 'e' && *number != 'E'; number++) {
        if (strcmp(number, ".0") == 0) break;
        n += *number != '.';
    }
    return n;
}

/// A number with a point or an exponent: a float when a float would be written in the same way, else a
/// double.
static char type_of_fraction(const char *number, double value)
{
    char text[NUMBER_BYTES];
    if (significant_digits(number) > FLOAT_DIGITS) return 'd';
    format_float(text, (float)value);
    return strtod(text, NULL) == value ? 'f' : 'd';
}

/// The type of a word, and its value when it is a number that a double can hold.
static char read_value(const struct word *w, struct osc_arg *arg)
{
    char text[NUMBER_BYTES];
    bool is_whole;
    if (w->is_quoted || w->n == 0 || w->n >= sizeof text) return 's';
    if (word_is(w, "true")) return 'T';
    if (word_is(w, "false")) return 'F';
    memcpy(text, w->start, w->n);
    text[w->n] = 0;
    if (!is_number(text, &is_whole)) return 's';
    errno = 0;
    if (is_whole) arg->i = strtoll(text, NULL, 10);
    if (is_whole && errno == 0) return arg->i >= INT32_MIN && arg->i <= INT32_MAX ? 'i' : 'h';
    arg->f = strtod(text, NULL);
    return isfinite(arg->f) ? type_of_fraction(text, arg->f) : 's';
}

// ---- writing messages ----

/// A message under construction. What does not fit is left out and remembered.
struct output {
    uint8_t *bytes;
    size_t n, size;
    bool overflow;
};

static void put(struct output *o, uint8_t byte)
{
    o->overflow |= o->n == o->size;
    if (!o->overflow) o->bytes[o->n++] = byte;
}

static void put_u32(struct output *o, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        put(o, (uint8_t)(value >> shift));
}

static void put_u64(struct output *o, uint64_t value)
{
    put_u32(o, (uint32_t)(value >> 32));
    put_u32(o, (uint32_t)value);
}

/// Ends a string.
static void put_end(struct output *o)
{
    put(o, 0);
    while (o->n % 4 != 0 && !o->overflow)
        put(o, 0);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Writes what an escape stands for, and moves on to its last character. `c` is its backslash.
static const char *put_escape(struct output *o, const char **c, const char *end)
{
    static const char names[] = "\"\\nt", values[] = "\"\\\n\t";
    const char *name = strchr(names, *++*c);
    if (name) {
        put(o, (uint8_t)values[name - names]);
        return NULL;
    }
    int high = **c == 'x' && end - *c > 2 ? hex_value((*c)[1]) : -1;
    int low = high >= 0 ? hex_value((*c)[2]) : -1;
    if (low < 0)
        return "a \\ in a quoted word must be followed by \", \\, n, t, or x and two hexadecimal digits";
    if (high == 0 && low == 0) return "\\x00 cannot stand in a text";
    put(o, (uint8_t)(high << 4 | low));
    *c += 2;
    return NULL;
}

static const char *put_text(struct output *o, const struct word *w)
{
    const char *end = w->start + w->n;
    for (const char *c = w->start; c < end; c++) {
        const char *problem = NULL;
        if (w->is_quoted && *c == '\\')
            problem = put_escape(o, &c, end);
        else
            put(o, (uint8_t)*c);
        if (problem) return problem;
    }
    put_end(o);
    return NULL;
}

static const char *put_arg(struct output *o, char type, const struct osc_arg *arg, const struct word *w)
{
    uint32_t bits;
    uint64_t long_bits;
    float value = (float)arg->f;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&long_bits, &arg->f, sizeof long_bits);
    switch (type) {
    case 'i': put_u32(o, (uint32_t)arg->i); break;
    case 'h': put_u64(o, (uint64_t)arg->i); break;
    case 'f': put_u32(o, bits); break;
    case 'd': put_u64(o, long_bits); break;
    case 's': return put_text(o, w);
    default: break; // true and false
    }
    return NULL;
}

/// Writes the words from `at` on: once for their types, once for their values.
static const char *put_words(struct output *o, const char *at, const char *end, bool types)
{
    struct word word;
    for (unsigned n = 0;; n++) {
        struct osc_arg arg = {0};
        const char *problem = next_word(&at, end, &word);
        if (problem || !word.start) return problem;
        if (n == OSC_MAX_ARGS) return "the line has more than 64 words behind its path";
        char type = read_value(&word, &arg);
        if (types)
            put(o, (uint8_t)type);
        else
            problem = put_arg(o, type, &arg, &word);
        if (problem) return problem;
    }
}

static const char *put_line(struct output *o, const char *at, const char *end)
{
    struct word path;
    if (memchr(at, 0, (size_t)(end - at))) return "a line may not hold a byte 0";
    const char *problem = next_word(&at, end, &path);
    if (problem) return problem;
    if (!path.start)
        return "the line is empty; it should be a path and its arguments, such as: play bell gain -6";
    if (path.n == 0 || path.start[0] != '/') put(o, '/');
    problem = put_text(o, &path);
    if (problem) return problem;
    put(o, ',');
    problem = put_words(o, at, end, true);
    if (problem) return problem;
    put_end(o);
    problem = put_words(o, at, end, false);
    return !problem && o->overflow ? "the line is too long" : problem;
}

size_t text_to_osc(const char *line, size_t n, uint8_t *out, size_t size, struct strbuf *why)
{
    struct output o = {.bytes = out, .size = size};
    const char *problem = put_line(&o, line, line + n);
    if (problem) strbuf_append(why, problem);
    return problem ? 0 : o.n;
}

// ---- writing lines ----

static void put_string(struct output *o, const char *text)
{
    for (; *text; text++)
        put(o, (uint8_t)*text);
}

static bool needs_escape(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < ' ' || c == 0x7f;
}

/// True when a text, as a word without quotes, would not be read as the same text.
static bool needs_quotes(const char *text)
{
    struct word word = {text, strlen(text), false};
    struct osc_arg arg;
    for (const char *c = text; *c; c++)
        if (*c == ' ' || needs_escape(*c)) return true;
    return word.n == 0 || read_value(&word, &arg) != 's';
}

static void put_escaped(struct output *o, char c)
{
    char text[8];
    if (c == '\n' || c == '\t')
        snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : 't');
    else if (c == '"' || c == '\\')
        snprintf(text, sizeof text, "\\%c", c);
    else
        snprintf(text, sizeof text, "\\x%02x", (unsigned char)c);
    put_string(o, text);
}

static void put_word(struct output *o, const char *text)
{
    if (!needs_quotes(text)) {
        put_string(o, text);
        return;
    }
    put(o, '"');
    for (; *text; text++) {
        if (needs_escape(*text))
            put_escaped(o, *text);
        else
            put(o, (uint8_t)*text);
    }
    put(o, '"');
}

/// An argument as a word. Those of types that lines do not have are told, not kept.
static void put_value(struct output *o, const struct osc_arg *a)
{
    char text[NUMBER_BYTES] = "";
    switch (a->type) {
    case 'i':
    case 'h': snprintf(text, sizeof text, "%lld", (long long)a->i); break;
    case 't': snprintf(text, sizeof text, "%llu", (unsigned long long)a->i); break;
    case 'f': format_float(text, (float)a->f); break;
    case 'd': format_double(text, a->f); break;
    case 'T': strcpy(text, "true"); break;
    case 'F': strcpy(text, "false"); break;
    case 'N': strcpy(text, "nil"); break;
    case 'I': strcpy(text, "impulse"); break;
    case 'b': strcpy(text, "blob"); break;
    case 'r':
    case 'm': snprintf(text, sizeof text, "%c:%08llx", a->type, (unsigned long long)a->i); break;
    case 's':
    case 'S': put_word(o, a->s); return;
    default: // a character, or the [ or ] of an array
        text[0] = a->type == 'c' ? (char)a->i : a->type;
        put_word(o, text);
        return;
    }
    put_string(o, text);
}

static void put_message(void *context, const struct osc_message *m)
{
    struct output *o = context;
    const char *types = m->types;
    const uint8_t *data = m->args;
    struct osc_arg arg;
    if (m->index > 0) put(o, '\n');
    put_word(o, m->path);
    while (osc_next_arg(&types, &data, &arg)) {
        put(o, ' ');
        put_value(o, &arg);
    }
}

size_t text_from_osc(const uint8_t *message, size_t n, char *out, size_t size)
{
    if (size == 0) return 0;
    struct output o = {.bytes = (uint8_t *)out, .size = size - 1};
    osc_packet_visit(message, n, put_message, &o);
    out[o.n] = '\n';
    return o.n + 1;
}
