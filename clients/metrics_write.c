// SPDX-License-Identifier: MIT
// metrics_write.c - what a daemon has answered, as metrics: family by family, as status.def has them.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clients/metrics_text.h"

/// Metrics have base units, and /status what people read.
#define PPM 1e-6

// ---- the table ----

struct figure {
    const char *name, *unit, *doc, *metric;
    enum metric_type type;
};
static const struct figure figures[] = {
#define STATUS(name, kind, when, unit, doc, type, metric, value) {#name, unit, doc, metric, type},
#include "engine/osc/status.def"
};
#define N_FIGURES (sizeof figures / sizeof *figures)

struct series {
    const char *path, *labels;
    size_t index;
    enum metric_type type;
    const char *metric, *doc;
};
static const struct series series[] = {
#define SERIES(path, labels, index, type, metric, doc) {path, labels, index, type, metric, doc},
#include "engine/osc/status.def"
};

struct histogram {
    const char *name, *metric, *doc;
};
static const struct histogram histograms[] = {
#define HISTOGRAM(name, metric, doc) {#name, metric, doc},
#include "engine/osc/status.def"
};

// ---- figures of /status ----

struct value {
    const struct chime_message *message;
    size_t i;
};

/// False when the daemon has not told it: another version, or nothing plays.
static bool find_value(const struct metrics *m, const char *name, struct value *v)
{
    for (size_t k = 0; k < m->n; k++) {
        const struct chime_message *message = m->messages[k];
        if (strcmp(chime_message_path(message), "/status/info") != 0) continue;
        for (size_t i = 0; i + 1 < chime_message_count(message); i += 2) {
            const char *key = chime_message_text(message, i);
            if (!key || strcmp(key, name) != 0) continue;
            *v = (struct value){message, i + 1};
            return true;
        }
    }
    return false;
}

/// Whether two metrics are of one family: "xruns cause=late" and "xruns cause".
static bool is_of_family(const char *a, const char *b)
{
    size_t n = strcspn(a, " ");
    return n == strcspn(b, " ") && strncmp(a, b, n) == 0;
}

static bool is_first_of_family(size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (figures[k].type != NONE && is_of_family(figures[k].metric, figures[i].metric)) return false;
    return true;
}

static void write_states(const struct family *f, const struct labels *labels, const char *metric,
                         const char *now)
{
    char state[64];
    for (size_t i = 1; metric_word(metric, i, state, sizeof state); i++) {
        struct labels with_state = *labels;
        labels_add(&with_state, f->name, state);
        family_sample(f, &with_state, now && strcmp(now, state) == 0 ? "1" : "0");
    }
}

static void write_number(const struct family *f, const struct figure *figure, const struct value *v)
{
    char label[64], text[32];
    struct labels labels = {0};
    if (metric_word(figure->metric, 1, label, sizeof label)) {
        char *equals = strchr(label, '=');
        if (!equals) return; // the sum
        *equals = 0;
        labels_add(&labels, label, equals + 1);
    }
    metric_number(text, v->message, v->i, strcmp(figure->unit, "ppm") == 0 ? PPM : 1);
    family_sample(f, &labels, text);
}

static void add_info(struct labels *labels, const struct figure *figure, const struct value *v)
{
    char label[64];
    const char *text = chime_message_text(v->message, v->i);
    if (metric_word(figure->metric, 1, label, sizeof label)) labels_add(labels, label, text ? text : "");
}

/// All that figure `first` and those behind it have to say.
static void write_family(const struct metrics *m, struct family *f, size_t first)
{
    struct labels info = {0};
    struct value v;
    if (!find_value(m, figures[first].name, &v)) return;
    f->type = figures[first].type;
    family_begin(f, figures[first].metric, figures[first].name, figures[first].doc);
    for (size_t i = first; i < N_FIGURES; i++) {
        const struct figure *figure = &figures[i];
        if (figure->type == NONE || !is_of_family(figure->metric, figures[first].metric)) continue;
        if (!find_value(m, figure->name, &v)) continue;
        if (f->type == INFO)
            add_info(&info, figure, &v);
        else if (f->type == STATESET)
            write_states(f, &info, figure->metric, chime_message_text(v.message, v.i));
        else
            write_number(f, figure, &v);
    }
    if (f->type == INFO) family_sample(f, &info, "1");
}

