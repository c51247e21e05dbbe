// SPDX-License-Identifier: MIT
// methods.c - the table of methods, parameters and errors, as api.def gives it.
#include "engine/osc/methods.h"

#include <assert.h>
#include <string.h>

static_assert(N_PARAMS <= 64, "a request marks what is set in 64 bits");

const struct param_info param_infos[N_PARAMS] = {
#define PARAM(id, name, type, min, max, unit, doc) {name, PARAM_TYPE_##type, min, max, unit},
#include "engine/osc/api.def"
};

static struct method_info methods[N_METHODS] = {
#define METHOD(id, path, doc, answer, example) {path, 0, {0}, 0, 0},
#include "engine/osc/api.def"
};

static const char *const codes[N_API_ERRORS] = {
    "ok",
#define ERROR(id, code, doc) code,
#include "engine/osc/api.def"
};

enum { OPTIONAL, REQUIRED };

static void add_arg(enum method m, enum param p, int need)
{
    methods[m].args[methods[m].n_args++] = (uint8_t)p;
    methods[m].n_required = (uint8_t)(methods[m].n_required + need);
}

static void add_key(enum method m, enum param p)
{
    methods[m].keys |= UINT64_C(1) << p;
}

void methods_init(void)
{
    if (methods[METHOD_PLAY].n_args > 0) return;
#define ARG(method, param, need)         add_arg(METHOD_##method, PARAM_##param, need);
#define KEY(method, param, default_text) add_key(METHOD_##method, PARAM_##param);
#include "engine/osc/api.def"
}

const struct method_info *method_info(enum method m)
{
    return &methods[m];
}

enum method method_find(const char *path)
{
    unsigned m = 0;
    while (m < N_METHODS && strcmp(methods[m].path, path) != 0)
        m++;
    return (enum method)m;
}

const char *api_error_code(enum api_error e)
{
    return codes[e];
}
