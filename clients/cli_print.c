// SPDX-License-Identifier: MIT
// cli_print.c - output for people (lines and tables) and for programs (JSON).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli.h"

#define CELL_BYTES 256

const struct column bus_columns[N_BUS_COLUMNS] = {
    {"name", COLUMN_TEXT},         {"parent", COLUMN_TEXT},     {"gain", COLUMN_TENTHS},
    {"pan", COLUMN_HUNDREDTHS},    {"mute", COLUMN_SWITCH},     {"solo", COLUMN_SWITCH},
    {"out", COLUMN_WHOLE},         {"width", COLUMN_WHOLE},     {"peak_left", COLUMN_TENTHS},
    {"peak_right", COLUMN_TENTHS}, {"rms_left", COLUMN_TENTHS}, {"rms_right", COLUMN_TENTHS},
};

// ---- text ----

static void replace_controls(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < ' ' || *c == 0x7f) *c = '?';
    }
}

void cli_print_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        putchar(*c < ' ' || *c == 0x7f ? '?' : *c);
}

int cli_print_words(const char *text, int at, int indent, int columns)
{
    char word[256];
    bool is_first = true;
    while (*(text += strspn(text, " "))) {
        int n = (int)strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", n, text);
        text += n;
        if (!is_first && at + 1 + n > columns) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (!is_first) {
            putchar(' ');
            at++;
        }
        cli_print_text(word);
        at += n;
        is_first = false;
    }
    return at;
}

static void print_argument(const struct chime_message *m, size_t i)
{
    const char *text = chime_message_text(m, i);
    char type = chime_message_type(m, i);
    if (text) {
        bool quote = !*text || strpbrk(text, " \t\"'");
        if (quote) putchar('"');
        cli_print_text(text);
        if (quote) putchar('"');
    } else if (type == 'i' || type == 'h' || type == 'T' || type == 'F') {
        printf("%lld", (long long)chime_message_int(m, i));
    } else if (type == 'f' || type == 'd') {
        printf(type == 'f' ? "%.7g" : "%.15g", chime_message_number(m, i));
    } else {
        printf("<%c>", type);
    }
}

void cli_print_message(const struct cli *cli, const struct chime_message *m)
{
    if (cli->json) {
        json_t *object = json_object(), *arguments = json_array();
        for (size_t i = 0; i < chime_message_count(m); i++) {
            if (json_array_append_new(arguments, cli_json_argument(m, i)) != 0) break;
        }
        cli_json_set(object, "path", cli_json_text(chime_message_path(m)));
        cli_json_set(object, "args", arguments);
        cli_print_json(object);
        return;
    }
    cli_print_text(chime_message_path(m));
    for (size_t i = 0; i < chime_message_count(m); i++) {
        putchar(' ');
        print_argument(m, i);
    }
    putchar('\n');
    fflush(stdout);
}

// ---- JSON ----

static _Noreturn void out_of_memory(void)
{
    fputs("chime: out of memory\n", stderr);
    exit(CLI_REFUSED);
}

void cli_json_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) out_of_memory();
}

json_t *cli_json_text(const char *text)
{
    json_t *json = json_string(text);
    if (json) return json;
    // Names of files are bytes, JSON is UTF-8: what is not ASCII of such a name becomes a question mark.
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++) {
        if ((unsigned char)*c >= 0x80) *c = '?';
    }
    json = copy ? json_string(copy) : NULL;
    free(copy);
    if (!json) out_of_memory();
    return json;
}

json_t *cli_json_argument(const struct chime_message *m, size_t i)
{
    const char *text = chime_message_text(m, i);
    char type = chime_message_type(m, i);
    double value = chime_message_number(m, i);
    if (text) return cli_json_text(text);
    if (type == 'i' || type == 'h') return json_integer(chime_message_int(m, i));
    if (type == 'T' || type == 'F') return json_boolean(type == 'T');
    if ((type != 'f' && type != 'd') || !isfinite(value)) return json_null();
    if (type == 'f') { // the shortest text of the float, not the digits that widening it brings
        char digits[32];
        snprintf(digits, sizeof digits, "%.7g", value);
        value = strtod(digits, NULL);
    }
    return json_real(value);
}

void cli_print_json(json_t *object)
{
    if (!object || json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15)) != 0) out_of_memory();
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

