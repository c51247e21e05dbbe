// SPDX-License-Identifier: MIT
// decode_main.c - the program chimed-decode: decodes one file of the daemon's, and can do nothing else.
#include "engine/sounds/decode.h"
#include "engine/sounds/decode_process.h"

int main(int argc, char **argv)
{
    return decode_process(argc, argv, decode_sound);
}