// ---- lists ----

static void read_labels(const struct series *s, const struct chime_message *m, struct labels *labels)
{
    char name[64];
    *labels = (struct labels){0};
    for (size_t i = 0; metric_word(s->labels, i, name, sizeof name); i++) {
        const char *text = chime_message_text(m, i);
        labels_add(labels, name, text ? text : "");
    }
}

/// Two samples with the same labels would spoil all others.
static bool is_repeated(const struct metrics *m, const struct series *s, size_t k,
                        const struct labels *labels)
{
    struct labels other;
    for (size_t i = 0; i < k; i++) {
        if (strcmp(chime_message_path(m->messages[i]), s->path) != 0) continue;
        read_labels(s, m->messages[i], &other);
        if (strcmp(other.text, labels->text) == 0) return true;
    }
    return false;
}

static void write_series(const struct metrics *m, struct family *f, const struct series *s)
{
    bool has_begun = false;
    f->type = s->type;
    for (size_t k = 0; k < m->n; k++) {
        const struct chime_message *message = m->messages[k];
        struct labels labels;
        char text[32];
        if (strcmp(chime_message_path(message), s->path) != 0) continue;
        read_labels(s, message, &labels);
        if (is_repeated(m, s, k, &labels)) continue;
        if (!has_begun) family_begin(f, s->metric, NULL, s->doc);
        has_begun = true;
        metric_number(text, message, s->index, 1);
        if (s->type == STATESET)
            write_states(f, &labels, s->metric, chime_message_text(message, s->index));
        else
            family_sample(f, &labels, text);
    }
}

// ---- histograms ----

/// What a histogram of the daemon has; a bound of ours for each doubling is enough.
struct bounds {
    double first;
    int n;
};
static const struct bounds of_seconds = {1.024e-6, 22}, of_shares = {0x1p-10, 15};

static bool is_of(const struct chime_message *m, const char *path, const char *name)
{
    const char *text = chime_message_text(m, 0);
    return strcmp(chime_message_path(m), path) == 0 && text && strcmp(text, name) == 0;
}

/// Those that were no more than `bound`.
static int64_t count_up_to(const struct metrics *m, const char *name, double bound)
{
    int64_t n = 0;
    for (size_t k = 0; k < m->n; k++)
        if (is_of(m->messages[k], "/histogram/bucket", name) &&
            chime_message_number(m->messages[k], 2) <= bound * (1 + 1e-9))
            n += chime_message_int(m->messages[k], 3);
    return n;
}

static void write_bucket(const struct metrics *m, const struct family *f, const char *name, double bound)
{
    char le[32], count[32];
    metric_double(le, bound);
    snprintf(count, sizeof count, "%lld", (long long)count_up_to(m, name, bound));
    family_part(f, "bucket", le, count);
    if (isinf(bound)) family_part(f, "count", NULL, count);
}

static void write_histogram(const struct metrics *m, struct family *f, const struct histogram *h)
{
    char sum[32];
    for (size_t k = 0; k < m->n; k++) {
        const struct chime_message *info = m->messages[k];
        if (!is_of(info, "/histogram/info", h->name)) continue;
        const char *unit = chime_message_text(info, 1);
        const struct bounds *b = unit && strcmp(unit, "s") == 0 ? &of_seconds : &of_shares;
        f->type = HISTOGRAM;
        family_begin(f, h->metric, NULL, h->doc);
        for (int i = 0; i < b->n; i++)
            write_bucket(m, f, h->name, ldexp(b->first, i));
        write_bucket(m, f, h->name, (double)INFINITY);
        metric_number(sum, info, 3, 1);
        family_part(f, "sum", NULL, sum);
        return;
    }
}

// ---- all of it ----

void metrics_write(const struct metrics *m, enum metrics_format format, FILE *to)
{
    struct family f = {.to = to, .format = format};
    for (size_t i = 0; i < N_FIGURES; i++)
        if (figures[i].type != NONE && is_first_of_family(i)) write_family(m, &f, i);
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        write_series(m, &f, &series[i]);
    for (size_t i = 0; i < sizeof histograms / sizeof *histograms; i++)
        write_histogram(m, &f, &histograms[i]);
    if (format == METRICS_OPENMETRICS) fputs("# EOF\n", to);
}
