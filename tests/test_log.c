// SPDX-License-Identifier: MIT
// test_log.c - what stands in the lines, what journald gets, and that lines of several threads stay
// whole.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/log_fold.h"
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
    log_journal_open(NULL); // this machine's, if it has one
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
    static const char told[] =
        "chimed: warning: 400 lines left out: nobody read them\nchimed: debug: again\n";
    capture();
    assert_int_equal(fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096), 4096);
    log_init(LOG_LEVEL_DEBUG); // of which floods are told
    log_never_wait();
    char full[4096];
    memset(full, '-', sizeof full);
    assert_int_equal(write(STDERR_FILENO, full, sizeof full), sizeof full);
    alarm(20); // ends the test if a line waits
    for (int i = 0; i < 400; i++)
        log_debug("line %d", i);
    alarm(0);
    assert_int_equal(read(read_end, full, sizeof full), sizeof full);
    log_debug("again");
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
    uint64_t seen = log_newest();
    assert_false(log_take(seen, &copy));
    for (int i = 0; i < LOG_COPIES + 3; i++)
        log_warning("line %d", i);
    log_debug("left out");
    int64_t time_ns = 0;
    for (int i = 3; i < LOG_COPIES + 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %d", i);
        assert_true(log_take(seen, &copy));
        assert_string_equal(copy.text, text);
        assert_int_equal(copy.level, LOG_LEVEL_WARNING);
        assert_true(copy.n > seen && copy.time_ns >= time_ns);
        seen = copy.n;
        time_ns = copy.time_ns;
    }
    assert_int_equal(seen, log_newest());
    assert_false(log_take(seen, &copy));
    log_error("kept");
    assert_true(log_take(seen, &copy));
    assert_true(log_take(0, &copy)); // the oldest one that is left
    assert_string_equal(copy.text, "line 4");
    release();
}

static void levels_have_names(void **state)
{
    (void)state;
    const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};
    for (size_t i = 0; i < COUNT_OF(levels); i++)
        assert_int_equal(log_level_of(log_level_name(levels[i])), levels[i]);
    assert_string_equal(log_level_name(LOG_LEVEL_ERROR), "error");
    assert_int_equal(log_level_of("nonsense"), LOG_LEVEL_INFO);
    log_set_level(LOG_LEVEL_WARNING);
    assert_true(log_wants(LOG_LEVEL_WARNING) && !log_wants(LOG_LEVEL_INFO));
    assert_int_equal(log_level(), LOG_LEVEL_WARNING);
}

static void a_flood_of_one_kind_is_counted(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    capture();
    log_init(LOG_LEVEL_INFO);
    log_never_wait();
    for (int i = 0; i < LOG_FOLD_LINES + 15; i++)
        log_warning("line %d", i);
    log_tell_folded(false); // its time is not over
    log_info("another kind");
    log_tell_folded(true);
    log_tell_folded(true); // all has been told
    release();
    const char *end = strstr(got, "line 9\n");
    assert_non_null(end);
    assert_string_equal(end, "line 9\nchimed: another kind\nchimed: warning: 15 more like this: line 24\n");
}

// ---- the journal ----

static char journal_path[] = "/tmp/chimed-test-journal-XXXXXX";

