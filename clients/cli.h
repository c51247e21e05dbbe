// SPDX-License-Identifier: MIT
// cli.h - what the subcommands of chime share: the table, the parsed command line, calls, and output.
#ifndef CLIENTS_CLI_H
#define CLIENTS_CLI_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/chime.h"

/// What chime returns to the shell.
enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1,
    CLI_USAGE = 2,
    CLI_NO_DAEMON = 3,
    CLI_DEGRADED = 10, // chime status, when all else is well
    CLI_RECOVERING = 11,
    CLI_STALLED = 12,
    CLI_SILENT = 13,
    CLI_INTERRUPTED = 130 // 128 + SIGINT, as shells have it
};

// ---- the table (commands.def) ----

enum cli_kind { FLAG, NUMBER, INTEGER, TEXT, SWITCH, CHANGE, VOICE };

enum command_id {
#define COMMAND(id, words, doc) COMMAND_##id,
#include "clients/commands.def"
    N_COMMANDS
};

enum option_id {
#define OPTION(command, id, kind, value, key, doc) OPTION_##command##_##id,
#include "clients/commands.def"
    N_OPTIONS
};

struct cli;
struct cli_command {
    const char *name, *words, *doc;
    int (*run)(struct cli *cli);
};
struct cli_option {
    const char *name; // with _ where the user writes -
    const char *value, *key, *doc;
    enum command_id command;
    enum cli_kind kind;
};
extern const struct cli_command cli_commands[N_COMMANDS];
extern const struct cli_option cli_options[N_OPTIONS];

// ---- the command line ----

struct cli {
    const struct cli_command *command; // NULL: none was given
    bool json, help, version;
    const char *url;              // as given; NULL: the default
    char instance_url[80];        // what `url` is for --instance
    double timeout_s;             // as given; negative: each command has its own
    const char **words;           // what is no option, in order
    size_t n_words;               //
    const char *value[N_OPTIONS]; // as given and checked; "" for a flag; NULL: not given
    struct chime *chime;          // open once a command has called cli_connect()
};

/// Sorts `argv` into `cli`, whose `words` borrow it. CLI_DONE, or CLI_USAGE with the message printed.
int cli_parse(struct cli *cli, int argc, char **argv);

/// Prints what was wrong and where help is. Returns CLI_USAGE.
__attribute__((format(printf, 2, 3))) int cli_usage(const struct cli *cli, const char *format, ...);
void cli_help(const struct cli *cli);

/// True when all of `text` is a finite number.
bool cli_number(const char *text, double *value);
/// The same for a whole number of 32 bits.
bool cli_integer(const char *text, int32_t *value);
/// The same for 0 or more: a voice that is called by a number.
bool cli_id(const char *text, int32_t *id);

// ---- calls (cli_call.c) ----

/// Default for --timeout: commands that are answered at once, and those that may wait for a sound to be
/// decoded.
#define CLI_QUICK_S 5.0
#define CLI_SLOW_S  300.0

/// Connects unless that is done. CLI_DONE, or an exit code with the message printed.
int cli_connect(struct cli *cli);
/// The exit code for a failed call, with the message printed. `what` is the command or its object, for
/// people.
int cli_failed(const struct cli *cli, enum chime_status status, const struct chime_message *answer,
               const char *what);
/// --timeout, or `otherwise`.
double cli_timeout(const struct cli *cli, double otherwise);

/// A new message; ends the program when there is no memory.
struct chime_message *cli_message(const char *path);
/// Appends the key-value pairs of the options that were given to this command; returns how many.
size_t cli_add_keys(const struct cli *cli, struct chime_message *m);
/// The same, and the words from `first` on as keys and values: "gain +3". There must be one. CLI_DONE, or
/// CLI_USAGE with the message printed.
int cli_add_settings(const struct cli *cli, struct chime_message *m, size_t first);

/// How to call; a zeroed one is a plain command.
struct cli_call {
    const char *what; // the object of the command, for the message when it fails; NULL: the path
    int file;         // descriptor to attach where the connection can, taken and closed; 0: none
    bool slow;        // may wait for a sound to be decoded
    chime_each *each; // sees what comes before the answer
    void *context;    // of `each`
};

/// Sends `m` (and frees it) and waits for its answer, which goes to `*answer` (may be NULL; the caller frees
/// it). CLI_DONE, or an exit code with the reason printed.
int cli_call(struct cli *cli, struct chime_message *m, const struct cli_call *how,
             struct chime_message **answer);
/// The same for an answer that says no more than that it was done: printed with --json alone.
int cli_plain(struct cli *cli, struct chime_message *m, const struct cli_call *how);
/// Sends `m` (and frees it) over a connection that is open, and says nothing of what goes wrong. `each` sees
/// what comes before the answer, and may be NULL, as `answer` may, which the caller else frees.
enum chime_status cli_ask(const struct cli *cli, struct chime_message *m, chime_each *each, void *context,
                          struct chime_message **answer);

// ---- ids of voices, and changes (cli_voice.c) ----

/// What a voice is called.
struct cli_voice {
    bool is_text;
    int64_t number;
    char text[64];
};
/// CLI_DONE for a word that can be the id of a voice; CLI_USAGE with the message printed for one that is more
/// likely to be a slip.
int cli_check_voice(const struct cli *cli, const char *word);
/// A word as the id of a voice: a number when it is one, else a text.
void cli_add_voice(struct chime_message *m, const char *word);
/// True for a number, and for one behind a plus, which is to be added: "+3", or "+-3" to take 3 away.
bool cli_change(const char *word);
/// Such a word as an argument. Any other becomes a text.
void cli_add_change(struct chime_message *m, const char *word);

