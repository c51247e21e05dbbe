// SPDX-License-Identifier: MIT
// metrics.h - asks a daemon for its figures and writes them as metrics: status.def says which ones, and how.
#ifndef CLIENTS_METRICS_H
#define CLIENTS_METRICS_H
#include <stddef.h>
#include <stdio.h>

#include "clients/chime.h"

/// OpenMetrics 1.0, or the text format of Prometheus that came before it (0.0.4).
enum metrics_format { METRICS_OPENMETRICS, METRICS_PROMETHEUS, N_METRICS_FORMATS };

/// What the daemon has answered. A zeroed one is empty.
struct metrics {
    struct chime_message **messages; // owned
    size_t n, n_slots;
};

/// Asks for all that status.def needs, with `timeout_s` for each answer. After a failure `*answer` may be the
/// refusal, which the caller frees; it is NULL otherwise.
CHIME_NODISCARD enum chime_status metrics_collect(struct metrics *m, struct chime *chime, double timeout_s,
                                                  struct chime_message **answer);
void metrics_free(struct metrics *m);

void metrics_write(const struct metrics *m, enum metrics_format format, FILE *to);
/// "openmetrics" or "prometheus"; and the HTTP content type.
const char *metrics_format_name(enum metrics_format format);
const char *metrics_format_type(enum metrics_format format);

#endif
