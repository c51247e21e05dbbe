// SPDX-License-Identifier: MIT
// test_decoder.c - chimed-decode at work, and decoders that crash, hang, eat memory, call what they may not
// and lie: each fails one file, and leaves no process and no descriptor.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/sounds/collect.h"
#include "engine/sounds/decoder.h"
#include "tests/check.h"
#include "tests/sound_files.h"

#define MAX_BYTES (1 << 20)
#define RATE      48000

static struct decoder decoder;
static struct decode_answer answer;
static char script[64];
static int cancel_fd, n_fds;

// ---- fixture ----

static int count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int n = 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

/// The program that is named by a variable of the environment, or a script of this text.
static void use(const char *variable)
{
    const char *named = getenv(variable), *usual = getenv("CHIMED_DECODE");
    if (!named || !usual) abort(); // tests/CMakeLists.txt sets them
    char before[PATH_MAX];
    snprintf(before, sizeof before, "%s", usual);
    decoder_stop(&decoder);
    setenv("CHIMED_DECODE", named, 1);
    decoder_init(&decoder, MAX_BYTES, cancel_fd);
    setenv("CHIMED_DECODE", before, 1);
}

static void use_script(const char *text)
{
    int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    setenv("TEST_SCRIPT", script, 1);
    use("TEST_SCRIPT");
}

static int set_up(void **state)
{
    (void)state;
    snprintf(script, sizeof script, "/tmp/chimed-decoder-%d", (int)getpid());
    n_fds = count_fds();
    cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    decoder = (struct decoder){.next.socket = -1};
    use("CHIMED_DECODE");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    decoder_stop(&decoder);
    decoder_stop(&decoder); // twice is once
    close(cancel_fd);
    unlink(script);
    assert_int_equal(count_fds(), n_fds);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return 0;
}

static int text_file(const char *text)
{
    int fd = memfd_create("text", 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

/// Runs the decoder on a file, which is closed, and closes what comes.
static enum api_error run(int fd)
{
    struct decode_request request = {(uint64_t)lseek(fd, 0, SEEK_END), MAX_BYTES, RATE};
    int result = -2, before = count_fds();
    bool is_waiting = decoder.next.pid != 0;
    enum api_error error = decoder_run(&decoder, fd, &request, &answer, &result);
    assert_int_equal(error == API_OK, result >= 0);
    assert_int_equal(error != API_OK && error != API_REFUSED, answer.why[0] != 0);
    if (result >= 0) close(result);
    decoder_renew(&decoder);
    assert_int_equal(count_fds(), before + (decoder.next.pid != 0) - is_waiting);
    close(fd);
    return error;
}

/// What comes of a file with this word, in the end, too: the text must be part of the answer.
static void expect(const char *word, enum api_error error, const char *text)
{
    enum api_error got = run(text_file(word));
    if (got != error || !strstr(answer.why, text)) fail_msg("%s: %d%s", word, (int)got, answer.why);
    if (run(text_file("good")) != API_OK) fail_msg("after %s: %s", word, answer.why);
}

// ---- the real one ----

static void check_format(int format, int n_channels, int fd)
{
    struct decode_request request = {(uint64_t)lseek(fd, 0, SEEK_END), MAX_BYTES, RATE};
    int result;
    enum api_error error = decoder_run(&decoder, fd, &request, &answer, &result);
    if (error) fail_msg("format %x, %d channels: %d%s", (unsigned)format, n_channels, (int)error, answer.why);
    assert_in_range(answer.n_frames, 900, 7000); // some formats have rates of their own
    close(result);
    decoder_renew(&decoder);
}

/// Behind its bars it can do all that the libraries need.
static void test_every_format(void **state)
{
    (void)state;
    for (int rate = 48000; rate >= 44100; rate -= 3900)
        assert_true(for_every_format(rate, 1000, check_format) > 80);
    assert_int_equal(atomic_load(&decoder.n_failed), 0);
}

static void test_errors_are_told(void **state)
{
    (void)state;
    assert_int_equal(run(text_file("this is no sound")), API_BAD_SOUND);
    assert_int_equal(answer.why[0], ':');
    assert_int_equal(run(write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 3, RATE, 100)), API_UNSUPPORTED);
    assert_string_equal(answer.why, " has 3 channels; mono and stereo can be played");
    int fd = write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, RATE, 1000), result;
    struct decode_request request = {(uint64_t)lseek(fd, 0, SEEK_END), 1000, RATE};
    assert_int_equal(decoder_run(&decoder, fd, &request, &answer, &result), API_REFUSED);
    assert_int_equal(answer.needed_bytes, sound_bytes(1000, 1, SAMPLE_S16));
    close(fd);
    assert_int_equal(run(open("/", O_RDONLY | O_CLOEXEC)), API_BAD_SOUND); // its reads fail
    assert_int_equal(atomic_load(&decoder.n_failed), 0);
}

