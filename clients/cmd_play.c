// SPDX-License-Identifier: MIT
// cmd_play.c - chime play: starts files and loaded sounds, and waits for their ends when asked to.
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/cli.h"

// Fade of the voices that Ctrl-C ends.
#define INTERRUPT_FADE_S 0.05f
// While it waits for long sounds, a client asks this often whether the daemon is still there...
#define ASK_EVERY_S 2.0
// ...and gives up after so many questions without an answer.
#define MAX_SILENT 3
// Each wait is short, so that a signal that comes just before it is seen soon.
#define WAIT_STEP_S 0.25

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; // without SA_RESTART: waits end at once
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

// ---- the voices that were started ----

struct voices {
    bool json;
    struct cli_voice *started, *ended; // room for one each word; an end can come before the answer to /play
    size_t n_started, n_ended;
    size_t n_max;
};

static bool contains(const struct cli_voice *ids, size_t n, const struct cli_voice *id)
{
    for (size_t i = 0; i < n; i++) {
        if (cli_voice_is(&ids[i], id)) return true;
    }
    return false;
}

static void note_event(const struct chime_message *m, void *context)
{
    struct voices *v = context;
    if (strcmp(chime_message_path(m), "/ended") != 0) return;
    struct cli_voice id;
    cli_voice_read(m, 0, &id);
    if (v->n_ended == v->n_max || contains(v->ended, v->n_ended, &id)) return;
    v->ended[v->n_ended++] = id;
    if (!v->json) return;
    const char *reason = chime_message_text(m, 1);
    json_t *object = json_object();
    cli_json_set(object, "event", cli_json_text("ended"));
    cli_json_set(object, "id", cli_voice_json(&id));
    cli_json_set(object, "reason", cli_json_text(reason ? reason : ""));
    cli_print_json(object);
}

static size_t n_playing(const struct voices *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_started; i++)
        n += !contains(v->ended, v->n_ended, &v->started[i]);
    return n;
}

// ---- starting ----

static bool looks_like_file(const char *word)
{
    struct stat s;
    return strchr(word, '/') || (stat(word, &s) == 0 && S_ISREG(s.st_mode));
}

static void print_started(const struct cli *cli, const char *sound, const struct cli_voice *id)
{
    if (!cli->json) {
        cli_voice_print(id);
        putchar('\n');
        fflush(stdout);
        return;
    }
    json_t *object = json_object();
    cli_json_set(object, "event", cli_json_text("started"));
    cli_json_set(object, "id", cli_voice_json(id));
    cli_json_set(object, "sound", cli_json_text(sound));
    cli_print_json(object);
}

static int start_one(struct cli *cli, const char *word, struct voices *v)
{
    char absolute[PATH_MAX];
    const char *sound = word;
    struct cli_call how = {.what = word, .slow = true, .each = note_event, .context = v};
    int open_error = 0;
    if (looks_like_file(word)) {
        if (cli_open_file(word, &how.file, absolute))
            sound = absolute;
        else
            open_error = errno;
    }
    if (open_error == EISDIR || open_error == EINVAL) {
        fprintf(stderr, "chime: %s is %s\n", word, open_error == EISDIR ? "a folder" : "no regular file");
        return CLI_REFUSED;
    }
    struct chime_message *m = cli_message("/play"), *answer;
    chime_add_text(m, sound);
    cli_add_keys(cli, m);
    if (cli->value[OPTION_play_wait]) {
        chime_add_text(m, "notify");
        chime_add_int(m, 1);
    }
    int result = cli_call(cli, m, &how, &answer);
    if (result == CLI_DONE) {
        struct cli_voice *id = &v->started[v->n_started++];
        cli_voice_read(answer, 1, id);
        print_started(cli, sound, id);
    } else if (result == CLI_REFUSED && open_error) { // it may still have been the name of a sound
        fprintf(stderr, "chime: %s: %s\n", word, strerror(open_error));
    }
    chime_message_free(answer);
    return result;
}

// ---- waiting ----

static int stop_all(struct cli *cli, struct voices *v)
{
    for (size_t i = 0; i < v->n_started; i++) {
        if (contains(v->ended, v->n_ended, &v->started[i])) continue;
        struct chime_message *m = cli_message("/stop"), *answer = NULL;
        cli_voice_add(m, &v->started[i]);
        chime_add_text(m, "fade");
        chime_add_float(m, INTERRUPT_FADE_S);
        // A voice that has just ended is refused, which is as good.
        enum chime_status status;
        do {
            status = chime_call(cli->chime, m, -1, cli_timeout(cli, CLI_QUICK_S), NULL, NULL, &answer);
        } while (status == CHIME_INTERRUPTED);
        chime_message_free(answer);
        chime_message_free(m);
        if (status != CHIME_OK && status != CHIME_REFUSED) break;
    }
    return CLI_INTERRUPTED;
}

static enum chime_status ask_alive(struct cli *cli)
{
    struct chime_message *ping = cli_message("/ping");
    enum chime_status status = chime_send(cli->chime, ping, -1, CLI_QUICK_S);
    chime_message_free(ping);
    return status;
}

static int wait_for_ends(struct cli *cli, struct voices *v)
{
    unsigned silent_steps = 0;
    const unsigned ask_steps = (unsigned)(ASK_EVERY_S / WAIT_STEP_S);
    while (n_playing(v) > 0 && !interrupted) {
        struct chime_message *m;
        enum chime_status status = chime_receive(cli->chime, WAIT_STEP_S, &m);
        if (status == CHIME_OK) {
            note_event(m, v);
            chime_message_free(m);
            silent_steps = 0;
            continue;
        }
        if (status == CHIME_TIMEOUT && ++silent_steps <= ask_steps * MAX_SILENT)
            status = silent_steps % ask_steps == 0 ? ask_alive(cli) : CHIME_OK;
        if (status != CHIME_OK && status != CHIME_INTERRUPTED) return cli_failed(cli, status, NULL, "wait");
    }
    return interrupted ? stop_all(cli, v) : CLI_DONE;
}

int cmd_play(struct cli *cli)
{
    if (cli->n_words == 0) return cli_usage(cli, "which sound?");
    if (cli->value[OPTION_play_id] && cli->n_words > 1)
        return cli_usage(cli, "--id is for one voice, and here are %zu sounds", cli->n_words);
    bool wait = cli->value[OPTION_play_wait] != NULL;
    struct voices v = {.json = cli->json, .n_max = cli->n_words};
    v.started = calloc(cli->n_words, sizeof *v.started);
    v.ended = calloc(cli->n_words, sizeof *v.ended);
    if (!v.started || !v.ended) {
        free(v.started);
        free(v.ended);
        fputs("chime: out of memory\n", stderr);
        return CLI_REFUSED;
    }
    if (wait) catch_signals();
    int result = CLI_DONE;
    for (size_t i = 0; i < cli->n_words && !interrupted; i++) {
        int one = start_one(cli, cli->words[i], &v);
        if (one != CLI_DONE) result = one;
        if (one != CLI_DONE && one != CLI_REFUSED) break; // no daemon for one is no daemon for all
    }
    if (wait && result != CLI_NO_DAEMON && result != CLI_USAGE) {
        int waited = wait_for_ends(cli, &v);
        if (waited != CLI_DONE) result = waited;
    }
    free(v.started);
    free(v.ended);
    return result;
}
