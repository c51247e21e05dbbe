// SPDX-License-Identifier: MIT
// cmd_sound.c - chime load and unload: one file, every sound of a folder, or names to forget.
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "clients/cli.h"

// What the daemon's decoder reads, by the end of the file's name.
static const char *const sound_ends[] = {"wav",  "wave", "aif", "aiff", "aifc", "flac", "ogg", "oga",
                                         "opus", "mp3",  "au",  "snd",  "caf",  "w64",  "rf64"};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// A file called ".wav" has a name and no end.
static const char *end_of(const char *base)
{
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? dot + 1 : "";
}

static bool is_sound_file(const char *base)
{
    for (size_t i = 0; i < sizeof sound_ends / sizeof *sound_ends; i++) {
        if (strcasecmp(end_of(base), sound_ends[i]) == 0) return true;
    }
    return false;
}

// Copies a file's name without its end: the name that its sound gets.
static void name_of(const char *path, char *name, size_t size)
{
    const char *base = base_of(path), *end = end_of(base);
    size_t length = *end ? (size_t)(end - base) - 1 : strlen(base);
    snprintf(name, size, "%.*s", (int)length, base);
}

static void print_loaded(const struct cli *cli, const char *file, const struct chime_message *answer,
                         const char *progress)
{
    const char *name = chime_message_text(answer, 1);
    if (cli->json) {
        json_t *object = json_object();
        cli_json_set(object, "name", cli_json_text(name ? name : ""));
        cli_json_set(object, "channels", cli_json_argument(answer, 2));
        cli_json_set(object, "frames", cli_json_argument(answer, 3));
        cli_json_set(object, "rate", cli_json_argument(answer, 4));
        cli_json_set(object, "file", cli_json_text(file));
        cli_print_json(object);
        return;
    }
    fputs(progress, stdout);
    cli_print_text(name ? name : "");
    double seconds = (double)chime_message_int(answer, 3) / (double)chime_message_int(answer, 4);
    printf("  %s, %.3f s\n", chime_message_int(answer, 2) == 1 ? "mono" : "stereo", seconds);
    fflush(stdout);
}

// `progress` stands before the line of a sound of many.
static int load_one(struct cli *cli, const char *file, const char *name, const char *progress)
{
    char absolute[PATH_MAX];
    struct cli_call how = {.what = file, .slow = true};
    const char *path = absolute;
    if (!cli_open_file(file, &how.file, absolute)) {
        // The daemon may read what the caller cannot, and may be on another machine; it wants a path from the
        // root.
        if (file[0] != '/' || errno == EISDIR || errno == EINVAL) {
            fprintf(stderr, "chime: %s: %s\n", file,
                    errno == EINVAL ? "not a regular file" : strerror(errno));
            return CLI_REFUSED;
        }
        path = file;
    }
    struct chime_message *m = cli_message("/sound/load"), *answer;
    chime_add_text(m, name);
    chime_add_text(m, path);
    int result = cli_call(cli, m, &how, &answer);
    if (result == CLI_DONE) print_loaded(cli, file, answer, progress);
    chime_message_free(answer);
    return result;
}

static int only_sounds(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && is_sound_file(entry->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_regular_file(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static int load_folder(struct cli *cli, const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, only_sounds, by_bytes);
    if (n < 0) {
        fprintf(stderr, "chime: %s: %s\n", folder, strerror(errno));
        return CLI_REFUSED;
    }
    int result = CLI_DONE, n_loaded = 0, n_failed = 0;
    char last[NAME_MAX + 1] = "";
    for (int i = 0; i < n; i++) {
        char file[PATH_MAX], name[NAME_MAX + 1], progress[32];
        bool fits = (size_t)snprintf(file, sizeof file, "%s/%s", folder, entries[i]->d_name) < sizeof file;
        name_of(entries[i]->d_name, name, sizeof name);
        free(entries[i]);
        bool stopped = result != CLI_DONE && result != CLI_REFUSED;
        if (stopped || (fits && !is_regular_file(file) && errno != EACCES)) continue; // a folder called x.wav
        if (strcmp(name, last) == 0) // sorted, so files of one name stand together
            fprintf(stderr, "chime: %s: replaces the sound '%s' that was just loaded\n", file, name);
        memcpy(last, name, sizeof last);
        snprintf(progress, sizeof progress, "[%d/%d] ", i + 1, n);
        int one = fits ? load_one(cli, file, name, progress) : CLI_REFUSED;
        if (one == CLI_DONE)
            n_loaded++;
        else
            n_failed++;
        if (one != CLI_DONE) result = one;
    }
    free(entries);
    if (n_loaded + n_failed == 0 && result == CLI_DONE) {
        fprintf(stderr, "chime: %s: no sound files in this folder\n", folder);
        return CLI_REFUSED;
    }
    if (!cli->json && result <= CLI_REFUSED) printf("loaded %d, failed %d\n", n_loaded, n_failed);
    return result;
}

int cmd_load(struct cli *cli)
{
    struct stat s;
    if (cli->n_words < 1 || cli->n_words > 2)
        return cli_usage(cli, "wants a file and perhaps a name, or a folder");
    const char *file = cli->words[0];
    if (stat(file, &s) == 0 && S_ISDIR(s.st_mode)) {
        if (cli->n_words == 2) return cli_usage(cli, "a folder of sounds takes no name");
        return load_folder(cli, file);
    }
    char name[NAME_MAX + 1];
    name_of(file, name, sizeof name);
    return load_one(cli, file, cli->n_words == 2 ? cli->words[1] : name, "");
}

int cmd_unload(struct cli *cli)
{
    int result = CLI_DONE;
    if (cli->n_words == 0) return cli_usage(cli, "which sound?");
    for (size_t i = 0; i < cli->n_words; i++) {
        struct chime_message *m = cli_message("/sound/unload"), *answer;
        chime_add_text(m, cli->words[i]);
        cli_add_keys(cli, m);
        int one = cli_call(cli, m, &(struct cli_call){.what = cli->words[i]}, &answer);
        if (one == CLI_DONE && cli->json) cli_print_message(cli, answer);
        chime_message_free(answer);
        if (one != CLI_DONE) result = one;
        if (one != CLI_DONE && one != CLI_REFUSED) break;
    }
    return result;
}
