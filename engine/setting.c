// SPDX-License-Identifier: MIT
// setting.c - one value of a configuration: what it may be, and how it is read from text.
#include "engine/setting.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum status expected_number(const struct setting *setting, const char *kind, const char *value,
                                   struct strbuf *what)
{
    strbuf_format(what, "%s = %s; expected %s from %.10g to %.10g%s%s", setting->name, value, kind,
                  setting->min, setting->max, setting->unit[0] ? " " : "", setting->unit);
    return STATUS_BAD_FORMAT;
}

static enum status set_int(const struct setting *setting, void *to, const char *value, struct strbuf *what)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    bool digits = value[0] && strspn(value, "0123456789") == strlen(value);
    if (!digits || errno || *end || (double)n < setting->min || (double)n > setting->max)
        return expected_number(setting, "a whole number", value, what);
    if (setting->kind == SETTING_POWER_OF_TWO && (n & (n - 1)) != 0)
        return expected_number(setting, "a power of two", value, what);
    uint32_t v = (uint32_t)n;
    memcpy(to, &v, sizeof v);
    return STATUS_OK;
}

static enum status set_float(const struct setting *setting, void *to, const char *value, struct strbuf *what)
{
    // The set of characters leaves out hexadecimal, "inf" and "nan", which strtod would take.
    char *end = NULL;
    double x = strtod(value, &end);
    bool plain = value[0] && strspn(value, "0123456789+-.eE") == strlen(value) && !*end;
    if (!plain || !isfinite(x) || x < setting->min || x > setting->max)
        return expected_number(setting, "a number", value, what);
    float v = (float)x;
    memcpy(to, &v, sizeof v);
    return STATUS_OK;
}

static enum status set_bool(const struct setting *setting, void *to, const char *value, struct strbuf *what)
{
    static const char *const words[2][3] = {{"no", "off", "0"}, {"yes", "on", "1"}};
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < 3; i++) {
            if (strcasecmp(value, words[v][i]) != 0) continue;
            bool on = v == 1;
            memcpy(to, &on, sizeof on);
            return STATUS_OK;
        }
    }
    strbuf_format(what, "%s = %s; expected yes, no, on, off, 1 or 0", setting->name, value);
    return STATUS_BAD_FORMAT;
}

static enum status set_choice(const struct setting *setting, char *to, const char *value, struct strbuf *what)
{
    size_t n = strlen(value);
    for (const char *p = setting->choices; n > 0; p++) {
        size_t word = strcspn(p, "|");
        if (word == n && memcmp(p, value, n) == 0 && string_copy(to, setting->size, value)) return STATUS_OK;
        p += word;
        if (!*p) break;
    }
    strbuf_format(what, "%s = %s; expected %s", setting->name, value, setting->choices);
    return STATUS_BAD_FORMAT;
}

static enum status set_text(const struct setting *setting, char *to, const char *value, struct strbuf *what)
{
    if (!value[0] && !setting->may_be_empty) {
        strbuf_format(what, "%s is empty; expected a value", setting->name);
    } else if (value[0] && value[0] != '/' && setting->kind == SETTING_PATH) {
        strbuf_format(what, "%s = %s; expected a path that begins with /", setting->name, value);
    } else if (!string_copy(to, setting->size, value)) {
        strbuf_format(what, "%s is %zu bytes long; expected at most %zu", setting->name, strlen(value),
                      setting->size - 1);
    } else {
        return STATUS_OK;
    }
    return STATUS_BAD_FORMAT;
}

enum status setting_set(const struct setting *setting, void *base, const char *value, struct strbuf *what)
{
    char *to = (char *)base + setting->offset;
    switch (setting->kind) {
    case SETTING_INT:
    case SETTING_POWER_OF_TWO: return set_int(setting, to, value, what);
    case SETTING_FLOAT: return set_float(setting, to, value, what);
    case SETTING_BOOL: return set_bool(setting, to, value, what);
    case SETTING_CHOICE: return set_choice(setting, to, value, what);
    case SETTING_TEXT:
    case SETTING_PATH: break;
    }
    return set_text(setting, to, value, what);
}
