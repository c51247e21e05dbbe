// SPDX-License-Identifier: MIT
// generate.c - writes the reference, the man pages, the example configuration and the completion from the
// tables.
//
// Runs at build time: generate FOLDER COMPLETION-BODY
#include <stdlib.h>
#include <string.h>

#include "docs/tables.h"

void print_range(FILE *to, const struct param *p)
{
    if (strcmp(p->type, "TEXT") == 0)
        fputs("text", to);
    else if (strcmp(p->type, "BOOL") == 0)
        fputs("0 or 1", to);
    else if (strcmp(p->type, "VOICE") == 0)
        fprintf(to, "%.10g to %.10g, or text", p->min, p->max);
    else if (strcmp(p->type, "VOICES") == 0)
        fprintf(to, "%.10g to %.10g, text, or `all`", p->min, p->max);
    else if (strcmp(p->type, "RATE") == 0)
        fprintf(to, "%.10g to %.10g, or negative", p->min, p->max);
    else
        fprintf(to, "%.10g to %.10g", p->min, p->max);
    if (*p->unit) fprintf(to, " %s", p->unit);
}

// The type of a word by its look, as `chime send` has it: digits, digits with a point, other.
static char type_of(const char *word, size_t length)
{
    size_t sign = length > 1 && word[0] == '-';
    size_t digits = sign + strspn(word + sign, "0123456789");
    if (digits == sign) return 's';
    if (digits == length) return 'i';
    if (word[digits] != '.') return 's';
    return digits + 1 + strspn(word + digits + 1, "0123456789") == length ? 'f' : 's';
}

void print_types(FILE *to, const char *example)
{
    for (const char *word = example; *word;) {
        size_t length = strcspn(word, " ");
        fputc(type_of(word, length), to);
        word += length;
        word += strspn(word, " ");
    }
}

void print_markdown(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') fputc('\\', to);
        fputc(*text, to);
    }
}

void print_roff(FILE *to, const char *text)
{
    bool bold = false;
    if (*text == '.' || *text == '\'') fputs("\\&", to);
    for (; *text; text++) {
        switch (*text) {
        case '\\': fputs("\\e", to); break;
        case '-': fputs("\\-", to); break;
        case '"': fputs("\\(dq", to); break;
        case '\'': fputs("\\(aq", to); break;
        case '`':
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", to);
            break;
        default: fputc(*text, to);
        }
    }
}

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) return NULL;
    FILE *file = fopen(path, "w");
    if (!file) perror(path);
    return file;
}

static bool write_file(const char *folder, const char *name, void (*write)(FILE *to))
{
    FILE *file = create(folder, name);
    if (!file) return false;
    write(file);
    bool good = ferror(file) == 0;
    return fclose(file) == 0 && good;
}

// The functions that were written by hand, and behind them the words that they use.
static bool write_completion(const char *folder, const char *body)
{
    FILE *from = fopen(body, "r"), *file = from ? create(folder, "chime.bash") : NULL;
    bool good = file != NULL;
    if (!from) perror(body);
    if (file) {
        for (int c; (c = fgetc(from)) != EOF;)
            fputc(c, file);
        write_completion_words(file);
        good = !ferror(from) && !ferror(file);
        good = fclose(file) == 0 && good;
    }
    if (from) fclose(from);
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: generate FOLDER COMPLETION-BODY\n", stderr);
        return EXIT_FAILURE;
    }
    const char *folder = argv[1];
    bool good = write_file(folder, "osc.md", write_osc_markdown) &&
                write_file(folder, "chimed-osc.7", write_osc_man) &&
                write_file(folder, "chimed.conf.5", write_conf_man) &&
                write_file(folder, "chimed.conf", write_conf_example) && write_completion(folder, argv[2]);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
