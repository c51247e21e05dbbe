// SPDX-License-Identifier: MIT
// parse.c - turns a message into a request: the method, and a checked value for each parameter that is set.
#include "engine/osc/parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/osc/pattern.h"

/// Longest text that is read as a number, with its closing 0.
#define NUMBER_TEXT_BYTES 32

// ---- reading requests ----

bool request_has(const struct request *r, enum param p)
{
    return r->set >> p & 1;
}

bool request_is_relative(const struct request *r, enum param p)
{
    return r->relative >> p & 1;
}

bool request_is_text(const struct request *r, enum param p)
{
    return r->text >> p & 1;
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

unsigned request_choice(const struct request *r, enum param p, unsigned otherwise)
{
    if (!request_has(r, p)) return otherwise;
    unsigned n = 0;
    while (strcmp(param_choice(p, n), r->values[p].s) != 0)
        n++;
    return n;
}

// ---- refusals ----

static bool is_text(const struct osc_arg *a)
{
    return a->type == 's' || a->type == 'S';
}

/// What an argument is, to those who sent it.
static const char *name_of_type(char type)
{
    switch (type) {
    case 's':
    case 'S': return "a text";
    case 'b': return "a blob";
    case 't': return "a time tag";
    case 'c': return "a character";
    case 'r': return "a colour";
    case 'm': return "a MIDI message";
    case 'N': return "nil";
    case 'I': return "an impulse";
    case '[':
    case ']': return "an array";
    default: return "a number";
    }
}

static enum api_error wrong_type(enum param p, const struct osc_arg *a, struct strbuf *why)
{
    static const char *const expected[] = {
        [PARAM_TYPE_INT] = "a whole number",
        [PARAM_TYPE_FLOAT] = "a number",
        [PARAM_TYPE_TEXT] = "text",
        [PARAM_TYPE_BOOL] = "0 or 1",
        [PARAM_TYPE_RATE] = "a number",
        [PARAM_TYPE_VOICE] = "the id of a voice: a whole number, or a text of 1 to 63 bytes other than all",
        [PARAM_TYPE_VOICES] = "the id of a voice (a whole number, or a text of 1 to 63 bytes), or all",
    };
    const struct param_info *info = &param_infos[p];
    bool is_fraction = (a->type == 'f' || a->type == 'd') && a->f != floor(a->f);
    strbuf_format(why, "%s is %s; it must be %s", info->name,
                  is_fraction ? "a fraction" : name_of_type(a->type), expected[info->type]);
    return API_BAD_ARGUMENTS;
}

static enum api_error out_of_range(enum param p, double number, struct strbuf *why)
{
    const struct param_info *info = &param_infos[p];
    const char *space = info->unit[0] ? " " : "";
    if (info->type == PARAM_TYPE_RATE)
        strbuf_format(why, "%s is %g; it must be %g to %g, or the same in reverse: %g to %g", info->name,
                      number, info->min, info->max, -info->max, -info->min);
    else
        strbuf_format(why, "%s is %.10g; it must be %.10g to %.10g%s%s", info->name, number, info->min,
                      info->max, space, info->unit);
    return API_OUT_OF_RANGE;
}

static enum api_error no_choice(enum param p, const char *text, struct strbuf *why)
{
    strbuf_format(why, "%s is %.40s; it must be one of:", param_infos[p].name, text);
    for (unsigned n = 0; param_choice(p, n); n++)
        strbuf_format(why, " %s", param_choice(p, n));
    return API_BAD_ARGUMENTS;
}

// ---- texts ----

/// The number that a text of digits alone stands for; -1 when it is none. Long ones stand for one that is too
/// large.
static int64_t digits_value(const char *text)
{
    int64_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++)
        if (value < INT64_C(1) << 40) value = value * 10 + (*c - '0');
    return *c || c == text ? -1 : value;
}

static bool is_choice(enum param p, const char *text)
{
    unsigned n = 0;
    while (param_choice(p, n) && strcmp(param_choice(p, n), text) != 0)
        n++;
    return param_choice(p, n);
}

