// SPDX-License-Identifier: MIT
// parse.c - turns a message into a request: the method, and a checked value for each parameter that is set.
#include "engine/osc/parse.h"

#include <math.h>
#include <string.h>

bool request_has(const struct request *r, enum param p)
{
    return r->set >> p & 1;
}

int64_t request_int(const struct request *r, enum param p, int64_t otherwise)
{
    return request_has(r, p) ? r->values[p].i : otherwise;
}

double request_float(const struct request *r, enum param p, double otherwise)
{
    return request_has(r, p) ? r->values[p].f : otherwise;
}

const char *request_text(const struct request *r, enum param p, const char *otherwise)
{
    return request_has(r, p) ? r->values[p].s : otherwise;
}

static bool is_text(const struct osc_arg *a)
{
    return a->type == 's' || a->type == 'S';
}

/// Any OSC number as a double. False when the argument is no number.
static bool as_number(const struct osc_arg *a, double *number)
{
    switch (a->type) {
    case 'f':
    case 'd': *number = a->f; return true;
    case 'i':
    case 'h':
    case 'T':
    case 'F': *number = (double)a->i; return true;
    default: return false;
    }
}

static enum api_error wrong_type(const struct param_info *info, struct strbuf *why)
{
    static const char *const expected[] = {
        [PARAM_TYPE_INT] = "a whole number", [PARAM_TYPE_FLOAT] = "a number",
        [PARAM_TYPE_TEXT] = "text",          [PARAM_TYPE_BOOL] = "0 or 1",
        [PARAM_TYPE_RATE] = "a number",      [PARAM_TYPE_VOICES] = "the number of a voice, or all",
    };
    strbuf_format(why, "%s must be %s", info->name, expected[info->type]);
    return API_BAD_ARGUMENTS;
}

static enum api_error out_of_range(const struct param_info *info, double number, struct strbuf *why)
{
    const char *space = info->unit[0] ? " " : "";
    if (info->type == PARAM_TYPE_RATE)
        strbuf_format(why, "%s is %g; it must be %g to %g, or the same in reverse: %g to %g", info->name,
                      number, info->min, info->max, -info->max, -info->min);
    else
        strbuf_format(why, "%s is %g; it must be %.10g to %.10g%s%s", info->name, number, info->min,
                      info->max, space, info->unit);
    return API_OUT_OF_RANGE;
}

static enum api_error set_text(struct request *r, enum param p, const struct osc_arg *a, struct strbuf *why)
{
    if (!is_text(a)) return wrong_type(&param_infos[p], why);
    if (a->s[0] == 0) {
        strbuf_format(why, "%s is empty", param_infos[p].name);
        return API_BAD_ARGUMENTS;
    }
    r->values[p].s = a->s;
    return API_OK;
}

/// A limit that no float is equal to (0.06) is met by the float next to it, which is what clients send for
/// it.
static bool is_in_range(const struct param_info *info, const struct osc_arg *a, double magnitude)
{
    bool is_float = a->type == 'f' && (info->type == PARAM_TYPE_FLOAT || info->type == PARAM_TYPE_RATE);
    double min = is_float ? (double)(float)info->min : info->min;
    double max = is_float ? (double)(float)info->max : info->max;
    return magnitude >= min && magnitude <= max;
}

static enum api_error set_number(struct request *r, enum param p, const struct osc_arg *a, struct strbuf *why)
{
    const struct param_info *info = &param_infos[p];
    double number;
    if (!as_number(a, &number)) return wrong_type(info, why);
    double magnitude = info->type == PARAM_TYPE_RATE ? fabs(number) : number;
    if (!is_in_range(info, a, magnitude)) return out_of_range(info, number, why);
    if (info->type == PARAM_TYPE_FLOAT || info->type == PARAM_TYPE_RATE) {
        r->values[p].f = number;
        return API_OK;
    }
    if (number != floor(number)) return wrong_type(info, why);
    r->values[p].i = (int64_t)number;
    return API_OK;
}

static enum api_error set_param(struct request *r, enum param p, const struct osc_arg *a, struct strbuf *why)
{
    if (request_has(r, p)) {
        strbuf_format(why, "%s is given twice", param_infos[p].name);
        return API_BAD_ARGUMENTS;
    }
    r->set |= UINT64_C(1) << p;
    if (param_infos[p].type == PARAM_TYPE_TEXT) return set_text(r, p, a, why);
    if (param_infos[p].type == PARAM_TYPE_VOICES && is_text(a)) {
        r->values[p].i = ALL_VOICES;
        return strcmp(a->s, "all") == 0 ? API_OK : wrong_type(&param_infos[p], why);
    }
    return set_number(r, p, a, why);
}

/// The parameter that a key names, if the method takes it; N_PARAMS otherwise.
static enum param find_key(const struct method_info *m, const struct osc_arg *key)
{
    for (unsigned p = 0; is_text(key) && p < N_PARAMS; p++)
        if ((m->keys >> p & 1) && strcmp(param_infos[p].name, key->s) == 0) return (enum param)p;
    return N_PARAMS;
}

static enum api_error unknown_key(const struct method_info *m, const struct osc_arg *key, struct strbuf *why)
{
    if (m->keys == 0) {
        strbuf_format(why, "too many arguments: %s takes %d", m->path, m->n_args);
        return API_BAD_ARGUMENTS;
    }
    strbuf_format(why, "%.40s is no key of %s; it takes", is_text(key) ? key->s : "a number", m->path);
    for (unsigned p = 0; p < N_PARAMS; p++)
        if (m->keys >> p & 1) strbuf_format(why, " %s", param_infos[p].name);
    return API_BAD_ARGUMENTS;
}

enum api_error parse_message(const struct osc_message *message, struct request *request, struct strbuf *why)
{
    *request = (struct request){.method = method_find(message->path)};
    if (request->method == N_METHODS) {
        strbuf_format(why, "no method has the path %.64s", message->path);
        return API_UNKNOWN_METHOD;
    }
    const struct method_info *m = method_info(request->method);
    const char *types = message->types;
    const uint8_t *data = message->args;
    struct osc_arg arg;
    enum api_error error = API_OK;
    unsigned n_args = 0;
    for (; n_args < m->n_args && osc_next_arg(&types, &data, &arg); n_args++) {
        error = set_param(request, (enum param)m->args[n_args], &arg, why);
        if (error) return error;
    }
    if (n_args < m->n_required) {
        strbuf_format(why, "%s is missing", param_infos[m->args[n_args]].name);
        return API_BAD_ARGUMENTS;
    }
    while (osc_next_arg(&types, &data, &arg)) {
        enum param p = find_key(m, &arg);
        if (p == N_PARAMS) return unknown_key(m, &arg, why);
        if (!osc_next_arg(&types, &data, &arg)) {
            strbuf_format(why, "%s has no value", param_infos[p].name);
            return API_BAD_ARGUMENTS;
        }
        error = set_param(request, p, &arg, why);
        if (error) return error;
    }
    return API_OK;
}
