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
static char why_text[1024];

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
    enum method method = method_find(m->path);
    assert_int_not_equal(method, N_METHODS);
    *(enum api_error *)context = parse_message(m, method, &request, &why);
    assert_string_equal(request.id, parse_request_id(m));
    assert_false(why.cut);
}

static enum api_error parse(enum method m)
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

static bool is_voice(enum param_type type)
{
    return type == PARAM_TYPE_VOICE || type == PARAM_TYPE_VOICES;
}

static bool is_whole(enum param_type type)
{
    return type == PARAM_TYPE_INT || type == PARAM_TYPE_BOOL || is_voice(type);
}

/// A text that the parameter takes.
static const char *good_text(enum param p)
{
    return param_choice(p, 0) ? param_choice(p, 0) : "name";
}

/// Something that the parameter takes.
static void add_good(enum param p)
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
                assert_string_equal(request_text(&request, (enum param)p, ""), good_text((enum param)p));
        assert_true(request.relative == 0 && request.text == 0);
        assert_string_equal(request.id, "");
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

static enum api_error with_text(enum method m, enum param p, const char *text)
{
    begin_before(m, p);
    add_text(text);
    return end_after(m, p);
}

static void check_length(enum method m, enum param p, size_t max)
{
    char text[512];
    for (size_t n = max - 1; n <= max + 1; n++) {
        memset(text, 'x', n);
        text[n] = 0;
        assert_int_equal(with_text(m, p, text), n <= max ? API_OK : API_BAD_ARGUMENTS);
    }
}

static void check_choices(enum method m, enum param p)
{
    unsigned n = 0;
    for (; param_choice(p, n); n++) {
        assert_int_equal(with_text(m, p, param_choice(p, n)), API_OK);
        assert_int_equal(request_choice(&request, p, 99), n);
    }
    if (n == 0) return;
    assert_int_equal(with_text(m, p, "none of them"), API_BAD_ARGUMENTS);
    assert_non_null(strstr(why_text, param_choice(p, n - 1))); // which ones there are
}

static void check_voice(enum method m, enum param p)
{
    char text[VOICE_NAME_BYTES + 1];
    memset(text, 'v', sizeof text);
    text[VOICE_NAME_BYTES] = 0;
    assert_int_equal(with_text(m, p, text), API_BAD_ARGUMENTS);
    text[VOICE_NAME_BYTES - 1] = 0;
    assert_int_equal(with_text(m, p, text), API_OK);
    assert_true(request_is_text(&request, p));
    assert_string_equal(request_text(&request, p, ""), text);
    assert_int_equal(with_text(m, p, ""), API_BAD_ARGUMENTS);

    static const struct {
        const char *text;
        int64_t number;
    } numbers[] = {{"0", 0}, {"42", 42}, {"0042", 42}, {"2147483647", 2147483647}};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        assert_int_equal(with_text(m, p, numbers[i].text), API_OK);
        assert_false(request_is_text(&request, p));
        assert_true(request_int(&request, p, -99) == numbers[i].number);
    }
    assert_int_equal(with_text(m, p, "2147483648"), API_OUT_OF_RANGE);
    assert_int_equal(with_text(m, p, "99999999999999999999999999999999999999"), API_OUT_OF_RANGE);
    static const char *const texts[] = {"-1", "+1", "1.0", "4 2", "0x2a", "All", "\xc3\xa4"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(with_text(m, p, texts[i]), API_OK);
        assert_true(request_is_text(&request, p));
    }
    bool all = param_infos[p].type == PARAM_TYPE_VOICES;
    assert_int_equal(with_text(m, p, "all"), all ? API_OK : API_BAD_ARGUMENTS);
    if (all) assert_true(request_int(&request, p, 5) == ALL_VOICES && !request_is_text(&request, p));
    assert_int_equal(with_number(m, p, 'i', -1), API_OUT_OF_RANGE); // not "all" by number
}

