// SPDX-License-Identifier: MIT
// boot_time.c - how much time has passed between two runs of the daemon.
#include "engine/boot_time.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/now.h"

/// Two boots lie further apart, and one does not seem to move by so much while the clock is slewed.
#define SAME_BOOT_NS INT64_C(2000000000)

/// Clocks that are read within this time have been read at one moment.
#define TOGETHER_NS 10000
#define MAX_READS   8

/// 32 hexadecimal digits with dashes between.
static void read_id(const char *text, uint8_t *id)
{
    unsigned n = 0;
    memset(id, 0, BOOT_ID_BYTES);
    for (const char *p = text; *p && n < 2 * BOOT_ID_BYTES; p++) {
        char digit[2] = {*p, 0}, *end;
        uint8_t value = (uint8_t)strtoul(digit, &end, 16);
        if (*end) continue;
        id[n / 2] = (uint8_t)(id[n / 2] * 16u + value);
        n++;
    }
}

/// Both at one moment, as far as the scheduler lets them be.
static void read_clocks(struct boot_time *t)
{
    int64_t after_ns, best_ns = INT64_MAX;
    for (int i = 0; i < MAX_READS && best_ns > TOGETHER_NS; i++) {
        int64_t before_ns = now_ns(CLOCK_REALTIME), boottime_ns = now_ns(CLOCK_BOOTTIME);
        after_ns = now_ns(CLOCK_REALTIME);
        int64_t took_ns = after_ns - before_ns;
        if (i > 0 && (took_ns < 0 || took_ns >= best_ns)) continue;
        best_ns = took_ns;
        t->realtime_ns = before_ns + took_ns / 2;
        t->boottime_ns = boottime_ns;
    }
}

void boot_time_now(struct boot_time *t)
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = 0;
    read_id(text, t->id);
    read_clocks(t);
}

bool boot_time_is_same_boot(const struct boot_time *a, const struct boot_time *b)
{
    static const uint8_t unknown[BOOT_ID_BYTES];
    bool has_ids = memcmp(a->id, unknown, sizeof unknown) != 0 && memcmp(b->id, unknown, sizeof unknown) != 0;
    if (has_ids) return memcmp(a->id, b->id, sizeof a->id) == 0;
    int64_t moved_ns = (a->realtime_ns - a->boottime_ns) - (b->realtime_ns - b->boottime_ns);
    return moved_ns > -SAME_BOOT_NS && moved_ns < SAME_BOOT_NS;
}

int64_t boot_time_passed_ns(const struct boot_time *then, const struct boot_time *now)
{
    int64_t passed_ns = boot_time_is_same_boot(then, now) ? now->boottime_ns - then->boottime_ns
                                                          : now->realtime_ns - then->realtime_ns;
    return passed_ns > 0 ? passed_ns : 0;
}
