// SPDX-License-Identifier: MIT
// cli_screen.c - a picture that is made again and again until Ctrl-C: on a terminal in its place, else as
// lines.
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "clients/cli.h"

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
    (void)signal;
    stopped = 1;
}

void cli_screen_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_screen_open(struct cli_screen *s, const struct cli *cli)
{
    cli_screen_catch();
    s->is_terminal = !cli->json && isatty(STDOUT_FILENO);
    // The other screen, no cursor, and what is too long for a row is cut.
    if (s->is_terminal) fputs("\033[?1049h\033[?25l\033[?7l", stdout);
}

void cli_screen_close(const struct cli_screen *s)
{
    if (!s->is_terminal) return;
    fputs("\033[?7h\033[?25h\033[?1049l", stdout);
    fflush(stdout);
}

bool cli_screen_wait(double period_s)
{
    time_t whole = (time_t)period_s;
    struct timespec time = {.tv_sec = whole, .tv_nsec = (long)((period_s - (double)whole) * 1e9)};
    if (!stopped) nanosleep(&time, NULL);
    return !stopped && !ferror(stdout);
}

bool cli_screen_stopped(void)
{
    return stopped;
}

void cli_screen_begin(struct cli_screen *s)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    s->columns = known ? size.ws_col : 80;
    s->rows = known ? size.ws_row : 24;
    s->row = 0;
    if (s->is_terminal) fputs("\033[H\033[K", stdout);
}

void cli_screen_end(const struct cli_screen *s)
{
    fputs(s->is_terminal ? "\033[J" : "\n", stdout);
    fflush(stdout);
}

bool cli_screen_row(struct cli_screen *s)
{
    if (s->is_terminal && s->row + 1 >= s->rows) return false;
    s->row++;
    // Cleared before it is written: behind a row that was cut, that would take its last character.
    fputs(s->is_terminal ? "\r\n\033[K" : "\n", stdout);
    return true;
}
