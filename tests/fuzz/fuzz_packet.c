// SPDX-License-Identifier: MIT
// fuzz_packet.c - any bytes as a packet: the gate, every method's parser, and lines of text there and back.
#include <math.h>
#include <string.h>

#include "engine/osc/parse.h"
#include "engine/osc/pattern.h"
#include "engine/osc/text.h"
#include "tests/fuzz/fuzz.h"

/// Longest message that is turned into a line.
#define LINE_BYTES 8192

struct packet {
    const uint8_t *bytes;
    size_t n_bytes;
    uint32_t n_messages;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    methods_init();
    return 0;
}

// ---- requests ----

static bool is_inside(const struct packet *p, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    return at > p->bytes && at + strlen(text) < p->bytes + p->n_bytes;
}

static void check_text(const struct packet *p, const struct request *r, enum param param)
{
    const char *text = request_text(r, param, "");
    size_t n = strlen(text);
    CHECK(is_inside(p, text) && n > 0);
    if (param_infos[param].type == PARAM_TYPE_VOICE) CHECK(n < VOICE_NAME_BYTES);
    if (param == PARAM_TAG) CHECK(n < TAG_BYTES);
    if (param == PARAM_PATTERN) CHECK(!pattern_check(text));
    if (param_choice(param, 0)) CHECK(param_choice(param, request_choice(r, param, 0)));
}

static void check_number(const struct request *r, enum param param)
{
    const struct param_info *info = &param_infos[param];
    double slack = 1e-6 * fabs(info->min); // a float next to a limit
    bool is_float = info->type == PARAM_TYPE_FLOAT || info->type == PARAM_TYPE_RATE;
    double value = is_float ? request_float(r, param, (double)NAN) : (double)request_int(r, param, 0);
    CHECK(isfinite(value));
    if (info->type == PARAM_TYPE_RATE) value = fabs(value);
    if (info->type == PARAM_TYPE_VOICES && value == ALL_VOICES) return;
    CHECK(value >= info->min - slack && value <= info->max);
}

static void check_request(const struct packet *p, const struct request *r)
{
    const struct method_info *m = method_info(r->method);
    uint64_t may = m->keys;
    for (unsigned i = 0; i < m->n_args; i++)
        may |= UINT64_C(1) << m->args[i];
    CHECK(!(r->set & ~may) && !(r->relative & ~(r->set & m->relative)) && !(r->text & ~r->set));
    for (unsigned i = 0; i < m->n_required; i++)
        CHECK(request_has(r, (enum param)m->args[i]));
    for (unsigned param = 0; param < N_PARAMS; param++) {
        if (!request_has(r, (enum param)param)) continue;
        if (request_is_relative(r, (enum param)param))
            CHECK(isfinite(request_float(r, (enum param)param, (double)NAN)));
        else if (param_infos[param].type == PARAM_TYPE_TEXT || request_is_text(r, (enum param)param))
            check_text(p, r, (enum param)param);
        else
            check_number(r, (enum param)param);
    }
    CHECK(r->id[0] == 0 || (is_inside(p, r->id) && strlen(r->id) < REQUEST_ID_BYTES));
}

static void parse_as(const struct packet *p, const struct osc_message *m, enum method method)
{
    struct request request;
    char text[1024];
    struct strbuf why = strbuf_make(text, sizeof text);
    enum api_error error = parse_message(m, method, &request, &why);
    CHECK(strcmp(request.id, parse_request_id(m)) == 0);
    CHECK(!error == (why.length == 0));
    if (!error) check_request(p, &request);
}

static void visit(void *context, const struct osc_message *m)
{
    struct packet *p = context;
    CHECK(is_inside(p, m->path) || (const uint8_t *)m->path == p->bytes);
    CHECK(m->index == p->n_messages++);
    CHECK(m->time >= OSC_NOW);
    enum method method = method_find(m->path);
    if (method < N_METHODS) parse_as(p, m, method);
    for (unsigned other = 0; pattern_is(m->path) && other < N_METHODS; other++)
        if (pattern_matches(m->path, method_info((enum method)other)->path))
            parse_as(p, m, (enum method)other);
}

// ---- lines ----

static void keep(void *message, const struct osc_message *m)
{
    *(struct osc_message *)message = *m;
}

static bool is_kept(const struct osc_arg *a)
{
    return strchr("ihsSTF", a->type) || (strchr("fd", a->type) && isfinite(a->f));
}

static double number_of(const struct osc_arg *a)
{
    return a->type == 'f' || a->type == 'd' ? a->f : (double)a->i;
}

/// The same values: numbers may have another type, other types than lines have may have become texts.
static void compare(const uint8_t *one, size_t n_one, const uint8_t *two, size_t n_two)
{
    struct osc_message a, b;
    struct osc_arg x, y;
    osc_packet_visit(one, n_one, keep, &a);
    osc_packet_visit(two, n_two, keep, &b);
    CHECK(strcmp(a.path, b.path) == 0);
    CHECK(strlen(a.types) == strlen(b.types));
    while (osc_next_arg(&a.types, &a.args, &x)) {
        CHECK(osc_next_arg(&b.types, &b.args, &y));
        if (!is_kept(&x)) continue;
        if (x.type == 's' || x.type == 'S')
            CHECK(y.type == 's' && strcmp(x.s, y.s) == 0);
        else
            CHECK(strchr("ihfdTF", y.type) && number_of(&x) == number_of(&y));
    }
}

static void there_and_back(const uint8_t *packet, size_t n_packet)
{
    static char line[LINE_BYTES];
    static uint8_t back[4 * LINE_BYTES];
    char text[256];
    struct strbuf why = strbuf_make(text, sizeof text);
    size_t n_line = text_from_osc(packet, n_packet, line, sizeof line);
    CHECK(n_line >= 1 && n_line <= sizeof line && line[n_line - 1] == '\n');
    if (n_line == sizeof line) return; // perhaps cut
    CHECK(!memchr(line, '\n', n_line - 1));
    size_t n = text_to_osc(line, n_line - 1, back, sizeof back, &why);
    CHECK(n > 0 && !osc_packet_check(back, n));
    compare(packet, n_packet, back, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet p = {.bytes = data, .n_bytes = size};
    if (osc_packet_check(data, size)) return 0;
    osc_packet_visit(data, size, visit, &p);
    if (p.n_messages == 1 && data[0] == '/') there_and_back(data, size);
    if (data[0] == '#') {
        char line[64];
        CHECK(text_from_osc(data, size, line, sizeof line) <= sizeof line);
    }
    return 0;
}
