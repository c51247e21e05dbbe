// SPDX-License-Identifier: MIT
// bad_decoder.c - a decoder that does what the first word of its file says, behind the same bars as the real
// one, which decodes all other files for it.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "alloc/attr.h"
#include "engine/osc/methods.h"
#include "engine/sounds/decode.h"
#include "engine/sounds/decode_process.h"
#include "mixer/sound.h"

static struct decode_answer *answer;
static int sound, result;
static char word[32];

// ---- honest work ----

/// Silence, as a good decoder would answer.
static void good(void)
{
    *answer =
        (struct decode_answer){.n_frames = 100, .n_channels = 2, .format = SAMPLE_S16, .source_rate = 48000};
    if (ftruncate(result, 400) != 0 || fcntl(result, F_ADD_SEALS, DECODE_SEALS) != 0) _exit(90);
}

static void noise(void)
{
    fputs("libraries say such things\n", stderr);
    puts("and such");
    fflush(stdout);
    good();
}

// ---- ends ----

static void crash(void)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1; // NOLINT(clang-analyzer-core.NullDereference): that is what it is for
}

static void leave(void)
{
    _exit(3);
}

static void spin(void)
{
    for (volatile unsigned i = 0;; i++)
        continue;
}

static void wait_for_ever(void)
{
    static int never;
    for (;;)
        syscall(SYS_futex, &never, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
}

/// Something gets done, but hardly anything.
static void crawl(void)
{
    struct timespec now;
    if (ftruncate(result, 4096 * 400) != 0) _exit(91);
    char *p = mmap(NULL, 4096 * 400, PROT_WRITE, MAP_SHARED, result, 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    long began = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    for (long i = 0;; i = (now.tv_sec * 1000 + now.tv_nsec / 1000000 - began) / 50) {
        p[(i < 400 ? i : 399) * 4096] = 1;
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

// ---- too much ----

static void eat_heap(void)
{
    for (;;) {
        char *volatile p = malloc(1 << 20); // or a compiler would leave all of it out
        memset(p, 1, 1 << 20);
    }
}

static void eat_pages(void)
{
    for (size_t n = 0;; n++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) _exit(n > 80 ? 92 : 4); // it could have more than it should
        memset(p, 1, 1 << 20);
    }
}

static void eat_result(void)
{
    (void)!ftruncate(result, INT64_C(1) << 50);
}

// ---- what it may not ----

static void call_socket(void)
{
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void call_open(void)
{
    _exit(open("/etc/passwd", O_RDONLY) >= 0 ? 93 : 5);
}

static void call_exec(void)
{
    execl("/bin/true", "true", NULL);
}

static void call_fork(void)
{
    (void)!fork();
}

static void call_kill(void)
{
    kill((pid_t)syscall(SYS_getpid) - 1, SIGKILL);
}

static void call_tgkill(void)
{
    syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
}

static void call_write(void)
{
    (void)!write(sound, "overwritten", 11);
}

static void call_pwrite(void)
{
    (void)!pwrite(sound, "overwritten", 11, 0);
}

static void call_map(void)
{
    (void)mmap(NULL, 4096, PROT_READ, MAP_SHARED, sound, 0);
}

static void call_code(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void call_protect(void)
{
    static char page[8192];
    mprotect((char *)(((uintptr_t)page + 4095) & ~(uintptr_t)4095), 4096, PROT_READ | PROT_EXEC);
}

static void call_limit(void)
{
    setrlimit(RLIMIT_DATA, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
}

static void call_ptrace(void)
{
    syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, 1, 0, 0);
}

// ---- lies ----

static void no_seals(void)
{
    *answer =
        (struct decode_answer){.n_frames = 100, .n_channels = 2, .format = SAMPLE_S16, .source_rate = 48000};
    (void)!ftruncate(result, 400);
}

static void nothing(void)
{
    *answer =
        (struct decode_answer){.n_frames = 100, .n_channels = 2, .format = SAMPLE_S16, .source_rate = 48000};
    fcntl(result, F_ADD_SEALS, DECODE_SEALS);
}

static void frames(void)
{
    good();
    answer->n_frames = UINT32_MAX;
}

static void channels(void)
{
    good();
    answer->n_channels = 200;
}

static void rate(void)
{
    good();
    answer->source_rate = 0;
}

static void format(void)
{
    good();
    answer->format = 77;
}

static void code(void)
{
    answer->error = 0xdeadbeef;
}

/// As if it were something that only the daemon itself can say.
static void cancelled(void)
{
    answer->error = API_CANCELLED;
}

static void needs(void)
{
    *answer = (struct decode_answer){.error = API_REFUSED, .needed_bytes = UINT64_MAX};
}

static void text(void)
{
    answer->error = API_BAD_SOUND;
    memset(answer->why, '\n', sizeof answer->why);
    memcpy(answer->why, ": \x1b[31m%s%n\xff", 11);
}

static void brief(void)
{
    (void)!write(DECODE_SOCKET_FD, "brief", 5);
}

static void lengthy(void)
{
    static char much[65536];
    (void)!write(DECODE_SOCKET_FD, much, sizeof much);
}

static const struct {
    const char *word;
    void (*act)(void);
} acts[] = {
    {"good", good},          {"noise", noise},
    {"crash", crash},        {"abort", abort},
    {"leave", leave},        {"spin", spin},
    {"wait", wait_for_ever}, {"crawl", crawl},
    {"heap", eat_heap},      {"pages", eat_pages},
    {"result", eat_result},  {"socket", call_socket},
    {"open", call_open},     {"exec", call_exec},
    {"fork", call_fork},     {"kill", call_kill},
    {"tgkill", call_tgkill}, {"write", call_write},
    {"pwrite", call_pwrite}, {"map", call_map},
    {"code", call_code},     {"protect", call_protect},
    {"limit", call_limit},   {"ptrace", call_ptrace},
    {"no-seals", no_seals},  {"nothing", nothing},
    {"frames", frames},      {"channels", channels},
    {"rate", rate},          {"format", format},
    {"error", code},         {"cancelled", cancelled},
    {"needs", needs},        {"text", text},
    {"brief", brief},        {"lengthy", lengthy},
};

static void misbehave(const struct decode_request *request, int sound_fd, int result_fd,
                      struct decode_answer *a)
{
    answer = a;
    sound = sound_fd;
    result = result_fd;
    ssize_t n = pread(sound, word, sizeof word - 1, 0);
    word[n > 0 ? n : 0] = 0;
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        if (strcmp(acts[i].word, word) != 0) continue;
        acts[i].act();
        return;
    }
    decode_sound(request, sound_fd, result_fd, a);
}

int main(int argc, char **argv)
{
    return decode_process(argc, argv, misbehave);
}
