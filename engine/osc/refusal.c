// SPDX-License-Identifier: MIT
// refusal.c - an /error message by itself, for what is refused before anybody has read it.
#include "engine/osc/refusal.h"

#include <stdio.h>

uint32_t refusal_write(uint8_t *out, const char *path, enum api_error error, const char *text)
{
    struct osc_writer w;
    char shown_path[OSC_MAX_PATH_BYTES], shown_text[1024];
    snprintf(shown_path, sizeof shown_path, "%s", path);
    snprintf(shown_text, sizeof shown_text, "%s", text);
    osc_begin(&w, "/error");
    osc_add_text(&w, shown_path);
    osc_add_text(&w, api_error_code(error));
    osc_add_text(&w, shown_text);
    return (uint32_t)osc_end(&w, out);
}
