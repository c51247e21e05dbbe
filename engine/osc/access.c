// SPDX-License-Identifier: MIT
// access.c - who may come in, and as what: roles by socket, user and group; addresses that may use the
// network.
#include "engine/osc/access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/log.h"

#define REASON_BYTES       256
#define MAX_LINES_A_SECOND 10

// ---- set-up ----

static bool find_id(const char *word, bool is_group, uint32_t *id)
{
    if (word[strspn(word, "0123456789")] == 0) {
        char *end;
        errno = 0;
        unsigned long n = strtoul(word, &end, 10);
        *id = (uint32_t)n;
        return errno == 0 && n < UINT32_MAX;
    }
    const struct passwd *user = is_group ? NULL : getpwnam(word);
    const struct group *group = is_group ? getgrnam(word) : NULL;
    if (user) *id = user->pw_uid;
    if (group) *id = group->gr_gid;
    return user || group;
}

static enum status add_rules(struct access *a, const char *words, bool is_group, enum role role, char *reason)
{
    char word[128];
    for (const char *p = words + strspn(words, " \t"); *p; p += strspn(p, " \t")) {
        size_t n = strcspn(p, " \t");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        p += n;
        struct access_rule rule = {.is_group = is_group, .role = role};
        if (n >= sizeof word || !find_id(word, is_group, &rule.id)) {
            snprintf(reason, REASON_BYTES,
                     "[access]: there is no %s %.100s; expected names or numbers, with blanks between",
                     is_group ? "group" : "user", word);
            return STATUS_NOT_FOUND;
        }
        if (a->n_rules == ACCESS_MAX_RULES) {
            snprintf(reason, REASON_BYTES, "[access] has more than %d users and groups", ACCESS_MAX_RULES);
            return STATUS_FULL;
        }
        a->rules[a->n_rules++] = rule;
    }
    return STATUS_OK;
}

static enum status add_network(struct access *a, const char *text, char *reason)
{
    struct access_network network = {0};
    char address[64];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    snprintf(address, sizeof address, "%.*s", (int)n, text);
    network.family = strchr(address, ':') ? AF_INET6 : AF_INET;
    unsigned long most = network.family == AF_INET ? 32 : 128, bits = most;
    bool good = n < sizeof address && inet_pton(network.family, address, network.address) == 1;
    if (good && slash) {
        size_t n_digits = strspn(slash + 1, "0123456789");
        bits = strtoul(slash + 1, NULL, 10);
        good = n_digits > 0 && n_digits < 4 && slash[1 + n_digits] == 0 && bits <= most;
    }
    if (!good || a->n_networks == ACCESS_MAX_NETWORKS) {
        snprintf(reason, REASON_BYTES,
                 "[access] allow_from = %.100s; expected an address or a network, such as "
                 "192.168.1.0/24 or fd00::/8, at most %d of them",
                 text, ACCESS_MAX_NETWORKS);
        return STATUS_BAD_FORMAT;
    }
    network.n_bits = (uint32_t)bits;
    a->networks[a->n_networks++] = network;
    return STATUS_OK;
}

enum status access_init(struct access *a, const struct access_config *config, char *reason)
{
    *a = (struct access){.unix_role = config->unix_role,
                         .udp_role = config->udp_role,
                         .tcp_role = config->tcp_role,
                         .own_uid = geteuid()};
    for (int role = ROLE_READ; role <= ROLE_ADMIN; role++) {
        const char *users = config->users[role], *groups = config->groups[role];
        enum status status = users ? add_rules(a, users, false, (enum role)role, reason) : STATUS_OK;
        if (!status && groups) status = add_rules(a, groups, true, (enum role)role, reason);
        if (status) return status;
    }
    for (uint32_t i = 0; i < config->n_networks; i++) {
        enum status status = add_network(a, config->networks[i], reason);
        if (status) return status;
    }
    return STATUS_OK;
}

// ---- roles ----

static bool is_among(gid_t group, const gid_t *groups, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (groups[i] == group) return true;
    return false;
}

