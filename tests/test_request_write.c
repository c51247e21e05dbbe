// SPDX-License-Identifier: MIT
// test_request_write.c - what is written asks for the same as what was read, for every method and parameter.
#include <stdio.h>
#include <string.h>

#include "engine/osc/packet.h"
#include "engine/osc/request_write.h"
#include "tests/check.h"
#include "tests/random.h"

static struct osc_writer writer;
static uint8_t message[2][OSC_MAX_MESSAGE_BYTES];
static struct request requests[2];

static void read_one(void *context, const struct osc_message *m)
{
    char text[1024];
    struct strbuf why = strbuf_make(text, sizeof text);
    struct request *r = context;
    if (parse_message(m, method_find(m->path), r, &why)) fail_msg("%s: %s", m->path, text);
}

/// The message in the writer, as it is understood.
static void read_back(int i)
{
    size_t n = osc_end(&writer, message[i]);
    assert_true(n > 0);
    assert_null(osc_packet_check(message[i], n));
    osc_packet_visit(message[i], n, read_one, &requests[i]);
}

static void add_value(uint64_t *seed, enum param p, bool is_relative)
{
    const struct param_info *info = &param_infos[p];
    double value = random_between(seed, info->min, info->max);
    char text[64];
    snprintf(text, sizeof text, "%+.9g", random_between(seed, -3, 3));
    switch (info->type) {
    case PARAM_TYPE_TEXT: osc_add_text(&writer, param_choice(p, 0) ? param_choice(p, 0) : "a name"); break;
    case PARAM_TYPE_BOOL: osc_add_int(&writer, (int32_t)random_below(seed, 2)); break;
    case PARAM_TYPE_INT: osc_add_int(&writer, (int32_t)value); break;
    case PARAM_TYPE_FLOAT:
    case PARAM_TYPE_RATE:
        if (is_relative && random_below(seed, 2))
            osc_add_text(&writer, text);
        else
            osc_add_double(&writer, value);
        break;
    case PARAM_TYPE_VOICES:
        if (random_below(seed, 3) == 0) {
            osc_add_text(&writer, "all");
            break;
        }
        // fall through
    case PARAM_TYPE_VOICE:
        if (random_below(seed, 2))
            osc_add_text(&writer, "left hand");
        else
            osc_add_int(&writer, (int32_t)value);
        break;
    }
}

static void build(uint64_t *seed, const struct method_info *m)
{
    osc_begin(&writer, m->path);
    for (unsigned i = 0; i < m->n_args; i++)
        add_value(seed, (enum param)m->args[i], m->relative >> m->args[i] & 1);
    for (unsigned p = 0; p < N_PARAMS; p++) {
        if (!(m->keys >> p & 1) || random_below(seed, 2)) continue;
        osc_add_text(&writer, param_infos[p].name);
        add_value(seed, (enum param)p, m->relative >> p & 1);
    }
}

static void compare(enum param p)
{
    const struct request *a = &requests[0], *b = &requests[1];
    assert_int_equal(request_is_relative(a, p), request_is_relative(b, p));
    assert_int_equal(request_is_text(a, p), request_is_text(b, p));
    enum param_type type = param_infos[p].type;
    if (type == PARAM_TYPE_TEXT || request_is_text(a, p))
        assert_string_equal(request_text(a, p, ""), request_text(b, p, ""));
    else if (type == PARAM_TYPE_FLOAT || type == PARAM_TYPE_RATE)
        assert_true(request_float(a, p, 0) == request_float(b, p, 0));
    else
        assert_int_equal(request_int(a, p, 0), request_int(b, p, 0));
}

static void test_every_method(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (unsigned i = 0; i < 200 * N_METHODS; i++) {
        enum method m = (enum method)(i % N_METHODS);
        build(&seed, method_info(m));
        osc_add_text(&writer, "#17");
        read_back(0);
        request_write(&writer, &requests[0], 0);
        read_back(1);
        assert_int_equal(requests[1].method, m);
        assert_true(requests[0].set == requests[1].set);
        assert_string_equal(requests[1].id, "");
        for (unsigned p = 0; p < N_PARAMS; p++)
            if (request_has(&requests[0], (enum param)p)) compare((enum param)p);
    }
}

static void test_leaving_out(void **state)
{
    (void)state;
    osc_begin(&writer, "/play");
    osc_add_text(&writer, "bell");
    osc_add_text(&writer, "at");
    osc_add_double(&writer, 3);
    osc_add_text(&writer, "gain");
    osc_add_double(&writer, -3);
    read_back(0);
    request_write(&writer, &requests[0], UINT64_C(1) << PARAM_AT);
    osc_add_text(&writer, "id");
    osc_add_int(&writer, 7);
    read_back(1);
    assert_false(request_has(&requests[1], PARAM_AT));
    assert_true(request_float(&requests[1], PARAM_GAIN, 0) == -3);
    assert_int_equal(request_int(&requests[1], PARAM_ID, 0), 7);
}

int main(void)
{
    methods_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method),
        cmocka_unit_test(test_leaving_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
