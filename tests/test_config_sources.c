// SPDX-License-Identifier: MIT
// test_config_sources.c - what the environment, an instance and the command line decide, and how two
// configurations differ.
#include "engine/config_compare.h"
#include "tests/config_rig.h"

static void finish(const char *runtime, const char *xdg, const char *state, const char *expected_socket,
                   const char *expected_folder)
{
    static const char *const names[] = {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "STATE_DIRECTORY"};
    const char *values[] = {runtime, xdg, state};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (values[i])
            assert_int_equal(setenv(names[i], values[i], 1), 0);
        else
            assert_int_equal(unsetenv(names[i]), 0);
    }
    config_defaults(&config);
    assert_int_equal(config_finish(&config, error), STATUS_OK);
    assert_string_equal(config.socket, expected_socket);
    size_t n = strlen(expected_socket) - strlen("sock");
    assert_memory_equal(config.stream_socket, expected_socket, n); // beside it
    assert_string_equal(config.stream_socket + n, "stream");
    if (expected_folder) assert_string_equal(config.sound_folder, expected_folder);
}

static void the_environment_decides(void **state)
{
    (void)state;
    const char *run = "/run/chimed/chimed.sock";
    finish(NULL, NULL, NULL, run, geteuid() == 0 ? "/var/lib/chimed/sounds" : NULL);
    finish(NULL, "/run/user/7", NULL, "/run/user/7/chimed/chimed.sock", NULL);
    finish(NULL, "relative", NULL, run, NULL);
    finish(NULL, "", NULL, run, NULL);
    finish("/run/chimed", "/run/user/7", "/var/lib/chimed", run, "/var/lib/chimed/sounds");
    finish("/run/chimed:/run/other", NULL, "/var/lib/private/x:/y", run, "/var/lib/private/x/sounds");

    char longer[256];
    snprintf(longer, sizeof longer, "/%0200d", 1);
    setenv("RUNTIME_DIRECTORY", longer, 1);
    config_defaults(&config);
    assert_int_equal(config_finish(&config, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "too long; expected at most 107 bytes"));
    // What a file or flag says wins.
    expect_set("control", "socket", "/tmp/s", STATUS_OK);
    expect_set("paths", "sound_folder", "/tmp/f", STATUS_OK);
    assert_int_equal(config_finish(&config, error), STATUS_OK);
    assert_string_equal(config.socket, "/tmp/s");
    assert_string_equal(config.stream_socket, "/tmp/s.stream");
    assert_string_equal(config.sound_folder, "/tmp/f");
}

static void a_unit_chooses_the_backend(void **state)
{
    (void)state;
    unsetenv("RUNTIME_DIRECTORY");
    setenv("CHIMED_BACKEND", "alsa,null", 1);
    config_defaults(&config);
    assert_int_equal(config_finish(&config, error), STATUS_OK);
    assert_string_equal(config.backend, "alsa,null");
    // What a file or flag says wins.
    config_defaults(&config);
    expect_set("output", "backend", "jack", STATUS_OK);
    assert_int_equal(config_finish(&config, error), STATUS_OK);
    assert_string_equal(config.backend, "jack");
    setenv("CHIMED_BACKEND", "pulse", 1);
    config_defaults(&config);
    assert_int_equal(config_finish(&config, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "CHIMED_BACKEND: backend = pulse; expected"));
    unsetenv("CHIMED_BACKEND");
}

static void an_instance_has_a_card_and_no_ports(void **state)
{
    (void)state;
    struct config_source source = {.instance = "USB"};
    unsetenv("RUNTIME_DIRECTORY");
    unsetenv("STATE_DIRECTORY");
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    assert_int_equal(config_load(&config, &source, error), STATUS_OK);
    assert_string_equal(config.device, "hw:CARD=USB");
    assert_string_equal(config.jack_name, "chimed-USB");
    assert_string_equal(config.socket, "/run/user/7/chimed-USB/chimed.sock");
    assert_string_equal(config.stream_socket, "/run/user/7/chimed-USB/chimed.stream");
    assert_int_equal(config.udp_port, 0);
    if (geteuid() == 0) assert_string_equal(config.sound_folder, "/var/lib/chimed-USB/sounds");
    // Files and flags win.
    static const char text[] = "[output]\ndevice = plughw:CARD=USB\n[control]\nudp_port = 57301\n";
    write_file(text, sizeof text - 1);
    source.file = path;
    source.overrides[source.n_overrides++] = (struct config_override){"output", "period", "64"};
    assert_int_equal(config_load(&config, &source, error), STATUS_OK);
    assert_string_equal(config.device, "plughw:CARD=USB");
    assert_int_equal(config.udp_port, 57301);
    assert_int_equal(config.period, 64);
    source.file = "/nonexistent/file";
    assert_int_equal(config_load(&config, &source, error), STATUS_NOT_FOUND);
    assert_string_equal(error, "no such file: /nonexistent/file");

    static const char *const bad[] = {"", "../x", "a b", "a.b", "a-name-that-is-longer-than-31-bytes"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        source = (struct config_source){.instance = bad[i]};
        assert_int_equal(config_load(&config, &source, error), STATUS_BAD_ARGUMENT);
        assert_non_null(strstr(error, "expected the name of a card"));
    }
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("XDG_CONFIG_HOME");
}

static void keys_are_compared_one_by_one(void **state)
{
    (void)state;
    static struct config other;
    char text[64];
    config_defaults(&config);
    config_defaults(&other);
    for (unsigned key = 0; key < CONFIG_N_KEYS; key++)
        assert_true(config_key_is_same(&config, &other, (enum config_key)key));
    config.ramp = 0.25F;
    config.voices = 7;
    memcpy(config.device, "hw:0", sizeof "hw:0");
    static const enum config_key changed[] = {CONFIG_KEY_ramp, CONFIG_KEY_voices, CONFIG_KEY_device};
    static const char *const now[] = {"0.25", "7", "hw:0"}, *const before[] = {"0.005", "1024", "default"};
    for (size_t i = 0; i < COUNT_OF(changed); i++) {
        assert_false(config_key_is_same(&config, &other, changed[i]));
        config_key_say(&config, changed[i], text, sizeof text);
        assert_string_equal(text, now[i]);
        config_key_copy(&config, &other, changed[i]);
        assert_true(config_key_is_same(&config, &other, changed[i]));
        config_key_say(&config, changed[i], text, sizeof text);
        assert_string_equal(text, before[i]);
    }
    assert_int_equal(config.voices, 1024);
    // What lies behind the end of a text is no difference.
    config.device[100] = 'x';
    assert_true(config_key_is_same(&config, &other, CONFIG_KEY_device));
    assert_true(config_key_is_live(CONFIG_KEY_ramp) && !config_key_is_live(CONFIG_KEY_voices));
}

static void users_have_folders_of_their_own(void **state)
{
    (void)state;
    if (geteuid() == 0) assert_int_equal(seteuid(65534), 0);
    setenv("XDG_DATA_HOME", "/data", 1);
    finish(NULL, NULL, NULL, "/run/chimed/chimed.sock", "/data/chimed/sounds");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", "/home/u", 1);
    finish(NULL, NULL, NULL, "/run/chimed/chimed.sock", "/home/u/.local/share/chimed/sounds");
    if (getuid() == 0) assert_int_equal(seteuid(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_decides),
        cmocka_unit_test(a_unit_chooses_the_backend),
        cmocka_unit_test(an_instance_has_a_card_and_no_ports),
        cmocka_unit_test(keys_are_compared_one_by_one),
        cmocka_unit_test(users_have_folders_of_their_own),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