void cli_bytes_text(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1023.95 && unit < 4; unit++) // not "1024.0 KiB", which the next unit says shorter
        bytes /= 1024;
    snprintf(text, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

// ---- lists ----

void cli_copy_argument(struct chime_message *to, const struct chime_message *m, size_t i)
{
    const char *text = chime_message_text(m, i);
    char type = chime_message_type(m, i);
    if (text)
        chime_add_text(to, text);
    else if (type == 'f')
        chime_add_float(to, (float)chime_message_number(m, i));
    else if (type == 'd')
        chime_add_double(to, chime_message_number(m, i));
    else
        chime_add_long(to, chime_message_int(m, i));
}

// A copy, because the callback only borrows its message.
static struct chime_message *copy_message(const struct chime_message *m)
{
    struct chime_message *copy = chime_message_new(chime_message_path(m));
    if (!copy) return NULL;
    for (size_t i = 0; i < chime_message_count(m); i++)
        cli_copy_argument(copy, m, i);
    return copy;
}

void cli_list_add(const struct chime_message *m, void *context)
{
    struct cli_list *list = context;
    if (strcmp(chime_message_path(m), list->path) != 0) return;
    if (list->n_items == list->n_slots) {
        size_t n = list->n_slots ? list->n_slots * 2 : 64;
        struct chime_message **items = reallocarray(list->items, n, sizeof(struct chime_message *));
        if (!items) out_of_memory();
        list->items = items;
        list->n_slots = n;
    }
    struct chime_message *copy = copy_message(m);
    if (!copy) out_of_memory();
    list->items[list->n_items++] = copy;
}

void cli_list_free(struct cli_list *list)
{
    for (size_t i = 0; i < list->n_items; i++)
        chime_message_free(list->items[i]);
    free(list->items);
    list->items = NULL;
    list->n_items = list->n_slots = 0;
}

json_t *cli_list_json(const struct cli_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->n_items; i++) {
        json_t *object = json_object();
        for (size_t k = 0; k < list->n_columns; k++) {
            json_t *value = cli_json_argument(list->items[i], k);
            if (list->columns[k].kind == COLUMN_SWITCH) {
                json_decref(value);
                value = json_boolean(chime_message_number(list->items[i], k) != 0);
            }
            cli_json_set(object, list->columns[k].name, value);
        }
        if (json_array_append_new(array, object) != 0) out_of_memory();
    }
    return array;
}

static void fill_cell(char *cell, const struct chime_message *m, size_t i, enum column_kind kind)
{
    const char *text = chime_message_text(m, i);
    double value = chime_message_number(m, i);
    if (text) {
        snprintf(cell, CELL_BYTES, "%s", text);
        replace_controls(cell);
        return;
    }
    switch (kind) {
    case COLUMN_TENTHS: snprintf(cell, CELL_BYTES, "%.1f", value); break;
    case COLUMN_HUNDREDTHS: snprintf(cell, CELL_BYTES, "%.2f", value); break;
    case COLUMN_BYTES: cli_bytes_text(cell, CELL_BYTES, value); break;
    case COLUMN_SWITCH: snprintf(cell, CELL_BYTES, "%s", value != 0 ? "on" : "off"); break;
    case COLUMN_TEXT:
    case COLUMN_WHOLE: snprintf(cell, CELL_BYTES, "%.0f", value); break;
    }
}

// Columns that a terminal shows, which is not what bytes there are.
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_cell(const char *cell, int width, bool left, bool last)
{
    int pad = width - width_of(cell);
    if (pad < 0) pad = 0;
    if (left)
        printf("%s%*s", cell, last ? 0 : pad, "");
    else
        printf("%*s%s", pad, "", cell);
    fputs(last ? "\n" : "  ", stdout);
}

void cli_list_print(const struct cli_list *list)
{
    char cell[CELL_BYTES];
    int width[16];
    for (size_t k = 0; k < list->n_columns && k < 16; k++) {
        width[k] = width_of(list->columns[k].name);
        for (size_t i = 0; i < list->n_items; i++) {
            fill_cell(cell, list->items[i], k, list->columns[k].kind);
            if (width_of(cell) > width[k]) width[k] = width_of(cell);
        }
    }
    for (size_t k = 0; k < list->n_columns; k++)
        print_cell(list->columns[k].name, width[k], list->columns[k].kind == COLUMN_TEXT,
                   k + 1 == list->n_columns);
    for (size_t i = 0; i < list->n_items; i++) {
        for (size_t k = 0; k < list->n_columns; k++) {
            fill_cell(cell, list->items[i], k, list->columns[k].kind);
            print_cell(cell, width[k], list->columns[k].kind == COLUMN_TEXT, k + 1 == list->n_columns);
        }
    }
}
