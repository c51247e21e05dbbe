// SPDX-License-Identifier: MIT
// test_config.c - every key of the table, every kind of bad line, and what files say.
#include "tests/config_rig.h"

static enum status read_text(const char *text)
{
    config_defaults(&config);
    memset(error, 0, sizeof error);
    write_file(text, strlen(text));
    return config_read(&config, path, error);
}

static void assert_good(const char *text)
{
    enum status status = read_text(text);
    if (status != STATUS_OK) print_error("%s", error);
    assert_int_equal(status, STATUS_OK);
}

/// The error must begin with the file and line, and hold `found` and `expected` in this order.
static void assert_bad(const char *text, int line, const char *found, const char *expected)
{
    char start[128];
    snprintf(start, sizeof start, "%s:%d: ", path, line);
    assert_int_equal(read_text(text), STATUS_BAD_FORMAT);
    if (strncmp(error, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", error, start);
    const char *f = strstr(error, found);
    if (!f || !strstr(f, expected)) fail_msg("\"%s\" lacks \"%s\", then \"%s\"", error, found, expected);
}

// ---- the table ----

static void check_int(const char *section, const char *name, double min, double max)
{
    char text[64];
    // The ends are powers of two where the value must be one (queue).
    snprintf(text, sizeof text, "%.0f", min);
    expect_set(section, name, text, STATUS_OK);
    snprintf(text, sizeof text, "%.0f", max);
    expect_set(section, name, text, STATUS_OK);
    snprintf(text, sizeof text, "%.0f", max + 1);
    expect_set(section, name, text, STATUS_BAD_FORMAT);
    snprintf(text, sizeof text, "%.0f", min - 1);
    expect_set(section, name, text, STATUS_BAD_FORMAT);
    static const char *const bad[] = {"",   "x",  "1x",  "0x10", "-1",
                                      "+1", " 1", "1.5", "nan",  "99999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_set(section, name, bad[i], STATUS_BAD_FORMAT);
}

static void check_float(const char *section, const char *name, double min, double max)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g", min);
    expect_set(section, name, text, STATUS_OK);
    snprintf(text, sizeof text, "%.17g", max);
    expect_set(section, name, text, STATUS_OK);
    snprintf(text, sizeof text, "%.17g", max + 0.001);
    expect_set(section, name, text, STATUS_BAD_FORMAT);
    snprintf(text, sizeof text, "%.17g", min - 0.0001);
    expect_set(section, name, text, STATUS_BAD_FORMAT);
    static const char *const bad[] = {"",     "x",        "1x",    "0x1p-3", "nan", "inf",
                                      "-inf", "infinity", "1e999", ".",      "-"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_set(section, name, bad[i], STATUS_BAD_FORMAT);
}

static void check_text(const char *section, const char *name, const char *value, size_t size)
{
    char text[2048];
    assert_in_range(size, 2, sizeof text - 1);
    memset(text, 'x', size);
    text[0] = '/';                                  // some are paths
    bool is_backend = strcmp(name, "backend") == 0; // words, each no longer than BACKEND_WORD_BYTES
    for (size_t i = 0; is_backend && i < size; i++)
        text[i] = "jack:xxxxxx,"[i % 12];
    if (is_backend)
        memcpy(text, "alsa:1,", 7), memset(text + 7, ' ', size - 8 - 6), memcpy(text + size - 7, "alsa:x", 6);
    text[size - 1] = 0;
    expect_set(section, name, text, STATUS_OK);
    text[size - 1] = 'x';
    text[size] = 0;
    expect_set(section, name, text, STATUS_BAD_FORMAT);
    expect_set(section, name, "", value[0] ? STATUS_BAD_FORMAT : STATUS_OK);
}

static void check_choice(const char *section, const char *name, const char *choices)
{
    char text[256];
    snprintf(text, sizeof text, "%s", choices);
    char *rest = text;
    for (char *word = strsep(&rest, "|"); word; word = strsep(&rest, "|"))
        expect_set(section, name, word, STATUS_OK);
    expect_set(section, name, "", STATUS_BAD_FORMAT);
    expect_set(section, name, "|", STATUS_BAD_FORMAT);
    expect_set(section, name, choices, STATUS_BAD_FORMAT);
    expect_set(section, name, "never", STATUS_BAD_FORMAT);
}

static void every_key_takes_its_range_and_no_more(void **state)
{
    (void)state;
    config_defaults(&config);
#define CONFIG_INT(section, name, value, min, max, unit, doc)   check_int(#section, #name, min, max);
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc) check_float(#section, #name, min, max);
#define CONFIG_TEXT(section, name, value, size, doc)            check_text(#section, #name, value, size);
#define CONFIG_CHOICE(section, name, value, choices, doc)       check_choice(#section, #name, choices);
#include "engine/config.def"
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    config_defaults(&config);
#define CONFIG_INT(section, name, value, min, max, unit, doc)   assert_int_equal(config.name, value);
#define CONFIG_FLOAT(section, name, value, min, max, unit, doc) assert_true(config.name == (float)(value));
#define CONFIG_TEXT(section, name, value, size, doc)            assert_string_equal(config.name, value);
#define CONFIG_CHOICE(section, name, value, choices, doc)       assert_string_equal(config.name, value);
#include "engine/config.def"
    assert_int_equal(config.n_allow, 1);
    assert_string_equal(config.allow[0], "/usr/share/sounds");
    assert_int_equal(config.n_bus, 0);
}

// ---- files ----

static void a_good_file_is_read(void **state)
{
    (void)state;
    assert_good("# a comment\n; another\n\n"
                "[engine]\nvoices = 2048\n  ramp: 0.01 ; inline\n"
                "[output]\r\nbackend=alsa\r\ndevice = hw:CARD=PCH,DEV=0\n"
                "[paths]\nallow = /srv/a b\nallow = /srv/c\nallow = /srv/c\n"
                "[engine]\nvoices = 4096");
    assert_int_equal(config.voices, 4096);
    assert_true(config.ramp == 0.01f);
    assert_string_equal(config.backend, "alsa");
    assert_string_equal(config.device, "hw:CARD=PCH,DEV=0");
    assert_int_equal(config.n_allow, 3);
    assert_string_equal(config.allow[1], "/srv/a b");
    assert_string_equal(config.allow[2], "/srv/c");
    assert_good("");
    assert_good("[paths]\nallow =\nallow = /srv\n");
    assert_int_equal(config.n_allow, 1);
    assert_string_equal(config.allow[0], "/srv");
}

static void an_indented_line_is_a_line(void **state)
{
    (void)state;
    assert_good("[engine]\nvoices = 2\n    buses = 3\n\t; comment\n");
    assert_int_equal(config.voices, 2);
    assert_int_equal(config.buses, 3);
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    assert_bad("[engine]\nvoices = 0\n", 2, "voices = 0", "whole number from 1 to 65536");
    assert_bad("[engine]\n\nqueue = 1000\n", 3, "queue = 1000", "a power of two");
    assert_bad("[engine]\nramp = nan\n", 2, "ramp = nan", "a number from 0.001 to 1 s");
    assert_bad("[engine]\nvoises = 1\n", 2, "voises", "expected one of: voices");
    assert_bad("[paths]\nalow = /\n", 2, "alow", "allow");
    assert_bad("[output]\nbackend = pulse\n", 2, "backend = pulse", "auto|jack|alsa|null");
    assert_bad("[paths]\nallow = srv\n", 2, "allow = srv", "begins with /");
    assert_bad("[control]\nsocket = chimed.sock\n", 2, "socket = chimed.sock", "begins with /");
    assert_bad("\n[motor]\n", 2, "[motor]", "[engine]");
    assert_bad("voices = 1\n", 1, "voices", "[section] first");
    assert_bad("[engine]\nvoices\n", 2, "another kind", "name = value");
    assert_bad("[engine\nvoices = 1\n", 1, "another kind", "[section]");
    assert_bad("[engine]\nvoices = 1 # no comment here\n", 2, "voices = 1 # no", "whole number");
    // Only the first of several is told.
    assert_bad("[engine]\nvoices = 0\nbuses = 0\nnonsense\n", 2, "voices", "65536");
    assert_bad("[engine]\nnonsense\nvoices = 0\n", 2, "another kind", "name = value");
}

static void lines_that_inih_would_cut_are_refused(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof text, "[paths]\nallow = /%0400d\n", 7);
    assert_bad(text, 2, "a line of 410 bytes", "at most");
    snprintf(text, sizeof text, "[bus %063d]\n", 7); // the longest name there is
    assert_good(text);
    assert_int_equal(strlen(config.bus[0].name), 63);
    snprintf(text, sizeof text, "[bus %064d]\n", 7);
    assert_bad(text, 1, "64 bytes", "1 to 63");
    snprintf(text, sizeof text, "[bus %0120d]\n", 7);
    assert_bad(text, 1, "124 bytes", "at most");

    static const char zero[] = "[engine]\nvoices = 1\0 6\n";
    config_defaults(&config);
    write_file(zero, sizeof zero - 1);
    assert_int_equal(config_read(&config, path, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, ":2: a zero byte"));
}

static void files_that_are_none(void **state)
{
    (void)state;
    config_defaults(&config);
    assert_int_equal(config_read(&config, "/nonexistent/chimed.conf", error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "/nonexistent/chimed.conf: No such file"));
    assert_int_equal(config_read(&config, "/tmp", error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "/tmp: no file"));
}

static void too_many_folders(void **state)
{
    (void)state;
    char value[32];
    config_defaults(&config);
    for (int i = 1; i < CONFIG_MAX_ALLOW; i++) {
        snprintf(value, sizeof value, "/srv/%d", i);
        expect_set("paths", "allow", value, STATUS_OK);
    }
    expect_set("paths", "allow", "/srv/1", STATUS_OK); // there already
    expect_set("paths", "allow", "/srv/more", STATUS_BAD_FORMAT);
    assert_int_equal(config.n_allow, CONFIG_MAX_ALLOW);
}

static void addresses_are_listed(void **state)
{
    (void)state;
    assert_good("[control]\nlisten = 192.168.1.5\nlisten = ::\n[access]\nallow_from = 192.168.1.0/24\n"
                "allow_from = fd00::/8\nallow_from = 10.0.0.1\n");
    assert_int_equal(config.n_listen, 2);
    assert_string_equal(config.listen[1], "::");
    assert_int_equal(config.n_allow_from, 3);
    assert_string_equal(config.allow_from[0], "192.168.1.0/24");
    assert_good("[control]\nlisten = 1.2.3.4\nlisten =\n");
    assert_int_equal(config.n_listen, 0);
    char text[128];
    memset(text, '1', CONFIG_ADDRESS_BYTES);
    text[CONFIG_ADDRESS_BYTES] = 0;
    expect_set("control", "listen", text, STATUS_BAD_FORMAT);
    text[CONFIG_ADDRESS_BYTES - 1] = 0;
    for (int i = 0; i < CONFIG_MAX_LISTEN; i++)
        expect_set("control", "listen", text, STATUS_OK);
    expect_set("control", "listen", text, STATUS_BAD_FORMAT);
    for (int i = 0; i < CONFIG_MAX_FROM; i++)
        expect_set("access", "allow_from", text, STATUS_OK);
    expect_set("access", "allow_from", text, STATUS_BAD_FORMAT);
    assert_bad("[access]\nallow = /\n", 2, "allow in [access]", "allow_from");
    assert_bad("[control]\nlissen = ::\n", 2, "lissen", "listen");
}

// ---- buses ----

static void buses_are_read(void **state)
{
    (void)state;
    assert_good("[bus music]\nparent = ground\ngain = -6\npan = -1\nmute = Yes\nout = 1\nwidth = 1\n"
                "[bus ground]\n[bus speech]\nmute = off\n");
    assert_int_equal(config.n_bus, 3);
    assert_int_equal(config_finish(&config, error), STATUS_OK);
    // Parents first.
    assert_string_equal(config.bus[0].name, "ground");
    assert_string_equal(config.bus[0].parent, "master");
    assert_int_equal(config.bus[0].width, 2);
    assert_int_equal(config.bus[0].out, 0);
    assert_string_equal(config.bus[1].name, "music");
    assert_string_equal(config.bus[1].parent, "ground");
    assert_true(config.bus[1].gain_db == -6 && config.bus[1].pan == -1);
    assert_true(config.bus[1].mute);
    assert_int_equal(config.bus[1].out, 1);
    assert_int_equal(config.bus[1].width, 1);
    assert_string_equal(config.bus[2].name, "speech");
    assert_false(config.bus[2].mute);
}

static void booleans(void **state)
{
    (void)state;
    static const char *const good[] = {"no", "off", "0", "yes", "on", "1", "ON"};
    static const char *const bad[] = {"", "2", "true", "y", "yes no", "-1"};
    config_defaults(&config);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        expect_set("bus a", "mute", good[i], STATUS_OK);
        assert_int_equal(config.bus[0].mute, i >= 3);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_set("bus a", "mute", bad[i], STATUS_BAD_FORMAT);
}

static void bad_buses(void **state)
{
    (void)state;
    assert_bad("[bus ]\n", 1, "0 bytes", "1 to 63");
    assert_bad("[bus master]\n", 1, "master", "another name");
    assert_bad("[bus a]\nloud = 1\n", 2, "loud in [bus a]", "parent, gain");
    assert_bad("[bus a]\ngain = 25\n", 2, "gain = 25", "-200 to 24 dB");
    assert_bad("[bus a]\npan = 1.1\n", 2, "pan = 1.1", "-1 to 1");
    assert_bad("[bus a]\nwidth = 3\n", 2, "width = 3", "1 to 2");
    assert_bad("[bus a]\nout = 65\n", 2, "out = 65", "0 to 64");
    assert_bad("[bus a]\nparent =\n", 2, "parent is empty", "a value");

    static const char *const unfinished[][2] = {
        {"[bus a]\nparent = b\n", "[bus a] parent = b is no bus"},
        {"[bus a]\nparent = a\n", "in a circle"},
        {"[bus a]\nparent = b\n[bus b]\nparent = a\n", "in a circle"},
        {"[bus a]\nout = 2\n", "[bus a] goes to channel 3; expected at most output.channels = 2"},
        {"[engine]\nbuses = 2\n[bus a]\n[bus b]\n", "2 [bus NAME] sections and master"},
    };
    for (size_t i = 0; i < COUNT_OF(unfinished); i++) {
        assert_good(unfinished[i][0]);
        assert_int_equal(config_finish(&config, error), STATUS_BAD_FORMAT);
        if (!strstr(error, unfinished[i][1])) fail_msg("\"%s\" lacks \"%s\"", error, unfinished[i][1]);
    }
    config_defaults(&config);
    char section[32];
    for (int i = 0; i < CONFIG_MAX_BUSES; i++) {
        snprintf(section, sizeof section, "bus %d", i);
        expect_set(section, "gain", "0", STATUS_OK);
    }
    expect_set("bus more", "gain", "0", STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_takes_its_range_and_no_more),
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(an_indented_line_is_a_line),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(lines_that_inih_would_cut_are_refused),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(too_many_folders),
        cmocka_unit_test(addresses_are_listed),
        cmocka_unit_test(buses_are_read),
        cmocka_unit_test(booleans),
        cmocka_unit_test(bad_buses),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
