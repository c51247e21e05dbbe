// SPDX-License-Identifier: MIT
// test_parse.c - every method with what is missing, too much, of the wrong type or outside its range, from
// the table itself.
#include <math.h>
#include <stdio.h>

#include "engine/osc/parse.h"
#include "tests/osc_build.h"

/// A message under construction: type tags and arguments apart.
struct call {
    char types[80];
    struct osc_build args;
};

static struct call call;
static struct request request;
static char why_text[256];

static void begin(void)
{
    call.args.n = 0;
    strcpy(call.types, ",");
}

static void add_tag(char tag)
{
    size_t n = strlen(call.types);
    call.types[n] = tag;
    call.types[n + 1] = 0;
}

static void add_text(const char *text)
{
    add_tag('s');
    build_text(&call.args, text);
}

/// A number as an OSC type that can hold it.
static void add_number(char tag, double value)
{
    add_tag(tag);
    if (tag == 'i') build_u32(&call.args, (uint32_t)(int32_t)value);
    if (tag == 'h') build_u64(&call.args, (uint64_t)(int64_t)value);
    if (tag == 'f') build_float(&call.args, (float)value);
    if (tag == 'd') build_double(&call.args, value);
}

static void parse_one(void *context, const struct osc_message *m)
{
    struct strbuf why = strbuf_make(why_text, sizeof why_text);
    *(enum api_error *)context = parse_message(m, &request, &why);
}

static enum api_error parse_path(const char *path)
{
    static struct osc_build b; // texts of the request point into it
    enum api_error error = N_API_ERRORS;
    b.n = 0;
    build_head(&b, path, call.types);
    build_raw(&b, call.args.bytes, call.args.n);
    assert_null(osc_packet_check(b.bytes, b.n));
    osc_packet_visit(b.bytes, b.n, parse_one, &error);
    if (error) assert_int_not_equal(strlen(why_text), 0); // people get a sentence
    return error;
}

static enum api_error parse(enum method m)
{
    return parse_path(method_info(m)->path);
}

// ---- values ----

static bool is_whole(enum param_type type)
{
    return type == PARAM_TYPE_INT || type == PARAM_TYPE_BOOL || type == PARAM_TYPE_VOICES;
}

/// Something that the parameter takes.
static void add_good(enum param p)
{
    const struct param_info *info = &param_infos[p];
    if (info->type == PARAM_TYPE_TEXT)
        add_text("name");
    else if (is_whole(info->type))
        add_number('i', info->min > 0 ? info->min : 1);
    else
        add_number('f', (info->min + info->max) / 2);
}

/// Its required arguments before number `n`.
static void add_args_before(enum method m, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        add_good((enum param)method_info(m)->args[i]);
}

static enum api_error take_all(enum method m)
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

static void test_everything_at_once(void **state)
{
    (void)state;
    for (int m = 0; m < N_METHODS; m++) {
        const struct method_info *info = method_info((enum method)m);
        assert_int_equal(method_find(info->path), m);
        assert_int_equal(take_all((enum method)m), API_OK);
        assert_int_equal(request.method, m);
        uint64_t expected = info->keys;
        for (unsigned i = 0; i < info->n_args; i++)
            expected |= UINT64_C(1) << info->args[i];
        assert_true(request.set == expected);
        for (unsigned p = 0; p < N_PARAMS; p++)
            if ((expected >> p & 1) && param_infos[p].type == PARAM_TYPE_TEXT)
                assert_string_equal(request_text(&request, (enum param)p, ""), "name");
    }
}

static void test_missing_arguments(void **state)
{
    (void)state;
    for (int m = 0; m < N_METHODS; m++) {
        const struct method_info *info = method_info((enum method)m);
        for (unsigned n = 0; n <= info->n_required; n++) {
            begin();
            add_args_before((enum method)m, n);
            assert_int_equal(parse((enum method)m), n < info->n_required ? API_BAD_ARGUMENTS : API_OK);
        }
    }
}

static void test_too_many_arguments(void **state)
{
    (void)state;
    for (int m = 0; m < N_METHODS; m++) {
        unsigned n = method_info((enum method)m)->n_args;
        begin();
        add_args_before((enum method)m, n);
        add_text("no_such_key");
        assert_int_equal(parse((enum method)m), API_BAD_ARGUMENTS);
        add_number('i', 1);
        assert_int_equal(parse((enum method)m), API_BAD_ARGUMENTS);
        begin();
        add_args_before((enum method)m, n);
        add_number('i', 1); // where a key should be
        add_number('i', 1);
        assert_int_equal(parse((enum method)m), API_BAD_ARGUMENTS);
    }
}