static enum api_error bad_length(enum param p, double min, double max, struct strbuf *why)
{
    strbuf_format(why, "%s must be a text of %.10g to %.10g bytes", param_infos[p].name, min, max);
    return API_BAD_ARGUMENTS;
}

static enum api_error check_text(enum param p, const char *text, struct strbuf *why)
{
    const struct param_info *info = &param_infos[p];
    if (text[0] == 0) {
        strbuf_format(why, "%s is empty", info->name);
        return API_BAD_ARGUMENTS;
    }
    if (info->max > 0 && (double)strlen(text) > info->max) return bad_length(p, info->min, info->max, why);
    if (param_choice(p, 0) && !is_choice(p, text)) return no_choice(p, text, why);
    const char *problem = NULL;
    if (p == PARAM_PATTERN) problem = pattern_check(text);
    if (p == PARAM_TAG && (digits_value(text) >= 0 || strcmp(text, "all") == 0))
        problem =
            "tag is a number or all, which /clear takes for a voice or for everything; choose another name";
    if (problem) strbuf_append(why, problem);
    return problem ? API_BAD_ARGUMENTS : API_OK;
}

static enum api_error set_text(struct request *r, enum param p, const struct osc_arg *a, struct strbuf *why)
{
    if (!is_text(a)) return wrong_type(p, a, why);
    r->values[p].s = a->s;
    return check_text(p, a->s, why);
}

/// The id of a voice as a text, or "all".
static enum api_error set_voice(struct request *r, enum param p, const struct osc_arg *a, struct strbuf *why)
{
    int64_t number = digits_value(a->s);
    if (number >= 0) {
        r->values[p].i = number;
        return (double)number <= param_infos[p].max ? API_OK : out_of_range(p, (double)number, why);
    }
    if (strcmp(a->s, "all") == 0) {
        r->values[p].i = ALL_VOICES;
        return param_infos[p].type == PARAM_TYPE_VOICES ? API_OK : wrong_type(p, a, why);
    }
    r->text |= UINT64_C(1) << p;
    r->values[p].s = a->s;
    size_t n = strnlen(a->s, VOICE_NAME_BYTES);
    return n > 0 && n < VOICE_NAME_BYTES ? API_OK : bad_length(p, 1, VOICE_NAME_BYTES - 1, why);
}

// ---- numbers ----

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
    if (!as_number(a, &number)) return wrong_type(p, a, why);
    double magnitude = info->type == PARAM_TYPE_RATE ? fabs(number) : number;
    if (!is_in_range(info, a, magnitude)) return out_of_range(p, number, why);
    if (info->type == PARAM_TYPE_FLOAT || info->type == PARAM_TYPE_RATE) {
        r->values[p].f = number;
        return API_OK;
    }
    if (number != floor(number)) return wrong_type(p, a, why);
    r->values[p].i = (int64_t)number;
    return API_OK;
}

/// "+3", "-3" or "+-3" as a number. NAN when the text is none of them.
static double relative_value(const char *text)
{
    const char *digits = text + (text[0] == '+');
    digits += *digits == '-';
    bool has_digit = digits[0] >= '0' && digits[0] <= '9';
    has_digit |= digits[0] == '.' && digits[1] >= '0' && digits[1] <= '9';
    if (digits == text || !has_digit || strnlen(text, NUMBER_TEXT_BYTES) == NUMBER_TEXT_BYTES)
        return (double)NAN;
    if (text[strspn(text, "+-.0123456789eE")])
        return (double)NAN; // strtod() knows hexadecimal and words, too
    char *end;
    double number = strtod(text + (text[0] == '+'), &end);
    return *end ? (double)NAN : number;
}

static enum api_error set_relative(struct request *r, enum param p, const struct osc_arg *a,
                                   struct strbuf *why)
{
    r->relative |= UINT64_C(1) << p;
    r->values[p].f = relative_value(a->s);
    if (isfinite(r->values[p].f)) return API_OK;
    strbuf_format(
        why, "%s is the text %.40s; it must be a number, or a text such as +3 or -3, which is added to it",
        param_infos[p].name, a->s);
    return API_BAD_ARGUMENTS;
}

