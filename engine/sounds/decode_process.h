// SPDX-License-Identifier: MIT
// decode_process.h - the program chimed-decode, but for what it does with the file.
#ifndef ENGINE_SOUNDS_DECODE_PROCESS_H
#define ENGINE_SOUNDS_DECODE_PROCESS_H
#include "engine/sounds/decode_wire.h"

/// What is done with the file: decode_sound().
typedef void decode_function(const struct decode_request *request, int sound, int result,
                             struct decode_answer *answer);

/// Shuts itself in, waits for its one request, answers it. Returns the exit code.
int decode_process(int argc, char **argv, decode_function *decode);

/// Answers that the file needs more memory than it may have, and ends the process.
_Noreturn void decode_out_of_memory(void);

#endif