// ---- one parameter of a method at a time ----

/// Puts `m` together up to the value of parameter `p`, which follows.
static void begin_before(enum method m, enum param p)
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
static enum api_error end_after(enum method m, enum param p)
{
    const struct method_info *info = method_info(m);
    unsigned i = 0;
    while (i < info->n_args && info->args[i] != p)
        i++;
    for (i++; i < info->n_required; i++)
        add_good((enum param)info->args[i]);
    return parse(m);
}

static bool takes(enum method m, enum param p)
{
    const struct method_info *info = method_info(m);
    for (unsigned i = 0; i < info->n_args; i++)
        if (info->args[i] == p) return true;
    return info->keys >> p & 1;
}

static enum api_error with_number(enum method m, enum param p, char tag, double value)
{
    begin_before(m, p);
    add_number(tag, value);
    return end_after(m, p);
}

static void check_in_range(enum method m, enum param p, char tag, double value)
{
    if (with_number(m, p, tag, value) != API_OK)
        fail_msg("%s %s %.9g as %c: %s", method_info(m)->path, param_infos[p].name, value, tag, why_text);
    double taken = is_whole(param_infos[p].type) ? (double)request_int(&request, p, -99)
                                                 : request_float(&request, p, -99);
    assert_true(fabs(taken - value) <= fabs(value) * 1e-7);
}

static void check_out_of_range(enum method m, enum param p, char tag, double value)
{
    if (with_number(m, p, tag, value) != API_OUT_OF_RANGE)
        fail_msg("%s %s %.9g as %c was not refused", method_info(m)->path, param_infos[p].name, value, tag);
}

static void check_whole(enum method m, enum param p)
{
    const struct param_info *info = &param_infos[p];
    for (const char *tag = "ihd"; *tag; tag++) {
        check_in_range(m, p, *tag, info->min);
        check_in_range(m, p, *tag, info->max);
    }
    check_in_range(m, p, 'f', info->min);
    // The float next to the largest number may lie beyond it.
    if ((double)(float)info->max > info->max) check_out_of_range(m, p, 'f', info->max);
    for (const char *tag = "hd"; *tag; tag++) {
        check_out_of_range(m, p, *tag, info->min - 1);
        check_out_of_range(m, p, *tag, info->max + 1);
        check_out_of_range(m, p, *tag, 1e18);
    }
    assert_int_equal(with_number(m, p, 'f', 0.5), info->min <= 0.5 ? API_BAD_ARGUMENTS : API_OUT_OF_RANGE);
    begin_before(m, p);
    add_tag('T');
    assert_int_equal(end_after(m, p), API_OK);
    assert_int_equal(request_int(&request, p, -99), 1);
}

static void check_float(enum method m, enum param p)
{
    const struct param_info *info = &param_infos[p];
    for (const char *tag = "fd"; *tag; tag++) {
        double sign = 1;
        for (int way = 0; way <= (info->type == PARAM_TYPE_RATE); way++, sign = -1) {
            check_in_range(m, p, *tag, sign * info->min);
            check_in_range(m, p, *tag, sign * info->max);
            check_out_of_range(m, p, *tag, sign * (info->min - fabs(info->min) * 1e-3 - 1e-3));
            check_out_of_range(m, p, *tag, sign * info->max * 1.001);
        }
        check_out_of_range(m, p, *tag, (double)INFINITY);
        check_out_of_range(m, p, *tag, -(double)INFINITY);
        check_out_of_range(m, p, *tag, (double)NAN);
    }
    check_in_range(m, p, 'i', floor(info->max));
    check_in_range(m, p, 'h', floor(info->max));
}

static void check_text(enum method m, enum param p)
{
    begin_before(m, p);
    add_text("");
    assert_int_equal(end_after(m, p), API_BAD_ARGUMENTS);
    for (const char *tag = "ihfd"; *tag; tag++)
        assert_int_equal(with_number(m, p, *tag, 1), API_BAD_ARGUMENTS);
    begin_before(m, p);
    add_tag('S'); // a symbol is a text too
    build_text(&call.args, "sym");
    assert_int_equal(end_after(m, p), API_OK);
    assert_string_equal(request_text(&request, p, ""), "sym");
}