static void test_one_waits_and_is_replaced(void **state)
{
    (void)state;
    char reason[512];
    assert_true(decoder_start(&decoder, reason, sizeof reason));
    assert_true(decoder_start(&decoder, reason, sizeof reason)); // twice is once
    for (int i = 0; i < 5; i++) {
        pid_t waiting = decoder.next.pid;
        assert_int_equal(kill(waiting, 0), 0);
        assert_int_equal(run(write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, RATE, 100)), API_OK);
        assert_int_not_equal(decoder.next.pid, waiting);
        assert_int_equal(kill(waiting, 0), -1);
    }
    // Somebody ends the one that waits.
    kill(decoder.next.pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)decoder.next.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(run(write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, RATE, 100)), API_OK);
}

/// What it has: no environment, and no descriptors beyond its own.
static void test_what_it_inherits(void **state)
{
    (void)state;
    char path[64], link[256], reason[512];
    int leak = open("/dev/zero", O_RDONLY); // as a careless library opens it
    sigset_t blocked, old;
    sigfillset(&blocked);
    sigprocmask(SIG_SETMASK, &blocked, &old);
    assert_true(decoder_start(&decoder, reason, sizeof reason));
    sigprocmask(SIG_SETMASK, &old, NULL);
    assert_int_equal(run(write_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, RATE, 100)), API_OK);
    // It is shut in once it waits in recvmsg(): not dumpable, so only root can look.
    pid_t pid = decoder.next.pid;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    char status[4096] = "";
    for (int i = 0; i < 2000 && !strstr(status, "Seccomp:\t2"); i++) {
        usleep(1000);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, status, sizeof status - 1);
        status[n > 0 ? n : 0] = 0;
        close(fd);
    }
    assert_non_null(strstr(status, "Seccomp:\t2"));
    assert_non_null(strstr(status, "NoNewPrivs:\t1"));
    assert_non_null(strstr(status, "SigBlk:\t0000000000000000"));
    for (int fd = DECODE_SOCKET_FD + 1; fd < 64 && geteuid() == 0; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        if (readlink(path, link, sizeof link) >= 0) fail_msg("%s is open", path);
    }
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) assert_int_equal(read(fd, link, sizeof link), 0);
    if (fd >= 0) close(fd);
    close(leak);
}

static void *cancel_soon(void *unused)
{
    (void)unused;
    usleep(50000);
    eventfd_write(cancel_fd, 1);
    return NULL;
}

static void test_cancel(void **state)
{
    (void)state;
    pthread_t thread;
    use("CHIMED_BAD_DECODE");
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    assert_int_equal(run(text_file("wait")), API_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&decoder.n_failed), 0);
}

/// Whoever ignores the ends of its children has them all the same here.
static void test_ignored_children(void **state)
{
    (void)state;
    char reason[512];
    signal(SIGCHLD, SIG_IGN);
    use("CHIMED_BAD_DECODE");
    assert_true(decoder_start(&decoder, reason, sizeof reason));
    expect("crash", API_BAD_SOUND, "signal 11");
}

// ---- bad ones ----

static void test_crashes(void **state)
{
    (void)state;
    use("CHIMED_BAD_DECODE");
    expect("noise", API_OK, "");
    expect("abort", API_BAD_SOUND, ": the decoder crashed on this file (signal 6, Aborted)");
    expect("leave", API_BAD_SOUND, ": the decoder left without an answer (exit code 3)");
    assert_int_equal(atomic_load(&decoder.n_failed), 2);
    expect("crash", API_BAD_SOUND, ": the decoder crashed on this file (signal 11, Segmentation fault)");
}

static void test_hangs(void **state)
{
    (void)state;
    use("CHIMED_BAD_DECODE");
    decoder.grace_ms = 300;
    expect("spin", API_BAD_SOUND, ": the decoder got nothing done on this file for 0.3 s");
    expect("wait", API_BAD_SOUND, ": the decoder got nothing done on this file for 0.3 s");
    expect("crawl", API_BAD_SOUND, ": the decoder is too slow on this file");
    assert_int_equal(atomic_load(&decoder.n_failed), 3);
}

static void test_memory(void **state)
{
    (void)state;
    use("CHIMED_BAD_DECODE");
    expect("heap", API_BAD_SOUND, ": needs more than 64 MiB of memory to be decoded");
    expect("pages", API_BAD_SOUND, "(exit code 4)");
    expect("result", API_BAD_SOUND, ": the decoder made more samples than there is room for");
}