static void check_relative(enum method m, enum param p)
{
    static const struct {
        const char *text;
        double value;
    } right[] = {{"+3", 3},      {"-3", -3},       {"+-3", -3},     {"+0", 0},
                 {"-0.5", -0.5}, {"+.5", 0.5},     {"+1e3", 1e3},   {"+2E-2", .02},
                 {"+1e9", 1e9},  {"-1e-3", -1e-3}, {"+-1.5e1", -15}};
    static const char *const wrong[] = {
        "",     "3",   "+",    "-",    "+-",     "--3",    "++3", "-+3",
        "+3dB", "+ 3", "+inf", "-nan", "+0x10",  "+1e999", "+1e", "+3 ",
        "+3,5", "+-",  "+.",   "+e5",  "+1.2.3", "+-+3",   "all", "+000000000000000000000000000000000001"};
    bool is_relative = method_info(m)->relative >> p & 1;
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        assert_int_equal(with_text(m, p, right[i].text), is_relative ? API_OK : API_BAD_ARGUMENTS);
        if (!is_relative) continue;
        assert_true(request_is_relative(&request, p));
        assert_true(request_float(&request, p, -99) == right[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (with_text(m, p, wrong[i]) != API_BAD_ARGUMENTS) fail_msg("%s is taken", wrong[i]);
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
    build_text(&call.args, good_text(p));
    assert_int_equal(end_after(m, p), API_OK);
    assert_string_equal(request_text(&request, p, ""), good_text(p));
    if (param_infos[p].max > 0) check_length(m, p, (size_t)param_infos[p].max);
    check_choices(m, p);
}

/// Types that no parameter takes are refused, not misread.
static void check_other_types(enum method m, enum param p)
{
    for (const char *tag = "NIcrmtb["; *tag; tag++) {
        begin_before(m, p);
        add_tag(*tag);
        if (strchr("crm", *tag)) build_u32(&call.args, 1);
        if (*tag == 't') build_u64(&call.args, 1);
        if (*tag == 'b') build_raw(&call.args, "\0\0\0\1b\0\0", 8);
        if (*tag == '[') add_tag(']');
        assert_int_equal(end_after(m, p), API_BAD_ARGUMENTS);
        assert_non_null(strstr(why_text, param_infos[p].name));
    }
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
            check_other_types((enum method)m, (enum param)p);
            if (is_voice(type))
                check_voice((enum method)m, (enum param)p);
            else if (type != PARAM_TYPE_TEXT)
                check_relative((enum method)m, (enum param)p);
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

static void test_request_ids(void **state)
{
    (void)state;
    static const char *const ids[] = {"#1", "#0", "#007", "#123456789"};
    static const char *const others[] = {"#", "#1234567890", "#x", "#1x", "1", "##1", "# 1", "#-1"};
    for (int m = 0; m < N_METHODS; m++) {
        for (size_t i = 0; i < COUNT_OF(ids); i++) {
            begin();
            add_args_before((enum method)m, method_info((enum method)m)->n_args);
            add_text(ids[i]);
            assert_int_equal(parse((enum method)m), API_OK);
            assert_string_equal(request.id, ids[i]);
            add_text(ids[i]); // the one at the end alone
            assert_int_equal(parse((enum method)m), API_BAD_ARGUMENTS);
            assert_string_equal(request.id, ids[i]); // errors are answered with it, too
        }
        for (size_t i = 0; i < COUNT_OF(others); i++) {
            begin();
            add_args_before((enum method)m, method_info((enum method)m)->n_args);
            add_text(others[i]);
            assert_int_equal(parse((enum method)m), API_BAD_ARGUMENTS);
            assert_string_equal(request.id, "");
        }
    }
    begin();
    add_text("#5"); // never an argument
    assert_int_equal(parse(METHOD_PLAY), API_BAD_ARGUMENTS);
    begin();
    add_text("#5");
    add_text("#6");
    assert_int_equal(parse(METHOD_PLAY), API_OK);
    assert_string_equal(request_text(&request, PARAM_SOUND, ""), "#5");
}

static void test_tags_that_clear_could_not_name(void **state)
{
    (void)state;
    assert_int_equal(with_text(METHOD_PLAY, PARAM_TAG, "7"), API_BAD_ARGUMENTS);
    assert_int_equal(with_text(METHOD_PLAY, PARAM_TAG, "all"), API_BAD_ARGUMENTS);
    assert_int_equal(with_text(METHOD_PLAY, PARAM_TAG, "scene7"), API_OK);
}

static void test_patterns_of_events(void **state)
{
    (void)state;
    assert_int_equal(with_text(METHOD_SUBSCRIBE, PARAM_PATTERN, "/voice/*"), API_OK);
    assert_int_equal(with_text(METHOD_SUBSCRIBE, PARAM_PATTERN, "//"), API_OK);
    assert_int_equal(with_text(METHOD_SUBSCRIBE, PARAM_PATTERN, "/voice/["), API_BAD_ARGUMENTS);
}

static void test_timed_methods(void **state)
{
    (void)state;
    static const enum param timing[] = {PARAM_AT, PARAM_IMMEDIATE, PARAM_POLICY, PARAM_TAG};
    for (int m = 0; m < N_METHODS; m++)
        for (size_t i = 0; i < COUNT_OF(timing); i++)
            assert_int_equal(takes((enum method)m, timing[i]), method_info((enum method)m)->is_timed);
    assert_true(method_info(METHOD_PLAY)->is_timed && !method_info(METHOD_PING)->is_timed);
    assert_int_equal(method_info(METHOD_PING)->role, ROLE_READ);
    assert_int_equal(method_info(METHOD_PLAY)->role, ROLE_PLAY);
    assert_int_equal(method_info(METHOD_QUIT)->role, ROLE_ADMIN);
}

/// Old senders leave the type tags out: then there are no arguments.
static void test_missing_type_tags(void **state)
{
    (void)state;
    struct osc_message m = {.path = "/ping", .types = "", .has_no_types = true};
    struct strbuf why = strbuf_make(why_text, sizeof why_text);
    assert_int_equal(parse_message(&m, METHOD_PING, &request, &why), API_OK);
    assert_int_equal(parse_message(&m, METHOD_PLAY, &request, &why), API_BAD_ARGUMENTS);
    assert_non_null(strstr(why_text, "type tags"));
}

static void test_as_many_arguments_as_there_can_be(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < OSC_MAX_ARGS; i++)
        add_text("all");
    assert_int_equal(parse(METHOD_STOP), API_BAD_ARGUMENTS);
}

// ---- the table ----

static void test_unknown_methods(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",      "/plaY",  "/play/", "/playx", "/pla",
                                        "/play*", "/sound", "/*",     "",       "play"};
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_int_equal(method_find(paths[i]), N_METHODS);
}

static void test_names(void **state)
{
    (void)state;
    for (int p = 0; p < N_PARAMS; p++) // each is found, so there are no two with the same name
        assert_int_equal(param_find(param_infos[p].name), p);
    assert_int_equal(param_find("gai"), N_PARAMS);
    assert_int_equal(param_find("gainx"), N_PARAMS);
    assert_int_equal(param_find(""), N_PARAMS);
    for (int e = 0; e < N_OSC_EVENTS; e++) {
        assert_int_equal(osc_event_path((enum osc_event)e)[0], '/');
        for (int other = 0; other < e; other++)
            assert_string_not_equal(osc_event_path((enum osc_event)e), osc_event_path((enum osc_event)other));
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
    assert_int_equal(request_choice(&request, PARAM_CURVE, 7), 7);
    assert_false(request_is_relative(&request, PARAM_GAIN));
    assert_false(request_is_text(&request, PARAM_ID));
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
        cmocka_unit_test(test_request_ids),
        cmocka_unit_test(test_tags_that_clear_could_not_name),
        cmocka_unit_test(test_patterns_of_events),
        cmocka_unit_test(test_timed_methods),
        cmocka_unit_test(test_missing_type_tags),
        cmocka_unit_test(test_as_many_arguments_as_there_can_be),
        cmocka_unit_test(test_unknown_methods),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_not_set),
        cmocka_unit_test(test_error_codes),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