static void test_every_parameter_of_every_method(void **state)
{
    (void)state;
    for (int m = 0; m < N_METHODS; m++) {
        for (int p = 0; p < N_PARAMS; p++) {
            if (!takes((enum method)m, (enum param)p)) continue;
            enum param_type type = param_infos[p].type;
            if (type == PARAM_TYPE_TEXT)
                check_text((enum method)m, (enum param)p);
            else if (is_whole(type))
                check_whole((enum method)m, (enum param)p);
            else
                check_float((enum method)m, (enum param)p);
            for (const char *tag = "NI"; *tag; tag++) { // no type of any parameter
                begin_before((enum method)m, (enum param)p);
                add_tag(*tag);
                assert_int_equal(end_after((enum method)m, (enum param)p), API_BAD_ARGUMENTS);
            }
            if (type == PARAM_TYPE_TEXT || type == PARAM_TYPE_VOICES) continue;
            begin_before((enum method)m, (enum param)p);
            add_text("1");
            assert_int_equal(end_after((enum method)m, (enum param)p), API_BAD_ARGUMENTS);
        }
    }
}

static void test_keys(void **state)
{
    (void)state;
    for (int m = 0; m < N_METHODS; m++) {
        for (int p = 0; p < N_PARAMS; p++) {
            bool is_key = method_info((enum method)m)->keys >> p & 1;
            begin();
            add_args_before((enum method)m, method_info((enum method)m)->n_args);
            add_text(param_infos[p].name);
            assert_int_equal(parse((enum method)m), API_BAD_ARGUMENTS); // no value, or no key
            add_good((enum param)p);
            assert_int_equal(parse((enum method)m), is_key ? API_OK : API_BAD_ARGUMENTS);
            add_text(param_infos[p].name);
            add_good((enum param)p);
            assert_int_equal(parse((enum method)m), API_BAD_ARGUMENTS); // twice
        }
    }
}

static void test_the_word_all(void **state)
{
    (void)state;
    static const enum method methods[] = {METHOD_STOP, METHOD_PAUSE, METHOD_RESUME};
    for (int i = 0; i < 3; i++) {
        begin();
        add_text("all");
        assert_int_equal(parse(methods[i]), API_OK);
        assert_int_equal(request_int(&request, PARAM_VOICES, 5), ALL_VOICES);
        begin();
        add_text("some");
        assert_int_equal(parse(methods[i]), API_BAD_ARGUMENTS);
        assert_int_equal(with_number(methods[i], PARAM_VOICES, 'i', -1),
                         API_OUT_OF_RANGE); // not "all" by number
    }
}

static void test_unknown_methods(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/plaY", "/play/", "/playx", "/pla", "/play*", "/sound", "/*"};
    begin();
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_int_equal(parse_path(paths[i]), API_UNKNOWN_METHOD);
        assert_int_equal(method_find(paths[i]), N_METHODS);
    }
}

static void test_what_is_not_set(void **state)
{
    (void)state;
    begin();
    assert_int_equal(parse(METHOD_PING), API_OK);
    assert_true(request.set == 0);
    assert_false(request_has(&request, PARAM_GAIN));
    assert_int_equal(request_int(&request, PARAM_ID, -1), -1);
    assert_true(request_float(&request, PARAM_GAIN, 0.5) == 0.5);
    assert_string_equal(request_text(&request, PARAM_BUS, "master"), "master");
}

static void test_error_codes(void **state)
{
    (void)state;
    for (int e = 0; e < N_API_ERRORS; e++) {
        assert_true(strlen(api_error_code((enum api_error)e)) > 0);
        for (int other = 0; other < e; other++)
            assert_string_not_equal(api_error_code((enum api_error)e), api_error_code((enum api_error)other));
    }
}

static int set_up(void **state)
{
    (void)state;
    methods_init();
    methods_init(); // a second call changes nothing
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_missing_arguments),
        cmocka_unit_test(test_too_many_arguments),
        cmocka_unit_test(test_every_parameter_of_every_method),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_the_word_all),
        cmocka_unit_test(test_unknown_methods),
        cmocka_unit_test(test_what_is_not_set),
        cmocka_unit_test(test_error_codes),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
