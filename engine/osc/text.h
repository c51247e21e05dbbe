// SPDX-License-Identifier: MIT
// text.h - OSC messages as lines of text, for people and shells: "play bell gain -6".
//
// The first word is the path, its first '/' may be left out. Words are separated by blanks; a word of a
// number is an
// int or a float, but one that begins with '+' stays a text (a relative change); "quoted" words are texts,
// with \" \\ \n \t \xHH; true and false are T and F. Any other word is a text.
#ifndef ENGINE_OSC_TEXT_H
#define ENGINE_OSC_TEXT_H
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/strbuf.h"

/// Turns a line (without its newline) into an OSC message in `out`. Returns its length; 0 and a sentence in
/// `why` when the line is none or does not fit into `size` bytes.
NODISCARD size_t text_to_osc(const char *line, size_t n, uint8_t *out, size_t size, struct strbuf *why);

/// Writes a message, which is well formed, as one line that ends with a newline; text_to_osc() reads it back
/// as the same message, but for types that lines do not have. Returns its length, at most `size`: what does
/// not fit is cut.
size_t text_from_osc(const uint8_t *message, size_t n, char *out, size_t size);

#endif
