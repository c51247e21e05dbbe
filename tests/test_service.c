// SPDX-License-Identifier: MIT
// test_service.c - what the service manager is told, over a socket of the test's own.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "engine/service.h"
#include "tests/check.h"

static int manager = -1;
static char path[] = "/tmp/chimed-notify-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char got[4096];

static int listen_as_manager(void **state)
{
    (void)state;
    if (!mkdtemp(path)) return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", path);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (manager < 0 || bind(manager, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    return setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static int stop_listening(void **state)
{
    (void)state;
    unlink(address.sun_path);
    close(manager);
    return rmdir(path);
}

static void assert_told(const char *expected)
{
    ssize_t n = recv(manager, got, sizeof got - 1, 0);
    if (n < 0) fail_msg("nothing was told, not \"%s\"", expected);
    got[n] = 0;
    assert_string_equal(got, expected);
}

static void the_manager_is_told(void **state)
{
    (void)state;
    service_ready("%d Hz", 48000);
    assert_told("READY=1\nSTATUS=48000 Hz");
    service_status("%s", "12 voices");
    assert_told("STATUS=12 voices");
    service_stopping();
    assert_told("STOPPING=1");
}

static void a_reload_is_told_with_its_time(void **state)
{
    (void)state;
    long long us = 0;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    service_reloading();
    clock_gettime(CLOCK_MONOTONIC, &after);
    ssize_t n = recv(manager, got, sizeof got - 1, 0);
    assert_true(n > 0);
    got[n] = 0;
    assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
    assert_true(us >= before.tv_sec * 1000000LL + before.tv_nsec / 1000);
    assert_true(us <= after.tv_sec * 1000000LL + after.tv_nsec / 1000);
    service_reloaded();
    assert_told("READY=1");
}

static void a_manager_that_hangs_holds_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) // more than its socket takes
        service_status("%d", i);
    int n_told = 0;
    while (recv(manager, got, sizeof got, 0) > 0)
        n_told++;
    assert_true(n_told > 0 && n_told < 10000);
    service_status("%s", "again");
    assert_told("STATUS=again");
}

static void a_name_cannot_be_an_assignment(void **state)
{
    (void)state;
    service_status("lost %s", "hw:0\nMAINPID=1");
    assert_told("STATUS=lost hw:0 MAINPID=1");
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 'x', sizeof text - 1);
    service_ready("%s", text);
    ssize_t n = recv(manager, got, sizeof got, 0);
    assert_in_range(n, 100, 1000);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    service_ready("x");
    service_stopping();
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    assert_int_equal(recv(manager, got, sizeof got, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manager_is_told),
        cmocka_unit_test(a_reload_is_told_with_its_time),
        cmocka_unit_test(a_manager_that_hangs_holds_nobody),
        cmocka_unit_test(a_name_cannot_be_an_assignment),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(without_a_manager_nothing_happens),
    };
    return cmocka_run_group_tests(tests, listen_as_manager, stop_listening);
}
