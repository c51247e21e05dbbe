// SPDX-License-Identifier: MIT
// parse_rig.h - builds one message, has it parsed, and fills in what a method wants.
#ifndef TESTS_PARSE_RIG_H
#define TESTS_PARSE_RIG_H
#include <math.h>

#include "engine/osc/parse.h"
#include "tests/osc_build.h"

/// A message under construction: type tags and arguments apart.
struct call {
    char types[80];
    struct osc_build args;
};

static struct call call;
static struct request request;
static char why_text[1024];

static inline void begin(void)
{
    call.args.n = 0;
    strcpy(call.types, ",");
}

static inline void add_tag(char tag)
{
    size_t n = strlen(call.types);
    call.types[n] = tag;
    call.types[n + 1] = 0;
}

static inline void add_text(const char *text)
{
    add_tag('s');
    build_text(&call.args, text);
}

/// A number as an OSC type that can hold it.
static inline void add_number(char tag, double value)
{
    add_tag(tag);
    if (tag == 'i') build_u32(&call.args, (uint32_t)(int32_t)value);
    if (tag == 'h') build_u64(&call.args, (uint64_t)(int64_t)value);
    if (tag == 'f') build_float(&call.args, (float)value);
    if (tag == 'd') build_double(&call.args, value);
}

static inline void parse_one(void *context, const struct osc_message *m)
{
    struct strbuf why = strbuf_make(why_text, sizeof why_text);
    enum method method = method_find(m->path);
    assert_int_not_equal(method, N_METHODS);
    *(enum api_error *)context = parse_message(m, method, &request, &why);
    assert_string_equal(request.id, parse_request_id(m));
    assert_false(why.cut);
}

static inline enum api_error parse(enum method m)
{
    static struct osc_build b; // texts of the request point into it
    enum api_error error = N_API_ERRORS;
    b.n = 0;
    build_head(&b, method_info(m)->path, call.types);
    build_raw(&b, call.args.bytes, call.args.n);
    assert_null(osc_packet_check(b.bytes, b.n));
    osc_packet_visit(b.bytes, b.n, parse_one, &error);
    if (error) assert_int_not_equal(strlen(why_text), 0); // people get a sentence
    return error;
}

// ---- values ----

static inline bool is_voice(enum param_type type)
{
    return type == PARAM_TYPE_VOICE || type == PARAM_TYPE_VOICES;
}

static inline bool is_whole(enum param_type type)
{
    return type == PARAM_TYPE_INT || type == PARAM_TYPE_BOOL || is_voice(type);
}

/// A text that the parameter takes.
static const char *good_text(enum param p)
{
    return param_choice(p, 0) ? param_choice(p, 0) : "name";
}

/// Something that the parameter takes.
static inline void add_good(enum param p)
{
    const struct param_info *info = &param_infos[p];
    if (info->type == PARAM_TYPE_TEXT)
        add_text(good_text(p));
    else if (is_whole(info->type))
        add_number('i', info->min > 0 ? info->min : 1);
    else
        add_number('f', (info->min + info->max) / 2);
}

/// Its required arguments before number `n`.
static inline void add_args_before(enum method m, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        add_good((enum param)method_info(m)->args[i]);
}

static inline enum api_error take_all(enum method m)
{
    const struct method_info *info = method_info(m);
    begin();
    add_args_before(m, info->n_args);
    for (unsigned p = 0; p < N_PARAMS; p++) {
        if (!(info->keys >> p & 1)) continue;
        add_text(param_infos[p].name);
        add_good((enum param)p);
    }
    return parse(m);
}

static inline int set_up(void **state)
{
    (void)state;
    methods_init();
    methods_init(); // a second call changes nothing
    return 0;
}

// ---- one parameter of a method at a time ----

/// Puts `m` together up to the value of parameter `p`, which follows.
static inline void begin_before(enum method m, enum param p)
{
    const struct method_info *info = method_info(m);
    begin();
    if (info->keys >> p & 1) {
        add_args_before(m, info->n_args);
        add_text(param_infos[p].name);
        return;
    }
    unsigned i = 0;
    while (info->args[i] != p)
        i++;
    add_args_before(m, i);
}

/// Adds the required arguments behind a positional one.
static inline enum api_error end_after(enum method m, enum param p)
{
    const struct method_info *info = method_info(m);
    unsigned i = 0;
    while (i < info->n_args && info->args[i] != p)
        i++;
    for (i++; i < info->n_required; i++)
        add_good((enum param)info->args[i]);
    return parse(m);
}

static inline bool takes(enum method m, enum param p)
{
    const struct method_info *info = method_info(m);
    for (unsigned i = 0; i < info->n_args; i++)
        if (info->args[i] == p) return true;
    return info->keys >> p & 1;
}

static inline enum api_error with_text(enum method m, enum param p, const char *text)
{
    begin_before(m, p);
    add_text(text);
    return end_after(m, p);
}

#endif
