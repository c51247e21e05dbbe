// SPDX-License-Identifier: MIT
// methods.c - the table of methods, parameters, events and errors, as api.def gives it.
#include "engine/osc/methods.h"

#include <assert.h>
#include <string.h>

#include "alloc/attr.h"

static_assert(N_PARAMS <= 64, "a request marks what is set in 64 bits");

const struct param_info param_infos[N_PARAMS] = {
#define PARAM(id, name, type, min, max, unit, doc) {name, PARAM_TYPE_##type, min, max, unit},
#include "engine/osc/api.def"
};

enum { UNTIMED, TIMED };

static struct method_info methods[N_METHODS] = {
#define METHOD(id, path, role, timing, doc, answer, example) {path, ROLE_##role, timing, 0, 0, {0}, 0, 0},
#include "engine/osc/api.def"
};

static const struct choice {
    enum param param;
    const char *word;
} choices[] = {
#define CHOICE(param, word) {PARAM_##param, word},
#include "engine/osc/api.def"
};

static const char *const codes[N_API_ERRORS] = {
    "ok",
#define ERROR(id, code, doc) code,
#include "engine/osc/api.def"
};

static const char *const event_paths[N_OSC_EVENTS] = {
#define EVENT(id, path, doc) path,
#include "engine/osc/api.def"
};

// ---- names by hash ----

/// Slots of an open table, at least twice the names in it: few names meet.
#define N_SLOTS 256

static_assert(N_METHODS <= N_SLOTS / 2 && N_PARAMS <= N_SLOTS / 2, "more slots are needed");

/// Numbers of methods and parameters, counted from 1; 0: none.
static uint8_t method_slots[N_SLOTS], param_slots[N_SLOTS];

/// FNV-1a (Fowler, Noll and Vo), folded: the low bits alone are its worst.
static uint32_t hash(const char *name)
{
    uint32_t h = 2166136261;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619;
    return h ^ h >> 16;
}

static void add_name(uint8_t *slots, const char *name, unsigned number)
{
    uint32_t at = hash(name) % N_SLOTS;
    while (slots[at])
        at = (at + 1) % N_SLOTS;
    slots[at] = (uint8_t)(number + 1);
}

enum method method_find(const char *path)
{
    for (uint32_t at = hash(path) % N_SLOTS; method_slots[at]; at = (at + 1) % N_SLOTS)
        if (strcmp(methods[method_slots[at] - 1].path, path) == 0) return (enum method)(method_slots[at] - 1);
    return N_METHODS;
}

enum param param_find(const char *name)
{
    for (uint32_t at = hash(name) % N_SLOTS; param_slots[at]; at = (at + 1) % N_SLOTS)
        if (strcmp(param_infos[param_slots[at] - 1].name, name) == 0)
            return (enum param)(param_slots[at] - 1);
    return N_PARAMS;
}

// ---- filling in ----

enum { OPTIONAL, REQUIRED };

static void add_arg(enum method m, enum param p, int need)
{
    assert(methods[m].n_args < COUNT_OF(methods[m].args));
    methods[m].args[methods[m].n_args++] = (uint8_t)p;
    methods[m].n_required = (uint8_t)(methods[m].n_required + need);
}

static void add_key(enum method m, enum param p)
{
    methods[m].keys |= UINT64_C(1) << p;
}

/// What every method that can be scheduled takes.
static void add_timing(enum method m)
{
    add_key(m, PARAM_AT);
    add_key(m, PARAM_IMMEDIATE);
    add_key(m, PARAM_POLICY);
    add_key(m, PARAM_TAG);
}

static void add_relative(enum method m, enum param p)
{
    methods[m].relative |= UINT64_C(1) << p;
}

void methods_init(void)
{
    if (methods[METHOD_PLAY].n_args > 0) return;
#define ARG(method, param, need)         add_arg(METHOD_##method, PARAM_##param, need);
#define KEY(method, param, default_text) add_key(METHOD_##method, PARAM_##param);
#define RELATIVE(method, param)          add_relative(METHOD_##method, PARAM_##param);
#include "engine/osc/api.def"
    for (unsigned m = 0; m < N_METHODS; m++) {
        add_name(method_slots, methods[m].path, m);
        if (methods[m].is_timed) add_timing((enum method)m);
    }
    for (unsigned p = 0; p < N_PARAMS; p++)
        add_name(param_slots, param_infos[p].name, p);
}

// ---- looking up ----

const struct method_info *method_info(enum method m)
{
    return &methods[m];
}

const char *param_choice(enum param p, unsigned n)
{
    for (size_t i = 0; i < COUNT_OF(choices); i++)
        if (choices[i].param == p && n-- == 0) return choices[i].word;
    return NULL;
}

const char *osc_event_path(enum osc_event e)
{
    return event_paths[e];
}

const char *api_error_code(enum api_error e)
{
    return codes[e];
}
