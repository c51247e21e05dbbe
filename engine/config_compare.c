// SPDX-License-Identifier: MIT
// config_compare.c - the keys of two configurations, one by one: what differs, in words, and taking one over.
#include "engine/config_compare.h"

#include <inttypes.h>
#include <string.h>

#include "alloc/strbuf.h"
#include "engine/setting.h"

bool config_key_is_live(enum config_key key)
{
    static const bool is_live[CONFIG_N_KEYS] = {
#define CONFIG_LIVE(name) [CONFIG_KEY_##name] = true,
#include "engine/config.def"
    };
    return is_live[key];
}

static const char *bytes_of(const struct config *c, const struct setting *s)
{
    return (const char *)c + s->offset;
}

static bool is_text(const struct setting *s)
{
    return s->kind == SETTING_TEXT || s->kind == SETTING_PATH || s->kind == SETTING_CHOICE;
}

bool config_key_is_same(const struct config *a, const struct config *b, enum config_key key)
{
    const struct setting *s = config_setting(key);
    if (is_text(s)) return strcmp(bytes_of(a, s), bytes_of(b, s)) == 0;
    return memcmp(bytes_of(a, s), bytes_of(b, s), s->size) == 0;
}

void config_key_copy(struct config *to, const struct config *from, enum config_key key)
{
    const struct setting *s = config_setting(key);
    memcpy((char *)to + s->offset, bytes_of(from, s), s->size);
    to->origins[key] = from->origins[key];
}

void config_key_say(const struct config *c, enum config_key key, char *text, size_t size)
{
    const struct setting *s = config_setting(key);
    struct strbuf out = strbuf_make(text, size);
    uint32_t whole;
    float number;
    if (is_text(s)) {
        strbuf_append(&out, bytes_of(c, s));
    } else if (s->kind == SETTING_FLOAT) {
        memcpy(&number, bytes_of(c, s), sizeof number);
        strbuf_format(&out, "%g", (double)number);
    } else {
        memcpy(&whole, bytes_of(c, s), sizeof whole);
        strbuf_format(&out, "%" PRIu32, whole);
    }
}
