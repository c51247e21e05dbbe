// SPDX-License-Identifier: MIT
// tables.c - the arrays that the tables are read into.
#include "docs/tables.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct error_row errors[] = {
#define ERROR(id, code, doc) {code, doc},
#include "engine/osc/api.def"
};
const size_t n_errors = COUNT(errors);

const struct param params[] = {
#define PARAM(id, name, type, min, max, unit, doc) {name, #type, min, max, unit, doc},
#include "engine/osc/api.def"
};

#define READ    "read"
#define PLAY    "play"
#define ADMIN   "admin"
#define TIMED   true
#define UNTIMED false
const struct method methods[N_METHODS] = {
#define METHOD(id, path, role, timing, doc, answer, example) {path, doc, answer, example, role, timing},
#include "engine/osc/api.def"
};
#undef READ
#undef PLAY
#undef ADMIN
#undef TIMED
#undef UNTIMED

#define REQUIRED true
#define OPTIONAL false
const struct taken taken[] = {
#define ARG(method, param, need)  {METHOD_##method, PARAM_##param, false, need, NULL},
#define KEY(method, param, value) {METHOD_##method, PARAM_##param, true, false, value},
#include "engine/osc/api.def"
};
const size_t n_taken = COUNT(taken);

const struct relative relatives[] = {
#define RELATIVE(method, param) {METHOD_##method, PARAM_##param},
#include "engine/osc/api.def"
};
const size_t n_relatives = COUNT(relatives);

const struct failure failures[] = {
#define FAILS(method, error) {METHOD_##method, ERROR_##error},
#include "engine/osc/api.def"
};
const size_t n_failures = COUNT(failures);

const struct event_row events[] = {
#define EVENT(id, path, doc) {path, doc},
#include "engine/osc/api.def"
};
const size_t n_events = COUNT(events);

const struct figure figures[] = {
#define STATUS(name, kind, when, unit, doc, type, metric, value)                                             \
    {#name, #kind, #when, unit, doc, #type, metric},
#include "engine/osc/status.def"
};
const size_t n_figures = COUNT(figures);

const struct other_metric other_metrics[] = {
#define SERIES(path, labels, index, type, metric, doc) {path, #type, metric, labels, doc},
#define HISTOGRAM(name, metric, doc)                   {"/histogram", "HISTOGRAM", metric, "", doc},
#include "engine/osc/status.def"
};
const size_t n_other_metrics = COUNT(other_metrics);

// Numbers stay the text that stands in config.def, so that a default reads as it was written.
#define CONFIG_INT(section, name, value, min, max, unit, doc)                                                \
    {#section, #name, 'i', #value, min, max, unit, "", doc},
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc)                                              \
    {#section, #name, 'f', #value, min, max, unit, "", doc},
#define CONFIG_TEXT(section, name, value, size, doc)                                                         \
    {#section, #name, 't', value, 0, (size)-1, "bytes", "", doc},
#define CONFIG_CHOICE(section, name, value, choices, doc)                                                    \
    {#section, #name, 'c', value, 0, 0, "", choices, doc},
const struct config_key config_keys[] = {
#include "engine/config.def"
};
const char *const live_keys[] = {
#define CONFIG_LIVE(name) #name,
#include "engine/config.def"
};
const size_t n_live_keys = COUNT(live_keys);
const size_t n_config_keys = COUNT(config_keys);

const struct section sections[] = {
    {"engine", "Budgets of the engine. All memory for them is set aside at the start."},
    {"memory", "What each region of the daemon's memory may take. `chime memory` tells what it does take."},
    {"output", "What plays, and how."},
    {"control", "Where commands come in."},
    {"access", "Who may come in, and what each may do."},
    {"paths", "What may be loaded by its path."},
    {"log", "What is told to those who look after the daemon."},
};
const size_t n_sections = COUNT(sections);

const struct bus_key bus_keys[] = {
    {"parent", PARAM_PARENT, "master"}, {"gain", PARAM_GAIN, "0"}, {"pan", PARAM_PAN, "0"},
    {"mute", PARAM_MUTE, "0"},          {"out", PARAM_OUT, "0"},   {"width", PARAM_WIDTH, "2"},
};
const size_t n_bus_keys = COUNT(bus_keys);