static void test_system_calls(void **state)
{
    (void)state;
    use("CHIMED_BAD_DECODE");
    static const char *const calls[] = {"socket", "exec", "fork", "kill",    "tgkill", "write",
                                        "pwrite", "map",  "code", "protect", "limit",  "ptrace"};
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        expect(calls[i], API_BAD_SOUND,
               ": the decoder did on this file what it may not (a forbidden system call)");
    expect("open", API_BAD_SOUND, "(exit code 5)"); // there are no files
    assert_int_equal(atomic_load(&decoder.n_failed), COUNT_OF(calls) + 1);
}

/// The answer itself is checked here, what it says of the samples by collect_sound().
static void test_lies(void **state)
{
    (void)state;
    use("CHIMED_BAD_DECODE");
    static const char *const lies[] = {"error", "cancelled", "brief", "lengthy"};
    for (size_t i = 0; i < COUNT_OF(lies); i++)
        expect(lies[i], API_BAD_SOUND, ": the decoder's answer makes no sense");
    assert_int_equal(atomic_load(&decoder.n_failed), COUNT_OF(lies));
    expect("needs", API_REFUSED, "");
    assert_int_equal(run(text_file("text")), API_BAD_SOUND);
    assert_int_equal(strlen(answer.why), DECODE_WHY_BYTES - 1);
    for (const char *p = answer.why; *p; p++)
        assert_in_range(*p, ' ', '~');
}

// ---- other programs ----

/// Killed by somebody, and by limits that take too long to reach here.
static void test_signals(void **state)
{
    (void)state;
    static const struct {
        const char *script, *text;
    } cases[] = {
        {"#!/bin/sh\nhead -c 24 <&3 >/dev/null; exit 9\n",
         ": the decoder left without an answer (exit code 9)"},
        {"#!/bin/sh\nsleep 0.1; kill -KILL $$\n",
         ": the decoder was killed on this file (signal 9), perhaps"},
        {"#!/bin/sh\nsleep 0.1; kill -XCPU $$\n",
         ": the decoder took more than 18 s of processor time on this file"},
        {"#!/bin/sh\nsleep 0.1; kill -BUS $$\n", ": the decoder crashed on this file (signal 7, Bus error)"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        use_script(cases[i].script);
        assert_int_equal(run(text_file("any")), API_BAD_SOUND);
        if (!strstr(answer.why, cases[i].text)) fail_msg("%s: %s", cases[i].script, answer.why);
    }
}

static void test_no_program(void **state)
{
    (void)state;
    char reason[512];
    setenv("TEST_NONE", "/no/such/chimed-decode", 1);
    use("TEST_NONE");
    assert_false(decoder_start(&decoder, reason, sizeof reason));
    assert_string_equal(reason,
                        "cannot start /no/such/chimed-decode, which decodes sound files: No such file or "
                        "directory; install it there, or set CHIMED_DECODE to its path");
    assert_int_equal(run(text_file("any")), API_INTERNAL);
    assert_string_equal(answer.why,
                        ": cannot start the decoder /no/such/chimed-decode: No such file or directory");
    use_script("#!/bin/sh\n");
    chmod(script, 0644);
    assert_int_equal(run(text_file("any")), API_INTERNAL);
    assert_non_null(strstr(answer.why, "Permission denied"));
}

/// Its process has gone before it is handed anything, each time.
static void test_program_that_does_not_stay(void **state)
{
    (void)state;
    use_script("#!/bin/sh\nexit 7\n");
    for (int i = 0; i < 3; i++) {
        enum api_error error = run(text_file("any"));
        assert_true(error == API_BAD_SOUND ||
                    error == API_INTERNAL); // it may live long enough to be handed it
        usleep(20000);
    }
}

/// By hand it says what it is for.
static void test_by_hand(void **state)
{
    (void)state;
    char command[4200];
    snprintf(command, sizeof command, "%s 2>/dev/null", getenv("CHIMED_DECODE"));
    int status = system(command); // NOLINT(cert-env33-c): our own program
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_format),
        TEST(test_errors_are_told),
        TEST(test_one_waits_and_is_replaced),
        TEST(test_what_it_inherits),
        TEST(test_cancel),
        TEST(test_ignored_children),
        TEST(test_crashes),
        TEST(test_hangs),
        TEST(test_memory),
        TEST(test_system_calls),
        TEST(test_lies),
        TEST(test_signals),
        TEST(test_no_program),
        TEST(test_program_that_does_not_stay),
        TEST(test_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
