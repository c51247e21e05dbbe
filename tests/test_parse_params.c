// SPDX-License-Identifier: MIT
// test_parse_params.c - every parameter of every method, at the ends of its range and beyond.
#include "tests/parse_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_parameter_of_every_method),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
