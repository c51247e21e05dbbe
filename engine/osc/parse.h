// SPDX-License-Identifier: MIT
// parse.h - turns a message into a request: the method, and a checked value for each parameter that is set.
#ifndef ENGINE_OSC_PARSE_H
#define ENGINE_OSC_PARSE_H
#include <stdbool.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/strbuf.h"
#include "engine/osc/methods.h"
#include "engine/osc/packet.h"

/// What `voices` holds for the word "all".
#define ALL_VOICES (-1)

/// Values are inside the ranges of api.def. Texts point into the packet.
struct request {
    enum method method;
    uint64_t set; // a bit for each enum param
    union {
        int64_t i;
        double f;
        const char *s;
    } values[N_PARAMS];
};

/// Pure: no state, no side effect but on `request` and `why`. On an error `why` gets a sentence that says
/// what to do.
NODISCARD enum api_error parse_message(const struct osc_message *message, struct request *request,
                                       struct strbuf *why);

bool request_has(const struct request *r, enum param p);
/// The value of a parameter, or `otherwise` when it is not set.
int64_t request_int(const struct request *r, enum param p, int64_t otherwise);
double request_float(const struct request *r, enum param p, double otherwise);
const char *request_text(const struct request *r, enum param p, const char *otherwise);

#endif
