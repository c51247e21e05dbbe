// SPDX-License-Identifier: MIT
// metrics_text.c - the lines of OpenMetrics, and of the text format of Prometheus: families, labels, numbers.
#include "clients/metrics_text.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define PREFIX "chimed_"

// ---- words ----

bool metric_word(const char *words, size_t n, char *word, size_t size)
{
    for (; n > 0 && *words; n--) {
        words += strcspn(words, " ");
        words += *words == ' ';
    }
    size_t length = strcspn(words, " ");
    if (length >= size) length = size - 1;
    memcpy(word, words, length);
    word[length] = 0;
    return length > 0;
}

// ---- families ----

static const char *type_name(const struct family *f)
{
    bool is_old = f->format == METRICS_PROMETHEUS;
    switch (f->type) {
    case COUNTER: return "counter";
    case INFO: return is_old ? "gauge" : "info";
    case STATESET: return is_old ? "gauge" : "stateset";
    case HISTOGRAM: return "histogram";
    case GAUGE:
    case NONE: break;
    }
    return "gauge";
}

/// What stands behind the family's name in each sample; in the older format in the family's name already.
static const char *suffix(const struct family *f)
{
    return f->type == COUNTER ? "_total" : f->type == INFO ? "_info" : "";
}

/// The unit that a name ends with, as OpenMetrics wants it told; NULL when there is none.
static const char *unit_of(const char *name)
{
    static const char *const units[] = {"seconds", "bytes", "hertz", "frames", "blocks", "samples", "ratio"};
    const char *last = strrchr(name, '_');
    for (size_t i = 0; last && i < sizeof units / sizeof *units; i++)
        if (strcmp(last + 1, units[i]) == 0) return units[i];
    return NULL;
}

static void write_help(FILE *to, const char *of, const char *doc)
{
    if (of) fprintf(to, "%s: ", of);
    for (bool is_first = !of; *doc; is_first = false, doc++) {
        if (*doc == '"' || *doc == '\\') fputc('\\', to);
        if (*doc != '`') fputc(is_first ? toupper((unsigned char)*doc) : *doc, to);
    }
    fputc('\n', to);
}

void family_begin(struct family *f, const char *metric, const char *of, const char *doc)
{
    memcpy(f->name, PREFIX, sizeof PREFIX);
    metric_word(metric, 0, f->name + sizeof PREFIX - 1, sizeof f->name - sizeof PREFIX);
    const char *end = f->format == METRICS_PROMETHEUS ? suffix(f) : "", *unit = unit_of(f->name);
    fprintf(f->to, "# TYPE %s%s %s\n", f->name, end, type_name(f));
    if (unit && f->format == METRICS_OPENMETRICS) fprintf(f->to, "# UNIT %s %s\n", f->name, unit);
    fprintf(f->to, "# HELP %s%s ", f->name, end);
    write_help(f->to, of, doc);
}

void family_sample(const struct family *f, const struct labels *labels, const char *value)
{
    bool any = labels && labels->length > 0;
    fprintf(f->to, "%s%s%s%s%s %s\n", f->name, suffix(f), any ? "{" : "", any ? labels->text : "",
            any ? "}" : "", value);
}

void family_part(const struct family *f, const char *part, const char *bound, const char *value)
{
    if (bound)
        fprintf(f->to, "%s_%s{le=\"%s\"} %s\n", f->name, part, bound, value);
    else
        fprintf(f->to, "%s_%s %s\n", f->name, part, value);
}

// ---- labels ----

/// Bytes of the character of UTF-8 that `text` begins with; 0 when it is none.
static size_t character_bytes(const unsigned char *text)
{
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xc2 ? 0
               : text[0] < 0xe0 ? 2
               : text[0] < 0xf0 ? 3
               : text[0] < 0xf5 ? 4
                                : 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    // Longer than need be, halves of a pair, and what lies beyond the last one.
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0)) return 0;
    if ((text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90)) return 0;
    return n;
}

/// Names are bytes, metrics are UTF-8: what is none becomes a question mark, as does what would end a line.
static void append_escaped(struct labels *l, const char *value)
{
    const unsigned char *from = (const unsigned char *)value;
    while (*from && l->length + 8 < sizeof l->text) {
        size_t n = character_bytes(from);
        if (*from == '"' || *from == '\\') l->text[l->length++] = '\\';
        if (n == 0 || *from < ' ' || *from == 0x7f)
            l->text[l->length++] = '?';
        else
            memcpy(l->text + l->length, from, n), l->length += n;
        from += n > 0 ? n : 1;
    }
}

void labels_add(struct labels *l, const char *name, const char *value)
{
    if (l->length + strlen(name) + 16 > sizeof l->text) return;
    l->length += (size_t)snprintf(l->text + l->length, sizeof l->text - l->length, "%s%s=\"",
                                  l->length > 0 ? "," : "", name);
    append_escaped(l, value);
    l->text[l->length++] = '"';
    l->text[l->length] = 0;
}

// ---- numbers ----

void metric_double(char text[32], double value)
{
    if (isnan(value))
        snprintf(text, 32, "NaN");
    else if (isinf(value))
        snprintf(text, 32, value > 0 ? "+Inf" : "-Inf");
    else
        snprintf(text, 32, "%.15g", value);
}

void metric_number(char text[32], const struct chime_message *m, size_t i, double scale)
{
    char type = chime_message_type(m, i);
    if (type == 'f') { // the shortest text of the float, not the digits that widening it brings
        snprintf(text, 32, "%.7g", chime_message_number(m, i) * scale);
        if (!isfinite(chime_message_number(m, i))) metric_double(text, chime_message_number(m, i));
    } else if (type == 'd') {
        metric_double(text, chime_message_number(m, i) * scale);
    } else {
        snprintf(text, 32, "%lld", (long long)chime_message_int(m, i));
    }
}
