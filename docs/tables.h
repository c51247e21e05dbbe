// SPDX-License-Identifier: MIT
// tables.h - the tables of the OSC methods, the configuration keys and chime's commands, as arrays to write
// from.
#ifndef DOCS_TABLES_H
#define DOCS_TABLES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// ---- engine/osc/api.def ----

enum param_id {
#define PARAM(id, name, type, min, max, unit, doc) PARAM_##id,
#include "engine/osc/api.def"
};

enum method_id {
#define METHOD(id, path, role, timing, doc, answer, example) METHOD_##id,
#include "engine/osc/api.def"
    N_METHODS
};

enum error_id {
#define ERROR(id, code, doc) ERROR_##id,
#include "engine/osc/api.def"
};

struct error_row {
    const char *code, *doc;
};
/// What a method can answer beside what any can.
struct failure {
    enum method_id method;
    enum error_id error;
};
/// What the daemon sends unasked.
struct event_row {
    const char *path, *doc;
};
struct param {
    const char *name, *type;
    double min, max;
    const char *unit, *doc;
};
struct method {
    const char *path, *doc, *answer, *example;
    const char *role; // "read", "play" or "admin"
    bool is_timed;
};
/// What a method takes: an argument by its place, or a key and its value.
struct taken {
    enum method_id method;
    enum param_id param;
    bool is_key, required;
    const char *otherwise; // the default of a key
};
/// A value that may be added to the one that holds.
struct relative {
    enum method_id method;
    enum param_id param;
};
extern const struct error_row errors[];
extern const size_t n_errors;
extern const struct param params[];
extern const struct method methods[N_METHODS];
extern const struct taken taken[];
extern const size_t n_taken;
extern const struct relative relatives[];
extern const size_t n_relatives;
extern const struct failure failures[];
extern const size_t n_failures;
extern const struct event_row events[];
extern const size_t n_events;

// ---- engine/osc/status.def ----

struct figure {
    const char *name, *kind, *when, *unit, *doc;
    const char *type, *metric;
};
extern const struct figure figures[];
extern const size_t n_figures;

/// A metric that is no figure of /status: of the items of a list, or a histogram.
struct other_metric {
    const char *path, *type, *metric, *labels, *doc;
};
extern const struct other_metric other_metrics[];
extern const size_t n_other_metrics;

// ---- engine/config.def ----

struct config_key {
    const char *section, *name;
    char kind;         // i f t c: whole number, number, text, choice
    const char *value; // the default, as it stands in a file
    double min, max;
    const char *unit, *choices, *doc;
};
/// The keys that take effect on a reload; all others do after a restart.
extern const char *const live_keys[];
extern const size_t n_live_keys;
extern const struct config_key config_keys[];
extern const size_t n_config_keys;

/// What a section is about, for people.
struct section {
    const char *name, *doc;
};
extern const struct section sections[];
extern const size_t n_sections;

/// Keys of a [bus NAME] section; their meaning is that of the OSC parameters of the same names.
struct bus_key {
    const char *name;
    enum param_id param;
    const char *otherwise;
};
extern const struct bus_key bus_keys[];
extern const size_t n_bus_keys;

// ---- helpers (generate.c) ----

/// Writes the range of a parameter in words: "-200 to 24 dB".
void print_range(FILE *to, const struct param *p);
/// Writes the OSC type letters for the words of an example, as oscsend wants them.
void print_types(FILE *to, const char *example);
/// Writes text for Markdown, or for roff: there `x` becomes bold, and what roff would act on is escaped.
void print_markdown(FILE *to, const char *text);
void print_roff(FILE *to, const char *text);

// ---- what is written ----

void write_osc_markdown(FILE *to);
void write_osc_man(FILE *to);
void write_conf_man(FILE *to);
void write_conf_example(FILE *to);
void write_completion_words(FILE *to);

#endif
