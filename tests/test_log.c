// SPDX-License-Identifier: MIT
// test_log.c - what stands in the lines, when journald's prefixes do, and that lines of several threads stay
// whole.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/log.h"
#include "tests/check.h"

static int real_stderr;
static int read_end;
static char got[1 << 20];

/// From here on stderr is a pipe.
static void capture(void)
{
    int fds[2];
    fflush(stderr);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fcntl(fds[1], F_SETPIPE_SZ, (int)sizeof got);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    close(fds[1]);
    read_end = fds[0];
}

/// Gives stderr back; what went to the pipe is in `got`.
static void release(void)
{
    size_t n = 0;
    dup2(real_stderr, STDERR_FILENO);
    for (ssize_t r = 1; r > 0 && n < sizeof got - 1; n += (size_t)r) {
        r = read(read_end, got + n, sizeof got - 1 - n);
        if (r < 0) r = 0;
    }
    got[n] = 0;
    close(read_end);
}

static void name_journal(int fd)
{
    struct stat st;
    char name[64];
    assert_int_equal(fstat(fd, &st), 0);
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", name, 1);
}

static void people_get_words(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    capture();
    log_init(LOG_LEVEL_DEBUG);
    log_error("no %s", "device");
    log_warning("%d xruns", 3);
    log_info("ready");
    log_debug("x");
    release();
    assert_string_equal(
        got, "chimed: error: no device\nchimed: warning: 3 xruns\nchimed: ready\nchimed: debug: x\n");
}

static void the_journal_gets_levels(void **state)
{
    (void)state;
    capture();
    name_journal(STDERR_FILENO);
    log_init(LOG_LEVEL_DEBUG);
    log_error("a");
    log_warning("b");
    log_info("c");
    log_debug("d");
    release();
    assert_string_equal(got, "<3>a\n<4>b\n<6>c\n<7>d\n");
}

static void another_stream_is_no_journal(void **state)
{
    (void)state;
    name_journal(real_stderr);
    capture();
    log_init(LOG_LEVEL_INFO);
    log_info("c");
    setenv("JOURNAL_STREAM", "nonsense", 1);
    log_init(LOG_LEVEL_INFO);
    log_info("d");
    release();
    assert_string_equal(got, "chimed: c\nchimed: d\n");
}

static void levels_are_left_out(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    capture();
    log_init(LOG_LEVEL_WARNING);
    log_info("quiet");
    log_debug("quiet");
    log_warning("loud");
    release();
    assert_string_equal(got, "chimed: warning: loud\n");
}

static void a_name_cannot_begin_a_line(void **state)
{
    (void)state;
    capture();
    log_init(LOG_LEVEL_INFO);
    log_info("sound \"%s\"", "a\nchimed: error: b\r\x1b[2J\x7f é");
    release();
    assert_string_equal(got, "chimed: sound \"a?chimed: error: b??[2J? é\"\n");
}

static void long_lines_end(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 'x', sizeof text - 1);
    capture();
    log_init(LOG_LEVEL_INFO);
    errno = EDOM;
    log_info("%s", text);
    assert_int_equal(errno, EDOM);
    log_info("next");
    release();
    char *end = strchr(got, '\n');
    assert_non_null(end);
    assert_true(end - got > 1000 && end - got < 4096);
    assert_string_equal(end + 1, "chimed: next\n");
}

static void a_line_that_nobody_reads_holds_nobody_up(void **state)
{
    (void)state;
    static const char told[] = "chimed: warning: 400 lines left out: nobody read them\nchimed: again\n";
    capture();
    assert_int_equal(fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096), 4096);
    log_init(LOG_LEVEL_INFO);
    log_never_wait();
    char full[4096];
    memset(full, '-', sizeof full);
    assert_int_equal(write(STDERR_FILENO, full, sizeof full), sizeof full);
    alarm(20); // ends the test if a line waits
    for (int i = 0; i < 400; i++)
        log_info("line %d", i);
    alarm(0);
    assert_int_equal(read(read_end, full, sizeof full), sizeof full);
    log_info("again");
    release();
    assert_string_equal(got, told);
}

#define N_LINES 500

static void *write_lines(void *letter)
{
    char text[200];
    memset(text, *(const char *)letter, sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int i = 0; i < N_LINES; i++)
        log_info("%s", text);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    static char letters[] = "abcd";
    pthread_t threads[4];
    capture();
    log_init(LOG_LEVEL_INFO);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &letters[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    release();
    int n = 0;
    char *rest = got;
    for (char *line = strsep(&rest, "\n"); line && *line; line = strsep(&rest, "\n"), n++) {
        const char *text = line + strlen("chimed: ");
        assert_int_equal(strlen(line), strlen("chimed: ") + 199);
        assert_int_equal(strspn(text, (char[]){text[0], 0}), 199);
    }
    assert_int_equal(n, 4 * N_LINES);
}

static void followers_get_the_newest_lines(void **state)
{
    (void)state;
    struct log_copy copy;
    capture();
    log_init(LOG_LEVEL_INFO);
    log_info("nobody follows");
    log_watch(true);
    assert_false(log_take(&copy));
    for (int i = 0; i < LOG_COPIES + 3; i++)
        log_warning("line %d", i);
    log_debug("left out");
    for (int i = 3; i < LOG_COPIES + 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %d", i);
        assert_true(log_take(&copy));
        assert_string_equal(copy.text, text);
        assert_int_equal(copy.level, LOG_LEVEL_WARNING);
    }
    assert_false(log_take(&copy));
    log_error("kept");
    log_watch(false);
    log_watch(true);
    assert_false(log_take(&copy));
    log_watch(false);
    assert_string_equal(log_level_name(LOG_LEVEL_ERROR), "error");
    assert_string_equal(log_level_name(LOG_LEVEL_INFO), "info");
    release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_get_words),
        cmocka_unit_test(the_journal_gets_levels),
        cmocka_unit_test(another_stream_is_no_journal),
        cmocka_unit_test(levels_are_left_out),
        cmocka_unit_test(a_name_cannot_begin_a_line),
        cmocka_unit_test(long_lines_end),
        cmocka_unit_test(a_line_that_nobody_reads_holds_nobody_up),
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(followers_get_the_newest_lines),
    };
    real_stderr = dup(STDERR_FILENO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
