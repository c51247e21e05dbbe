// SPDX-License-Identifier: MIT
// test_parse.c - requests as the table of methods has them: what is missing, what is too much, keys, ids,
// names.
#include "tests/parse_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_at_once), cmocka_unit_test(test_missing_arguments),
        cmocka_unit_test(test_too_many_arguments), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_request_ids),        cmocka_unit_test(test_tags_that_clear_could_not_name),
        cmocka_unit_test(test_patterns_of_events), cmocka_unit_test(test_timed_methods),
        cmocka_unit_test(test_missing_type_tags),  cmocka_unit_test(test_as_many_arguments_as_there_can_be),
        cmocka_unit_test(test_unknown_methods),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_not_set),    cmocka_unit_test(test_error_codes),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