/// Argument `i` of a message; as argument of a message; as text and JSON.
void cli_voice_read(const struct chime_message *m, size_t i, struct cli_voice *voice);
void cli_voice_add(struct chime_message *m, const struct cli_voice *voice);
void cli_voice_print(const struct cli_voice *voice);
json_t *cli_voice_json(const struct cli_voice *voice);
bool cli_voice_is(const struct cli_voice *a, const struct cli_voice *b);

// ---- output (cli_print.c) ----

/// Prints text with control characters replaced, so that a name cannot drive the terminal.
void cli_print_text(const char *text);
/// Prints words from column `at` on; the lines below begin at `indent`. Returns the column behind the last
/// one.
int cli_print_words(const char *text, int at, int indent, int columns);
/// Prints a message as one line, or as one JSON object with --json.
void cli_print_message(const struct cli *cli, const struct chime_message *m);
/// Prints one JSON object as one line, and frees it.
void cli_print_json(json_t *object);
/// Never NULL: bytes that are no UTF-8 are replaced.
json_t *cli_json_text(const char *text);
/// Argument `i` as JSON; null for what JSON has no word for.
json_t *cli_json_argument(const struct chime_message *m, size_t i);
/// Puts `value` under `key` and owns it.
void cli_json_set(json_t *object, const char *key, json_t *value);

/// Text for a number of bytes: "1.5 MiB".
void cli_bytes_text(char *text, size_t size, double bytes);
/// Appends argument `i` of a message to another one; of any type but blobs, which no answer has.
void cli_copy_argument(struct chime_message *to, const struct chime_message *m, size_t i);

// ---- answers that are "/done path name value name value ..." (cli_pairs.c) ----

/// Asks for /status: an answer of that kind, whatever number of messages it came in; NULL after a failure.
enum chime_status cli_ask_status(const struct cli *cli, struct chime_message **status,
                                 struct chime_message **answer);
/// The value of `name` in an answer (NULL has none): is there one; as a number, else 0; as a text, else "".
bool cli_pair_is_told(const struct chime_message *answer, const char *name);
double cli_pair_number(const struct chime_message *answer, const char *name);
const char *cli_pair_text(const struct chime_message *answer, const char *name);
/// Prints the pair at argument `i`, without a line's end; puts all of them into `object`.
void cli_print_pair(const struct chime_message *answer, size_t i);
void cli_json_pairs(json_t *object, const struct chime_message *answer);

// ---- tables (cli_print.c) ----

/// How a column of a table is shown.
enum column_kind { COLUMN_TEXT, COLUMN_WHOLE, COLUMN_TENTHS, COLUMN_HUNDREDTHS, COLUMN_BYTES, COLUMN_SWITCH };
struct column {
    const char *name;
    enum column_kind kind;
};
/// List items of one path, in the order in which they came.
struct cli_list {
    const char *path; // of the items
    const struct column *columns;
    size_t n_columns;
    struct chime_message **items; // owned copies
    size_t n_items, n_slots;
};
/// A chime_each that keeps the items of the list that is its context.
void cli_list_add(const struct chime_message *m, void *context);
void cli_list_print(const struct cli_list *list);
/// An array of objects, the columns' names being the keys.
json_t *cli_list_json(const struct cli_list *list);
void cli_list_free(struct cli_list *list);

/// The columns of /bus/info.
enum {
    BUS_NAME,
    BUS_PARENT,
    BUS_GAIN,
    BUS_PAN,
    BUS_MUTE,
    BUS_SOLO,
    BUS_OUT,
    BUS_WIDTH,
    BUS_PEAK_LEFT,
    BUS_PEAK_RIGHT,
    BUS_RMS_LEFT,
    BUS_RMS_RIGHT,
    N_BUS_COLUMNS
};
extern const struct column bus_columns[N_BUS_COLUMNS];

// ---- pictures (cli_screen.c) ----

/// Rows that stand where the last picture was, on a terminal; a zeroed one prints them as lines, as many as
/// there are.
struct cli_screen {
    bool is_terminal;
    int columns, rows; // of the terminal, as cli_screen_begin() found it
    int row;           // that is being written, from 0
};

/// For commands that go on until Ctrl-C or SIGTERM, which from here on only interrupt calls and waits.
void cli_screen_catch(void);
/// The same, and takes the terminal, if the output is one and is no JSON.
void cli_screen_open(struct cli_screen *s, const struct cli *cli);
/// Gives the terminal back.
void cli_screen_close(const struct cli_screen *s);
/// Waits before the next picture; false when there shall be none, or nobody takes the output any more.
bool cli_screen_wait(double period_s);
/// True after Ctrl-C or SIGTERM.
bool cli_screen_stopped(void);

/// Begins a picture, in its first row; ends it, and the row.
void cli_screen_begin(struct cli_screen *s);
void cli_screen_end(const struct cli_screen *s);
/// Begins the next row; false when the screen has no more.
bool cli_screen_row(struct cli_screen *s);

// ---- files (cli_file.c) ----

/// Opens a regular file that the caller can read. On success `*fd` is open (above 2) and `absolute` (PATH_MAX
/// bytes) is its path; else false, and errno tells (EISDIR for a folder, EINVAL for a device or a pipe).
bool cli_open_file(const char *name, int *fd, char *absolute);

// ---- the subcommands ----

#define COMMAND(id, words, doc) int cmd_##id(struct cli *cli);
#include "clients/commands.def"

#endif
