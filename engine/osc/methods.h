// SPDX-License-Identifier: MIT
// methods.h - the table of methods, parameters and errors, as api.def gives it.
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
#define METHOD(id, path, doc, answer, example) METHOD_##id,
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

enum param_type {
    PARAM_TYPE_INT,
    PARAM_TYPE_FLOAT,
    PARAM_TYPE_TEXT,
    PARAM_TYPE_BOOL,
    PARAM_TYPE_RATE,
    PARAM_TYPE_VOICES
};

struct param_info {
    const char *name;
    enum param_type type;
    double min, max;
    const char *unit;
};

/// What a method takes.
struct method_info {
    const char *path;
    uint64_t keys;      // a bit for each enum param that may stand as a name-value pair
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

/// The stable code of an error, as it stands in /error.
const char *api_error_code(enum api_error e);

#endif
