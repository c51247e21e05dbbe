// SPDX-License-Identifier: MIT
// decoder.h - has a sound file decoded by chimed-decode: a process for each file, which nobody trusts.
//
// The next process is always there, shut in and waiting for its file, so that a load does not wait for it to
// start. One that crashes, hangs, eats memory or lies fails the load of its one file.
#ifndef ENGINE_SOUNDS_DECODER_H
#define ENGINE_SOUNDS_DECODER_H
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "alloc/attr.h"
#include "engine/osc/methods.h"
#include "engine/sounds/decode_wire.h"

/// A process that waits for its file, or works on it.
struct decode_child {
    pid_t pid;  // 0: none
    int socket; // that end of it which is ours
};

/// Owned by the worker thread while it runs.
struct decoder {
    char program[PATH_MAX];
    uint64_t max_bytes; // of the largest sound
    int cancel_fd;      // eventfd, borrowed: readable when nobody waits for the sound any more
    int grace_ms;       // that a process may get nothing done
    struct decode_child next;
    pid_t dying;               // has answered, and was killed; 0: none
    _Atomic uint64_t n_failed; // processes that did not answer as they should
};

// ---- control, before the worker runs and after it has ended ----

/// Looks for the program: where the variable CHIMED_DECODE of the environment says, beside this program
/// (which is where a build has it), and where an installation has it.
void decoder_init(struct decoder *d, uint64_t max_bytes, int cancel_fd);

/// Starts the first process. False with a sentence of up to `n` bytes that names the program.
NODISCARD bool decoder_start(struct decoder *d, char *reason, size_t n);

/// Ends all processes. Accepts a zeroed one.
void decoder_stop(struct decoder *d);

// ---- worker ----

/// Has `sound`, an open file, decoded. On API_OK `*result` is a memfd that the caller closes; what it holds,
/// and what the answer says of it, is yet to be checked (collect.h). Else `answer->why` says why, as what
/// follows the name of the file in a sentence; on API_REFUSED `answer->needed_bytes` is the room that the
/// sound needs, at least.
NODISCARD enum api_error decoder_run(struct decoder *d, int sound, const struct decode_request *request,
                                     struct decode_answer *answer, int *result);

/// What is left to do when nobody waits any more: sees the process that has answered to its end, and starts
/// the next one. Both would only take processor time from a file that is being decoded.
void decoder_renew(struct decoder *d);

/// Bytes of memory that a result takes.
uint64_t decoder_result_bytes(int result);

#endif
