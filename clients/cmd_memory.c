// SPDX-License-Identifier: MIT
// cmd_memory.c - chime memory: the regions and pools of the daemon as bars, once or every second.
#include <math.h>
#include <stdio.h>

#include "clients/cli.h"

#define PERIOD_S  1.0
#define BAR_CELLS 20

enum {
    REGION_NAME,
    REGION_BUDGET,
    REGION_COMMITTED,
    REGION_USED,
    REGION_HIGH,
    REGION_REFUSED,
    REGION_LOCKED,
    N_REGION_COLUMNS
};
static const struct column region_columns[N_REGION_COLUMNS] = {
    {"name", COLUMN_TEXT},  {"budget", COLUMN_BYTES},  {"committed", COLUMN_BYTES}, {"used", COLUMN_BYTES},
    {"high", COLUMN_BYTES}, {"refused", COLUMN_WHOLE}, {"locked", COLUMN_BYTES},
};

enum { POOL_NAME, POOL_USED, POOL_TOTAL, POOL_HIGH, POOL_REFUSED, N_POOL_COLUMNS };
static const struct column pool_columns[N_POOL_COLUMNS] = {
    {"name", COLUMN_TEXT},  {"used", COLUMN_WHOLE},    {"total", COLUMN_WHOLE},
    {"high", COLUMN_WHOLE}, {"refused", COLUMN_WHOLE},
};

// ---- asking ----

struct view {
    struct chime_message *answer;
    struct cli_list regions, pools;
};

// Each list keeps what is its own.
static void take(const struct chime_message *m, void *context)
{
    struct view *v = context;
    cli_list_add(m, &v->regions);
    cli_list_add(m, &v->pools);
}

static enum chime_status look(struct cli *cli, struct view *v)
{
    return cli_ask(cli, cli_message("/memory"), take, v, &v->answer);
}

static void forget(struct view *v)
{
    chime_message_free(v->answer);
    v->answer = NULL;
    cli_list_free(&v->regions);
    cli_list_free(&v->pools);
}

// ---- drawing ----

// The cells that `part` of `whole` takes: all of them only when it is full, none only when it is empty.
static int cells(double part, double whole)
{
    if (part <= 0) return 0;
    if (part >= whole) return BAR_CELLS;
    int n = (int)lround(part / whole * BAR_CELLS);
    return n < 1 ? 1 : n < BAR_CELLS ? n : BAR_CELLS - 1;
}

// The name, and a bar that is red where requests were refused.
static void draw_bar(const struct cli_screen *s, const char *name, double used, double high, double whole,
                     bool refused)
{
    char bar[BAR_CELLS + 1] = "", cut[32];
    int n_used = cells(used, whole), n_high = cells(high, whole);
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < n_used ? '#' : i < n_high ? '-' : '.';
    snprintf(cut, sizeof cut, "%-16.16s ", name ? name : "");
    cli_print_text(cut);
    if (s->is_terminal) fputs(refused ? "\033[31m" : "\033[32m", stdout);
    fputs(bar, stdout);
    if (s->is_terminal) fputs("\033[0m", stdout);
}

static void print_size(double bytes)
{
    char text[32];
    cli_bytes_text(text, sizeof text, bytes);
    printf("%11s", text);
}

static void draw_region(const struct cli_screen *s, const struct chime_message *m)
{
    double value[N_REGION_COLUMNS];
    for (size_t k = 0; k < N_REGION_COLUMNS; k++)
        value[k] = chime_message_number(m, k);
    draw_bar(s, chime_message_text(m, REGION_NAME), value[REGION_USED], value[REGION_HIGH],
             value[REGION_BUDGET], value[REGION_REFUSED] > 0);
    print_size(value[REGION_USED]);
    print_size(value[REGION_HIGH]);
    print_size(value[REGION_BUDGET]);
    printf("%9.0f", value[REGION_REFUSED]);
    print_size(value[REGION_COMMITTED]);
    print_size(value[REGION_LOCKED]);
}

static void draw_pool(const struct cli_screen *s, const struct chime_message *m)
{
    double used = chime_message_number(m, POOL_USED), high = chime_message_number(m, POOL_HIGH);
    double total = chime_message_number(m, POOL_TOTAL), refused = chime_message_number(m, POOL_REFUSED);
    draw_bar(s, chime_message_text(m, POOL_NAME), used, high, total, refused > 0);
    printf("%11.0f%11.0f%11.0f%9.0f", used, high, total, refused);
}

// What is most worth knowing stands in the first 80 columns.
static void draw(struct cli_screen *s, const struct view *v)
{
    cli_screen_begin(s);
    printf("%-16s %-*s%11s%11s%11s%9s%11s%11s", "region", BAR_CELLS, "# used, - highest", "used", "high",
           "budget", "refused", "committed", "locked");
    for (size_t i = 0; i < v->regions.n_items && cli_screen_row(s); i++)
        draw_region(s, v->regions.items[i]);
    cli_screen_row(s);
    if (cli_screen_row(s))
        printf("%-16s %-*s%11s%11s%11s%9s", "pool", BAR_CELLS, "", "used", "high", "blocks", "refused");
    for (size_t i = 0; i < v->pools.n_items && cli_screen_row(s); i++)
        draw_pool(s, v->pools.items[i]);
    cli_screen_row(s);
    for (size_t i = 1; i + 1 < chime_message_count(v->answer) && cli_screen_row(s); i += 2)
        cli_print_pair(v->answer, i);
    cli_screen_end(s);
}

static void print_object(const struct view *v)
{
    json_t *object = json_object();
    cli_json_set(object, "regions", cli_list_json(&v->regions));
    cli_json_set(object, "pools", cli_list_json(&v->pools));
    cli_json_pairs(object, v->answer);
    cli_print_json(object);
}

int cmd_memory(struct cli *cli)
{
    if (cli->n_words) return cli_usage(cli, "takes no word, and here is '%s'", cli->words[0]);
    int result = cli_connect(cli);
    if (result != CLI_DONE) return result;
    bool again = cli->value[OPTION_memory_watch] != NULL;
    struct cli_screen s = {0};
    struct view v = {.regions = {"/memory/region", region_columns, N_REGION_COLUMNS, NULL, 0, 0},
                     .pools = {"/memory/pool", pool_columns, N_POOL_COLUMNS, NULL, 0, 0}};
    enum chime_status status = CHIME_OK;
    if (again) cli_screen_open(&s, cli);
    do {
        forget(&v);
        status = look(cli, &v);
        if (status != CHIME_OK) break;
        if (cli->json)
            print_object(&v);
        else
            draw(&s, &v);
    } while (again && cli_screen_wait(PERIOD_S));
    cli_screen_close(&s);
    if (!cli_screen_stopped()) result = cli_failed(cli, status, v.answer, "memory");
    forget(&v);
    return result;
}
