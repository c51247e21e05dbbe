// SPDX-License-Identifier: MIT
// test_access.c - roles by user and group, networks, and addresses that nothing is sent to.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/osc/access.h"
#include "tests/check.h"

static char reason[256];

static struct access made(const struct access_config *config)
{
    struct access a;
    if (access_init(&a, config, reason) != STATUS_OK) fail_msg("%s", reason);
    return a;
}

// ---- roles ----

static void test_roles(void **state)
{
    (void)state;
    struct access_config config = {.unix_role = ROLE_READ,
                                   .users = {"1000", " daemon  1001\t1002 ", "2000 0004000"},
                                   .groups = {"100", "", "50 51"}};
    struct access a = made(&config);
    a.own_uid = 3000;
    static const gid_t none[1] = {9}, reads[] = {7, 100}, admins[] = {100, 51};
    static const struct {
        uid_t uid;
        const gid_t *groups;
        uint32_t n;
        enum role role;
    } cases[] = {
        {5, none, 1, ROLE_READ},      // that of the socket
        {5, NULL, 0, ROLE_READ},      // of a sender of which nothing is known
        {1000, admins, 2, ROLE_READ}, // the user's own rule wins
        {1001, none, 1, ROLE_PLAY},   {1002, reads, 2, ROLE_PLAY},
        {1, none, 1, ROLE_PLAY}, // daemon, by name
        {2000, none, 1, ROLE_ADMIN},  {4000, none, 1, ROLE_ADMIN},
        {5, reads, 2, ROLE_READ},     {5, admins, 2, ROLE_ADMIN}, // the highest of several
        {5, admins, 1, ROLE_READ},                                // only those that count
        {0, none, 1, ROLE_ADMIN},     {3000, none, 1, ROLE_ADMIN},
        {0, reads, 2, ROLE_READ}, // a group that the configuration names goes before what root has by default
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (access_role(&a, cases[i].uid, cases[i].groups, cases[i].n) != cases[i].role)
            fail_msg("case %zu", i);
    config.unix_role = ROLE_ADMIN;
    a = made(&config);
    assert_int_equal(access_role(&a, 5, none, 1), ROLE_ADMIN);
}

static void check_bad(const struct access_config *config, const char *text)
{
    struct access a;
    assert_int_not_equal(access_init(&a, config, reason), STATUS_OK);
    if (!strstr(reason, text)) fail_msg("\"%s\" lacks \"%s\"", reason, text);
}

static void test_bad_names(void **state)
{
    (void)state;
    static char many[2048];
    check_bad(&(struct access_config){.users = {NULL, "nobody-of-this-name"}}, "no user nobody-of-this-name");
    check_bad(&(struct access_config){.groups = {"no-such-group"}}, "no group no-such-group");
    check_bad(&(struct access_config){.users = {"99999999999"}}, "99999999999");
    check_bad(&(struct access_config){.users = {"-1"}}, "-1");
    for (int i = 0; i < ACCESS_MAX_RULES + 1; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%d ", i);
    check_bad(&(struct access_config){.users = {many}}, "more than 64");
}

// ---- addresses ----

union any_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/// Stays until the next call.
static const struct sockaddr *address_of(const char *text, uint16_t port)
{
    static union any_address a;
    a = (union any_address){0};
    a.any.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    void *to = a.any.sa_family == AF_INET ? (void *)&a.in.sin_addr : &a.in6.sin6_addr;
    assert_int_equal(inet_pton(a.any.sa_family, text, to), 1);
    a.in.sin_port = htons(port);
    return &a.any;
}

static void test_networks(void **state)
{
    (void)state;
    struct access a = made(&(struct access_config){
        .networks = {"192.168.1.0/24", "10.1.2.3", "fd00::/8", "2001:db8::8/125", "172.16.0.0/12"},
        .n_networks = 5});
    static const char *const in[] = {"192.168.1.0", "192.168.1.255",     "10.1.2.3",  "fd12::1",
                                     "2001:db8::f", "172.31.9.9",        "127.0.0.1", "127.255.255.1",
                                     "::1",         "::ffff:192.168.1.7"};
    static const char *const out[] = {"192.168.0.255", "192.168.2.0", "10.1.2.2",   "fe00::1",
                                      "2001:db8::10",  "2001:db8::7", "172.32.0.1", "8.8.8.8",
                                      "0.0.0.0",       "::",          "128.0.0.1",  "::2",
                                      "::ffff:8.8.8.8"};
    for (size_t i = 0; i < COUNT_OF(in); i++)
        if (!access_allows(&a, address_of(in[i], 5000))) fail_msg("%s may not", in[i]);
    for (size_t i = 0; i < COUNT_OF(out); i++)
        if (access_allows(&a, address_of(out[i], 5000))) fail_msg("%s may", out[i]);
    assert_false(access_allows(&a, &(struct sockaddr){.sa_family = AF_UNIX}));
    a = made(&(struct access_config){.networks = {"0.0.0.0/0"}, .n_networks = 1});
    assert_true(access_allows(&a, address_of("8.8.8.8", 5000)));
    assert_false(access_allows(&a, address_of("2001::1", 5000)));
}

static void test_bad_networks(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "192.168.1",   "192.168.1.0/33", "192.168.1.0/", "192.168.1.0/x",
        "fd00::/129", "10.0.0.0/-1", "localhost",      "10.0.0.0/8 ",  "10.0.0.0/0008"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check_bad(&(struct access_config){.networks = {bad[i]}, .n_networks = 1},
                  "expected an address or a network");
}

static void test_barred(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        uint16_t port;
        bool barred;
    } cases[] = {
        {"127.0.0.1", 57300, false}, {"127.0.0.1", 1024, false}, {"127.0.0.1", 1023, true},
        {"127.0.0.1", 53, true},     {"127.0.0.1", 0, true},     {"10.1.2.255", 2000, false},
        {"224.0.0.1", 2000, true},   {"239.1.1.1", 2000, true},  {"255.255.255.255", 2000, true},
        {"0.0.0.0", 2000, true},     {"::1", 2000, false},       {"::1", 19, true},
        {"ff02::1", 2000, true},     {"::", 2000, true},         {"fe80::1", 2000, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (address_is_barred(address_of(cases[i].address, cases[i].port)) != cases[i].barred)
            fail_msg("%s:%u", cases[i].address, cases[i].port);
    assert_true(address_is_barred(&(struct sockaddr){.sa_family = AF_UNIX}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),    cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_bad_networks),
        cmocka_unit_test(test_barred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
