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

/// Longest id of a voice, tag and request id, with the closing 0.
#define VOICE_NAME_BYTES 64
#define TAG_BYTES        32
#define REQUEST_ID_BYTES 12

/// What `voices` and `scheduled` hold for the word "all".
#define ALL_VOICES (-1)

/// Values are inside the ranges of api.def; relative ones are any finite number. Texts point into the packet.
struct request {
    enum method method;
    uint64_t set;      // a bit for each enum param
    uint64_t relative; // likewise: the value is to be added (RELATIVE in api.def)
    uint64_t text;     // likewise: a VOICE, or VOICES that is not "all", was given as a text
    const char *id;    // "#17"; "" when none came
    union {
        int64_t i;
        double f;
        const char *s;
    } values[N_PARAMS];
};

/// Pure: no state, no side effect but on `request` and `why`, nothing allocated. `method`: the one that the
/// message's path, or pattern of paths, stands for. On an error `why` gets a sentence that says what to do;
/// `request->id` is set all the same.
NODISCARD enum api_error parse_message(const struct osc_message *message, enum method method,
                                       struct request *request, struct strbuf *why);

/// The request id of a message, "#17"; "" when it has none. For answers to what has no method.
const char *parse_request_id(const struct osc_message *message);

bool request_has(const struct request *r, enum param p);
bool request_is_relative(const struct request *r, enum param p);
/// A VOICE that was given as a text: read it with request_text().
bool request_is_text(const struct request *r, enum param p);
/// The value of a parameter, or `otherwise` when it is not set.
int64_t request_int(const struct request *r, enum param p, int64_t otherwise);
double request_float(const struct request *r, enum param p, double otherwise);
const char *request_text(const struct request *r, enum param p, const char *otherwise);
/// Which of the words that api.def lists for it (CHOICE, in that order, counted from 0) a parameter is.
unsigned request_choice(const struct request *r, enum param p, unsigned otherwise);

#endif
