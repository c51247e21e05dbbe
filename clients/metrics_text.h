// SPDX-License-Identifier: MIT
// metrics_text.h - the lines of OpenMetrics, and of the text format of Prometheus: families, labels, numbers.
#ifndef CLIENTS_METRICS_TEXT_H
#define CLIENTS_METRICS_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "clients/metrics.h"

enum metric_type { GAUGE, COUNTER, INFO, STATESET, HISTOGRAM, NONE };

/// Longest name of a family, with its prefix and closing 0, and text of one sample's labels.
#define METRIC_NAME_BYTES   64
#define METRIC_LABELS_BYTES 1024

/// One family of metrics that is being written.
struct family {
    FILE *to;
    enum metrics_format format;
    enum metric_type type;
    char name[METRIC_NAME_BYTES]; // "chimed_voices_started"
};

/// Labels as text, `kind="udp",socket="..."`; without the braces.
struct labels {
    char text[METRIC_LABELS_BYTES];
    size_t length;
};

/// Writes the lines that introduce a family: `name` is the first word of `metric`. `of`: the daemon's own
/// name for it, or NULL.
void family_begin(struct family *f, const char *metric, const char *of, const char *doc);
/// Writes one sample; `labels` may be NULL.
void family_sample(const struct family *f, const struct labels *labels, const char *value);
/// A sample of a histogram: "_bucket" with its bound, "_sum" or "_count".
void family_part(const struct family *f, const char *part, const char *bound, const char *value);

/// Adds a label. One that has no room is left out.
void labels_add(struct labels *l, const char *name, const char *value);

/// The number of argument `i` times `scale`, as text of 32 bytes.
void metric_number(char text[32], const struct chime_message *m, size_t i, double scale);
/// A bound or sum.
void metric_double(char text[32], double value);

/// Copies word `n`, counted from 0, of `words`, which stand apart by a space. False when there are not so
/// many.
bool metric_word(const char *words, size_t n, char *word, size_t size);

#endif