/// A socket where journald's would be.
static int open_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", journal_path);
    unlink(journal_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/// The next entry, or "".
static const char *next_entry(int journal)
{
    static char entry[8192];
    ssize_t n = recv(journal, entry, sizeof entry - 1, 0);
    entry[n > 0 ? n : 0] = 0;
    return entry;
}

/// stderr is a pipe that stands for journald's stream, and its socket is ours.
static int begin_journal(enum log_level level)
{
    int journal = open_journal();
    capture();
    name_journal(STDERR_FILENO);
    log_init(level);
    assert_true(log_journal_open(journal_path));
    return journal;
}

static void end_journal(int journal)
{
    release();
    log_journal_open(NULL);
    unsetenv("JOURNAL_STREAM");
    unlink(journal_path);
    close(journal);
}

static void the_journal_gets_fields(void **state)
{
    (void)state;
    int journal = begin_journal(LOG_LEVEL_INFO);
    log_fields(LOG_LEVEL_WARNING, LOG_WITH({"CHIMED_XRUN", "ours"}, {"CHIMED_SOUND", "a\nPRIORITY=0"}),
               "%d xrun", 1);
    assert_string_equal(next_entry(journal),
                        "PRIORITY=4\nSYSLOG_IDENTIFIER=chimed\nMESSAGE=1 xrun\nCHIMED_XRUN=ours\n"
                        "CHIMED_SOUND=a?PRIORITY=0\n");
    log_error("no fields");
    assert_string_equal(next_entry(journal), "PRIORITY=3\nSYSLOG_IDENTIFIER=chimed\nMESSAGE=no fields\n");
    log_fields(LOG_LEVEL_DEBUG, LOG_WITH({"CHIMED_XRUN", "ours"}), "left out");
    assert_string_equal(next_entry(journal), "");
    end_journal(journal);
    assert_string_equal(got, "");
}

static void what_is_too_long_for_an_entry_is_left_out_of_it(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 'x', sizeof text - 1);
    int journal = begin_journal(LOG_LEVEL_INFO);
    log_fields(LOG_LEVEL_INFO, LOG_WITH({"CHIMED_SOUND", text}, {"CHIMED_VOICE", "7"}), "%s", text);
    const char *entry = next_entry(journal), *end = strchr(strstr(entry, "MESSAGE="), '\n');
    assert_string_equal(end, "\nCHIMED_VOICE=7\n");
    end_journal(journal);
}

static void a_journal_that_does_not_read_holds_nobody_up(void **state)
{
    (void)state;
    unsigned n_taken = 0, n_lost = 0;
    int journal = begin_journal(LOG_LEVEL_DEBUG);
    log_never_wait();
    alarm(20); // ends the test if a line waits
    for (int i = 0; i < 5000; i++)
        log_debug("line %d", i);
    alarm(0);
    while (*next_entry(journal))
        n_taken++;
    assert_true(n_taken > 0 && n_taken < 5000);
    log_debug("again");
    const char *lost = strstr(next_entry(journal), "MESSAGE=");
    assert_non_null(lost);
    assert_int_equal(sscanf(lost, "MESSAGE=%u lines left out", &n_lost), 1);
    assert_int_equal(n_taken + n_lost, 5000);
    assert_non_null(strstr(next_entry(journal), "MESSAGE=again\n"));
    end_journal(journal);
    assert_string_equal(got, "");
}

static void without_a_journal_its_stream_gets_the_lines(void **state)
{
    (void)state;
    int journal = begin_journal(LOG_LEVEL_INFO);
    unlink(journal_path);
    log_fields(LOG_LEVEL_WARNING, LOG_WITH({"CHIMED_XRUN", "ours"}), "gone");
    close(journal);
    journal = open_journal();
    log_info("back");
    assert_non_null(strstr(next_entry(journal), "MESSAGE=back\n"));
    end_journal(journal);
    assert_string_equal(got, "<4>gone\n");
    assert_false(log_journal_open("/nonexistent/socket"));
    assert_int_equal(log_journal_send(6, "x", NULL), LOG_JOURNAL_GONE);
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
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(a_flood_of_one_kind_is_counted),
        cmocka_unit_test(the_journal_gets_fields),
        cmocka_unit_test(what_is_too_long_for_an_entry_is_left_out_of_it),
        cmocka_unit_test(a_journal_that_does_not_read_holds_nobody_up),
        cmocka_unit_test(without_a_journal_its_stream_gets_the_lines),
    };
    real_stderr = dup(STDERR_FILENO);
    close(mkstemp(journal_path));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
