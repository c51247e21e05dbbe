// SPDX-License-Identifier: MIT
// methods.h - the table of methods, parameters, events and errors, as api.def gives it.
#ifndef ENGINE_OSC_METHODS_H
#define ENGINE_OSC_METHODS_H
#include <stdbool.h>
#include <stdint.h>

enum api_error {
    API_OK,
#define ERROR(id, code, doc) API_##id,
#include "engine/osc/api.def"
    N_API_ERRORS
};

enum method {
#define METHOD(id, path, role, timing, doc, answer, example) METHOD_##id,
#include "engine/osc/api.def"
    N_METHODS
};

enum param {
#define PARAM(id, name, type, min, max, unit, doc) PARAM_##id,
#include "engine/osc/api.def"
    N_PARAMS
};

/// What a client may do; each role may do what the ones before it may.
enum role { ROLE_READ, ROLE_PLAY, ROLE_ADMIN };

/// What the daemon sends unasked.
enum osc_event {
#define EVENT(id, path, doc) OSC_EVENT_##id,
#include "engine/osc/api.def"
    N_OSC_EVENTS
};

enum param_type {
    PARAM_TYPE_INT,
    PARAM_TYPE_FLOAT,
    PARAM_TYPE_TEXT,
    PARAM_TYPE_BOOL,
    PARAM_TYPE_RATE,
    PARAM_TYPE_VOICE,
    PARAM_TYPE_VOICES
};

struct param_info {
    const char *name;
    enum param_type type;
    double min, max; // of a TEXT: bytes; 0 and 0: any number of them but 0
    const char *unit;
};

/// What a method takes.
struct method_info {
    const char *path;
    enum role role;
    bool is_timed;      // can be scheduled
    uint64_t keys;      // a bit for each enum param that may stand as a name-value pair
    uint64_t relative;  // likewise: that may be relative
    uint8_t args[4];    // enum param of each positional argument
    uint8_t n_args;     // at the most
    uint8_t n_required; // at the least
};

extern const struct param_info param_infos[N_PARAMS];

/// Fills in the table of methods. Call once, before any other function here.
void methods_init(void);

const struct method_info *method_info(enum method m);

/// The method with this path; N_METHODS when there is none.
enum method method_find(const char *path);
/// The parameter with this name; N_PARAMS when there is none.
enum param param_find(const char *name);
/// The n-th word, counted from 0, of a parameter that takes one of some words (CHOICE in api.def); NULL when
/// there are no more, or it takes any text.
const char *param_choice(enum param p, unsigned n);

/// The path of an event.
const char *osc_event_path(enum osc_event e);

/// The stable code of an error, as it stands in /error.
const char *api_error_code(enum api_error e);

#endif
