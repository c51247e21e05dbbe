// SPDX-License-Identifier: MIT
// text.h - OSC messages as lines of text, for people and shells: "play bell gain -6".
//
// The first word is the path; its first '/' may be left out. Words are separated by blanks. A word that is a
// whole number is an int, or a long where it must; a word with a point or an exponent is a float, or a double
// where it has more than 9 digits or no float is written like it. A number that begins with '+' stays a text
// (a relative change). true and false are T and F. Words in double quotes are texts, with \" \\ \n \t \xHH;
// so is any other word.
#ifndef ENGINE_OSC_TEXT_H
#define ENGINE_OSC_TEXT_H
#include <stddef.h>
#include <stdint.h>

#include "alloc/attr.h"
#include "alloc/strbuf.h"

/// Turns a line (without its newline) into an OSC message in `out`. Returns its length; 0 and a sentence in
/// `why` when the line is none or does not fit into `size` bytes.
NODISCARD size_t text_to_osc(const char *line, size_t n, uint8_t *out, size_t size, struct strbuf *why);

/// Writes a message, which is well formed, as one line that ends with a newline (a bundle as several);
/// text_to_osc() reads the same values from it, but for blobs, characters, colours, MIDI, time tags, nil,
/// impulses and arrays, which lines do not have, and numbers that are infinite or none. Returns its length,
/// at most `size`: what does not fit is cut.
size_t text_from_osc(const uint8_t *message, size_t n, char *out, size_t size);

#endif
