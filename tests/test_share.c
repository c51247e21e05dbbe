// SPDX-License-Identifier: MIT
// test_share.c - who gives way when all connections are taken.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "engine/osc/share.h"
#include "tests/check.h"

static void test_who_has_most_gives_way(void **state)
{
    (void)state;
    struct seat seats[] = {{1, 50}, {2, 10}, {1, 30}, {1, 40}, {2, 20}, {3, 5}};
    assert_int_equal(share_find_victim(seats, 6, 4), 2); // the idlest of 1, who has three
    assert_int_equal(share_find_victim(seats, 6, 3), 2); // 3 has two then
    assert_int_equal(share_find_victim(seats, 6, 2), 6); // 2 would have as many
    assert_int_equal(share_find_victim(seats, 6, 1), 6);
    assert_int_equal(share_find_victim(seats, 1, 4), 1); // each has one
    assert_int_equal(share_find_victim(seats, 0, 4), 0);
}

static uint64_t owner_of(int family, const char *text, uint16_t port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {.any.sa_family = (sa_family_t)family};
    assert_int_equal(
        inet_pton(family, text, family == AF_INET ? (void *)&a.in.sin_addr : (void *)&a.in6.sin6_addr), 1);
    a.in.sin_port = htons(port);
    return share_owner_address(&a.any);
}

static void test_owners(void **state)
{
    (void)state;
    assert_true(owner_of(AF_INET, "10.0.0.1", 1) == owner_of(AF_INET, "10.0.0.1", 2));
    assert_true(owner_of(AF_INET, "10.0.0.1", 1) != owner_of(AF_INET, "10.0.0.2", 1));
    assert_true(owner_of(AF_INET6, "2001:db8::1", 1) ==
                owner_of(AF_INET6, "2001:db8::2", 1)); // of one network
    assert_true(owner_of(AF_INET6, "2001:db8::1", 1) != owner_of(AF_INET6, "2001:db9::1", 1));
    assert_true(share_owner_user(0) != share_owner_user(1000));
    assert_true(share_owner_user((uid_t)-1) != owner_of(AF_INET, "255.255.255.255", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_has_most_gives_way),
                                       cmocka_unit_test(test_owners)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