// ---- arguments ----

static enum api_error set_param(struct request *r, enum param p, const struct osc_arg *a, struct strbuf *why)
{
    if (request_has(r, p)) {
        strbuf_format(why, "%s is given twice", param_infos[p].name);
        return API_BAD_ARGUMENTS;
    }
    r->set |= UINT64_C(1) << p;
    enum param_type type = param_infos[p].type;
    if (type == PARAM_TYPE_TEXT) return set_text(r, p, a, why);
    if (!is_text(a)) return set_number(r, p, a, why);
    if (type == PARAM_TYPE_VOICE || type == PARAM_TYPE_VOICES) return set_voice(r, p, a, why);
    if (method_info(r->method)->relative >> p & 1) return set_relative(r, p, a, why);
    return wrong_type(p, a, why);
}

static enum api_error unknown_key(const struct method_info *m, const struct osc_arg *key, struct strbuf *why)
{
    if (m->keys == 0) {
        strbuf_format(why, "too many arguments: %s takes %d", m->path, m->n_args);
        return API_BAD_ARGUMENTS;
    }
    strbuf_format(why, "%.40s is no key of %s; it takes", is_text(key) ? key->s : name_of_type(key->type),
                  m->path);
    for (unsigned p = 0; p < N_PARAMS; p++)
        if (m->keys >> p & 1) strbuf_format(why, " %s", param_infos[p].name);
    return API_BAD_ARGUMENTS;
}

static enum api_error set_pair(struct request *r, const struct osc_arg *args, unsigned n_args,
                               struct strbuf *why)
{
    const struct method_info *m = method_info(r->method);
    enum param p = is_text(&args[0]) ? param_find(args[0].s) : N_PARAMS;
    if (p == N_PARAMS || !(m->keys >> p & 1)) return unknown_key(m, &args[0], why);
    if (n_args > 1) return set_param(r, p, &args[1], why);
    strbuf_format(why, "%s has no value", param_infos[p].name);
    return API_BAD_ARGUMENTS;
}

static enum api_error missing(enum param p, const struct osc_message *message, struct strbuf *why)
{
    strbuf_format(why, "%s is missing", param_infos[p].name);
    if (message->has_no_types)
        strbuf_append(why, "; the message has no type tags, so its arguments cannot be read");
    return API_BAD_ARGUMENTS;
}

static bool is_request_id(const struct osc_arg *a)
{
    if (!is_text(a) || a->s[0] != '#') return false;
    size_t n = strspn(a->s + 1, "0123456789");
    return n > 0 && n <= REQUEST_ID_BYTES - 3 && a->s[1 + n] == 0;
}

/// Reads the arguments into `args`; a request id at their end goes to `*id`. Returns their number without it.
static unsigned read_args(const struct osc_message *message, struct osc_arg *args, const char **id)
{
    const char *types = message->types;
    const uint8_t *data = message->args;
    unsigned n = 0;
    while (n < OSC_MAX_ARGS && osc_next_arg(&types, &data, &args[n]))
        n++;
    bool has_id = n > 0 && is_request_id(&args[n - 1]);
    *id = has_id ? args[n - 1].s : "";
    return n - has_id;
}

const char *parse_request_id(const struct osc_message *message)
{
    struct osc_arg args[OSC_MAX_ARGS];
    const char *id;
    read_args(message, args, &id);
    return id;
}

enum api_error parse_message(const struct osc_message *message, enum method method, struct request *request,
                             struct strbuf *why)
{
    const struct method_info *m = method_info(method);
    struct osc_arg args[OSC_MAX_ARGS];
    enum api_error error = API_OK;
    request->method = method;
    request->set = request->relative = request->text = 0;
    unsigned at = 0, n_args = read_args(message, args, &request->id);
    for (; at < n_args && at < m->n_args && !error; at++)
        error = set_param(request, (enum param)m->args[at], &args[at], why);
    if (!error && at < m->n_required) return missing((enum param)m->args[at], message, why);
    for (; at < n_args && !error; at += 2)
        error = set_pair(request, &args[at], n_args - at, why);
    return error;
}