enum role access_role(const struct access *a, uid_t uid, const gid_t *groups, uint32_t n_groups)
{
    bool is_in_group = false;
    enum role role = a->unix_role, by_group = ROLE_READ;
    for (uint32_t i = 0; i < a->n_rules; i++) {
        const struct access_rule *rule = &a->rules[i];
        if (!rule->is_group && rule->id == uid) return rule->role;
    }
    if (uid == a->own_uid) return ROLE_ADMIN;
    for (uint32_t i = 0; i < a->n_rules; i++) {
        const struct access_rule *rule = &a->rules[i];
        if (!rule->is_group || !is_among(rule->id, groups, n_groups)) continue;
        is_in_group = true;
        if (rule->role > by_group) by_group = rule->role;
    }
    if (is_in_group) return by_group;
    if (uid == 0) return ROLE_ADMIN;
    return role;
}

const char *role_name(enum role role)
{
    static const char *const names[] = {"read", "play", "admin"};
    return names[role];
}

void access_log(struct access *a, const char *where, enum role role, uid_t uid, gid_t gid, pid_t pid,
                int64_t now_ns)
{
    int64_t second = now_ns / 1000000000;
    if (second != a->log_second) a->n_logged = 0;
    a->log_second = second;
    if (a->n_logged++ >= MAX_LINES_A_SECOND) return;
    if (uid == (uid_t)-1)
        log_fields(LOG_LEVEL_DEBUG, LOG_WITH({"CHIMED_CLIENT", where}), "client from %s: may %s", where,
                   role_name(role));
    else
        log_fields(LOG_LEVEL_INFO, LOG_WITH({"CHIMED_CLIENT", where}),
                   "client from %s: uid %u, gid %u, process %d: may %s", where, uid, gid, (int)pid,
                   role_name(role));
}

// ---- addresses ----

/// The bytes of an address; NULL when it has none.
static const uint8_t *address_bytes(const struct sockaddr *address, size_t *n)
{
    if (address->sa_family == AF_INET) {
        *n = 4;
        return (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    }
    *n = 16;
    if (address->sa_family != AF_INET6) return NULL;
    const uint8_t *p = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF}; // ::ffff:1.2.3.4, on sockets that take both
    if (memcmp(p, mapped, sizeof mapped) != 0) return p;
    *n = 4;
    return p + sizeof mapped;
}

static bool is_in(const struct access_network *network, const uint8_t *address, size_t n)
{
    if (n != (network->family == AF_INET ? 4u : 16u)) return false;
    uint32_t n_whole = network->n_bits / 8, n_rest = network->n_bits % 8;
    if (memcmp(address, network->address, n_whole) != 0) return false;
    return n_rest == 0 || (address[n_whole] ^ network->address[n_whole]) >> (8 - n_rest) == 0;
}

bool access_allows(const struct access *a, const struct sockaddr *address)
{
    size_t n;
    const uint8_t *bytes = address_bytes(address, &n);
    if (!bytes) return false;
    if (address_is_loopback(address)) return true;
    for (uint32_t i = 0; i < a->n_networks; i++)
        if (is_in(&a->networks[i], bytes, n)) return true;
    return false;
}

bool address_is_loopback(const struct sockaddr *address)
{
    static const uint8_t one[16] = {[15] = 1};
    size_t n;
    const uint8_t *bytes = address_bytes(address, &n);
    return bytes && (n == 4 ? bytes[0] == 127 : memcmp(bytes, one, sizeof one) == 0);
}

bool address_is_barred(const struct sockaddr *address)
{
    static const uint8_t none[16];
    size_t n;
    const uint8_t *bytes = address_bytes(address, &n);
    if (!bytes) return true;
    // The port stands at the same place in both.
    if (ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port) < 1024) return true;
    // 224 and up: multicast, and the broadcast to all. That of a network the kernel refuses by itself.
    if (n == 4) return bytes[0] == 0 || bytes[0] >= 224;
    return bytes[0] == 0xFF || memcmp(bytes, none, sizeof none) == 0;
}
