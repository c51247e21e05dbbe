// SPDX-License-Identifier: MIT
// bench_plot.c - chime bench: has gnuplot draw the histograms.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/bench.h"

extern char **environ;

/// What gnuplot calls the format of a file, by its ending; NULL: of none that is known.
static const char *terminal_for(const char *file)
{
    static const char *const formats[][2] = {{".png", "pngcairo size 1000,700"},
                                             {".svg", "svg size 1000,700"},
                                             {".pdf", "pdfcairo size 25cm,17cm"},
                                             {".txt", "dumb size 80,48"}};
    const char *ending = strrchr(file, '.');
    for (size_t i = 0; ending && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i][0], ending) == 0) return formats[i][1];
    return NULL;
}

// ---- the script ----

/// Each bucket is a step of its own width.
static void write_data(FILE *f, const char *name, const struct spread *s)
{
    fprintf(f, "$%s << END\n", name);
    for (size_t i = 0; i < s->n_buckets; i++) {
        const struct bucket *b = &s->buckets[i];
        double from = fmax(b->from_us, 0.5), to = isfinite(b->to_us) ? b->to_us : s->max_us * 1.25;
        fprintf(f, "%.3f %lld %.3f %.3f\n", sqrt(from * to), (long long)b->n, from, to);
    }
    fputs("END\n", f);
}

static void write_plot(FILE *f, const char *name, const char *title, const struct bench *b,
                       const struct spread *s)
{
    double period_us = bench_period_us(b);
    fprintf(f, "set title \"%s\"\n", title);
    fprintf(f, "set arrow 1 from %.3f, graph 0 to %.3f, graph 1 nohead\n", period_us, period_us);
    fprintf(f, "set label 1 \"period \" at %.3f, graph 0.95 right\n", period_us);
    fprintf(f, "set xrange [0.5:%.3f]\n", fmax(period_us, s->max_us) * 2);
    fprintf(f, "plot $%s using 1:2:3:4:(0.5):2 with boxxyerror notitle\n", name);
}

/// gnuplot draws to its standard output, which is the file.
static void write_script(FILE *f, const struct bench *b, const char *terminal)
{
    char verdict[256];
    bench_verdict(b, verdict, sizeof verdict);
    write_data(f, "wake_up", &b->wake_up);
    write_data(f, "work", &b->work);
    fprintf(f, "set terminal %s\nset style fill solid 0.6\nset logscale xy\nset yrange [0.5:*]\n", terminal);
    fprintf(f, "set xlabel 'us'\nset ylabel 'cycles'\nset multiplot layout 2,1 title '%s'\n", verdict);
    write_plot(f, "wake_up", "How late the audio thread was woken", b, &b->wake_up);
    write_plot(f, "work", "How long a block took", b, &b->work);
    fputs("unset multiplot\n", f);
}

// ---- the program ----

/// Starts gnuplot; what is written to `*script` is what it does. False when there is none.
static bool start_gnuplot(int picture, pid_t *pid, FILE **script)
{
    int ends[2];
    char *const words[] = {(char *)(uintptr_t) "gnuplot", NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, picture, STDOUT_FILENO);
    int error = posix_spawnp(pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    *script = error ? NULL : fdopen(ends[1], "w");
    if (!*script) close(ends[1]);
    return *script != NULL;
}

int bench_plot(const struct cli *cli, const struct bench *b, const char *file)
{
    const char *terminal = terminal_for(file);
    pid_t pid;
    FILE *script;
    int how = 0;
    if (!terminal) return cli_usage(cli, "--output wants a name that ends in .png, .svg, .pdf or .txt");
    int picture = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (picture < 0) {
        fprintf(stderr, "chime: %s: %s\n", file, strerror(errno));
        return CLI_REFUSED;
    }
    signal(SIGPIPE, SIG_IGN); // its exit code tells
    bool good = start_gnuplot(picture, &pid, &script);
    close(picture);
    if (!good) {
        fputs("chime: gnuplot is not there: apt install gnuplot-nox\n", stderr);
        return CLI_REFUSED;
    }
    write_script(script, b, terminal);
    fclose(script);
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return CLI_DONE;
    fprintf(stderr, "chime: gnuplot could not draw %s\n", file);
    return CLI_REFUSED;
}
