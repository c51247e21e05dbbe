// SPDX-License-Identifier: MIT
// decode_process.c - the program chimed-decode, but for what it does with the file.
#include "engine/sounds/decode_process.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/osc/methods.h"
#include "engine/sounds/sandbox.h"

static const char usage[] = "usage: chimed-decode MAX_BYTES\n"
                            "chimed starts this program, with a socket, for each sound file that it loads.\n";

/// False when there is none to come: the daemon has gone.
static bool receive(struct decode_request *request)
{
    // The two descriptors come in the order in which they were sent, to the lowest free places.
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec iov = {request, sizeof *request};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    ssize_t n;
    do
        n = recvmsg(DECODE_SOCKET_FD, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    const struct cmsghdr *c = n == sizeof *request ? CMSG_FIRSTHDR(&m) : NULL;
    int fds[2] = {-1, -1};
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fds))
        memcpy(fds, CMSG_DATA(c), sizeof fds);
    return fds[0] == DECODE_SOUND_FD && fds[1] == DECODE_RESULT_FD;
}

static bool send_answer(const struct decode_answer *answer)
{
    return write(DECODE_SOCKET_FD, answer, sizeof *answer) == sizeof *answer;
}

_Noreturn void decode_out_of_memory(void)
{
    static struct decode_answer answer = {.error = API_BAD_SOUND};
    snprintf(answer.why, sizeof answer.why, ": needs more than %d MiB of memory to be decoded",
             (int)(DECODE_PRIVATE_BYTES >> 20));
    _exit(send_answer(&answer) ? 0 : 1);
}

int decode_process(int argc, char **argv, decode_function *decode)
{
    struct decode_request request;
    struct decode_answer answer = {.error = API_INTERNAL};
    const char *what;
    if (argc != 2) {
        fputs(usage, stderr);
        return 2;
    }
    // When the daemon had gone before this line, the socket says so.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(DECODE_SOCKET_FD + 1, ~0u, 0);
    bool is_shut_in = sandbox_enter(strtoull(argv[1], NULL, 10), &what);
    int cause = errno;
    if (!receive(&request)) return 1;
    if (is_shut_in)
        decode(&request, DECODE_SOUND_FD, DECODE_RESULT_FD, &answer);
    else
        snprintf(answer.why, sizeof answer.why, ": the decoder could not give up %s: %s", what,
                 strerror(cause));
    _exit(send_answer(&answer) ? 0 : 1);
}
