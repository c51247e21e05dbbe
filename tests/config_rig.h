// SPDX-License-Identifier: MIT
// config_rig.h - a configuration, and a file that it is read from.
#ifndef TESTS_CONFIG_RIG_H
#define TESTS_CONFIG_RIG_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/config_load.h"
#include "tests/check.h"

static char path[] = "/tmp/chimed-config-XXXXXX";
static struct config config;
static char error[CONFIG_ERROR_BYTES];

static inline void write_file(const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void expect_set(const char *section, const char *name, const char *value, enum status expected)
{
    enum status status = config_set(&config, section, name, value, error);
    if (status != expected)
        fail_msg("%s.%s = %.80s: status %d, not %d", section, name, value, (int)status, (int)expected);
}

// ---- for cmocka ----

static inline int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static inline int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

#endif
