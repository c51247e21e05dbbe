// SPDX-License-Identifier: MIT
// cmd_dump.c - chime dump and restore: the state as a file of OSC messages, each behind its length, which
// `chimed render` plays, too.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clients/cli.h"

// Longest message of a file: as long as a UDP datagram can be.
#define MAX_MESSAGE_BYTES 65507

// ---- dump ----

struct dump {
    unsigned char bytes[MAX_MESSAGE_BYTES];
    bool failed;
};

static void write_message(const struct chime_message *m, void *context)
{
    struct dump *d = context;
    size_t n;
    const char *path = chime_message_path(m);
    // Events of voices that this client started may come in between; it has started none.
    if (strcmp(path, "/started") == 0 || strcmp(path, "/ended") == 0) return;
    if (chime_message_pack(m, d->bytes, sizeof d->bytes, &n) != CHIME_OK) {
        d->failed = true;
        return;
    }
    for (int shift = 24; shift >= 0; shift -= 8)
        putchar((int)(n >> shift & 0xff));
    fwrite(d->bytes, 1, n, stdout);
}

int cmd_dump(struct cli *cli)
{
    static struct dump d;
    struct chime_message *answer;
    if (cli->n_words) return cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]);
    struct cli_call how = {.what = "dump", .slow = true, .each = write_message, .context = &d};
    int result = cli_call(cli, cli_message("/dump"), &how, &answer);
    if (result != CLI_DONE) return result;
    long long left_out = chime_message_int(answer, 2);
    chime_message_free(answer);
    if (left_out > 0)
        fprintf(stderr,
                "chime: %lld sounds and voices are left out: their files came from clients, or have names "
                "that stand "
                "for others now\n",
                left_out);
    if (!d.failed && fflush(stdout) == 0 && !ferror(stdout)) return CLI_DONE;
    fprintf(stderr, "chime: the dump cannot be written: %s\n", strerror(errno));
    return CLI_REFUSED;
}

// ---- restore ----

// The length of the next message; 0 at the end, and -1 when the file is none.
static long read_length(FILE *file)
{
    unsigned char head[4];
    size_t n = fread(head, 1, sizeof head, file);
    long length = 0;
    if (n == 0) return 0;
    for (size_t i = 0; i < n; i++)
        length = length << 8 | head[i];
    return n == sizeof head && length > 0 && length <= MAX_MESSAGE_BYTES ? length : -1;
}

// CLI_DONE, also at the end, where `*m` is NULL; else the file is damaged.
static int read_message(FILE *file, const char *name, struct chime_message **m)
{
    static unsigned char bytes[MAX_MESSAGE_BYTES];
    *m = NULL;
    long n = read_length(file);
    if (n == 0 && !ferror(file)) return CLI_DONE;
    if (n > 0 && fread(bytes, 1, (size_t)n, file) == (size_t)n &&
        chime_message_unpack(bytes, (size_t)n, m) == CHIME_OK)
        return CLI_DONE;
    fprintf(stderr, "chime: %s is no dump, or is cut short: it must be messages, each behind its length\n",
            name);
    return CLI_REFUSED;
}

// A bus that is there already, as the configuration makes some, is as good as a new one: what follows sets
// it.
static bool is_there_already(const struct chime_message *m, const struct chime_message *answer)
{
    const char *code = answer ? chime_message_text(answer, 1) : NULL;
    return strcmp(chime_message_path(m), "/bus/new") == 0 && code && strcmp(code, "taken") == 0;
}

static int send_message(struct cli *cli, const struct chime_message *m)
{
    struct chime_message *answer;
    char what[320];
    const char *name = chime_message_text(m, 0);
    snprintf(what, sizeof what, "%s %s", chime_message_path(m), name ? name : "");
    enum chime_status status =
        chime_call(cli->chime, m, -1, cli_timeout(cli, CLI_SLOW_S), NULL, NULL, &answer);
    int result = status == CHIME_REFUSED && is_there_already(m, answer)
                     ? CLI_DONE
                     : cli_failed(cli, status, answer, what);
    chime_message_free(answer);
    return result;
}

// Sends what the file holds, one after the other; what is refused is told, and the others are sent all the
// same.
static int send_all(struct cli *cli, FILE *file, const char *name, long *n_done, long *n_refused)
{
    int result = CLI_DONE;
    for (struct chime_message *m;;) {
        int one = read_message(file, name, &m);
        if (one != CLI_DONE) return one;
        if (!m) return result;
        one = send_message(cli, m);
        chime_message_free(m);
        if (one == CLI_DONE) {
            ++*n_done;
            continue;
        }
        if (one != CLI_REFUSED) return one;
        result = one;
        ++*n_refused;
    }
}

int cmd_restore(struct cli *cli)
{
    if (cli->n_words != 1) return cli_usage(cli, "wants the file that chime dump has written, or -");
    const char *name = cli->words[0];
    bool is_stdin = strcmp(name, "-") == 0;
    int result = cli_connect(cli);
    if (result != CLI_DONE) return result;
    FILE *file = is_stdin ? stdin : fopen(name, "rb");
    if (!file) {
        fprintf(stderr, "chime: %s: %s\n", name, strerror(errno));
        return CLI_REFUSED;
    }
    long n_done = 0, n_refused = 0;
    result = send_all(cli, file, name, &n_done, &n_refused);
    if (!is_stdin) fclose(file);
    if (result != CLI_DONE && result != CLI_REFUSED) return result;
    if (cli->json) {
        json_t *object = json_object();
        cli_json_set(object, "restored", json_integer(n_done));
        cli_json_set(object, "refused", json_integer(n_refused));
        cli_print_json(object);
    } else {
        printf("restored %ld messages, %ld refused\n", n_done, n_refused);
    }
    return result;
}
