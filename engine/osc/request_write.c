// SPDX-License-Identifier: MIT
// request_write.c - turns a request back into a message that asks for the same.
#include "engine/osc/request_write.h"

#include <stdio.h>

static void add_voice(struct osc_writer *w, const struct request *r, enum param p)
{
    int64_t number = request_int(r, p, 0);
    if (request_is_text(r, p))
        osc_add_text(w, request_text(r, p, ""));
    else if (number == ALL_VOICES)
        osc_add_text(w, "all");
    else
        osc_add_int(w, (int32_t)number);
}

/// As a text that set_relative() of parse.c reads.
static void add_relative(struct osc_writer *w, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%+.17g", value);
    osc_add_text(w, text);
}

static void add_value(struct osc_writer *w, const struct request *r, enum param p)
{
    if (request_is_relative(r, p)) {
        add_relative(w, request_float(r, p, 0));
        return;
    }
    switch (param_infos[p].type) {
    case PARAM_TYPE_INT:
    case PARAM_TYPE_BOOL: osc_add_int(w, (int32_t)request_int(r, p, 0)); break;
    case PARAM_TYPE_TEXT: osc_add_text(w, request_text(r, p, "")); break;
    case PARAM_TYPE_VOICE:
    case PARAM_TYPE_VOICES: add_voice(w, r, p); break;
    case PARAM_TYPE_FLOAT:
    case PARAM_TYPE_RATE: osc_add_double(w, request_float(r, p, 0)); break;
    }
}

void request_write(struct osc_writer *w, const struct request *r, uint64_t leave_out)
{
    const struct method_info *m = method_info(r->method);
    uint64_t keys = m->keys & r->set & ~leave_out;
    osc_begin(w, m->path);
    for (unsigned i = 0; i < m->n_args && request_has(r, (enum param)m->args[i]); i++)
        add_value(w, r, (enum param)m->args[i]);
    for (unsigned p = 0; p < N_PARAMS; p++) {
        if (!(keys >> p & 1)) continue;
        osc_add_text(w, param_infos[p].name);
        add_value(w, r, (enum param)p);
    }
}
