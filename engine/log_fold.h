// SPDX-License-Identifier: MIT
// log_fold.h - tells a flood of log lines of one kind: the first few are told, the others are counted.
#ifndef ENGINE_LOG_FOLD_H
#define ENGINE_LOG_FOLD_H
#include <stdbool.h>
#include <stdint.h>

/// So many lines of a kind are told in so long a time; then how many more there were.
#define LOG_FOLD_LINES 10
#define LOG_FOLD_NS    INT64_C(10000000000)

/// Kinds that are watched at once; when there are more, the others are not held back.
#define LOG_FOLD_KINDS 64
#define LOG_FOLD_TEXT  256

struct log_kind {
    const void *kind; // NULL: free
    int level;
    int64_t since_ns; // when its time began
    uint32_t n_told, n_more;
    char text[LOG_FOLD_TEXT]; // of the newest that was not told, cut
};

/// A zeroed one is empty. One thread at a time.
struct log_fold {
    struct log_kind kinds[LOG_FOLD_KINDS];
    uint32_t n_held; // kinds with lines that were not told
};

/// What was held back of a kind whose time is over.
struct log_folded {
    int level;
    uint32_t n;
    char text[LOG_FOLD_TEXT];
};

/// True when a line of `kind`, a pointer that stands for it, is to be told.
bool log_fold_admits(struct log_fold *f, const void *kind, int level, const char *text, int64_t now_ns);
/// Takes one kind whose time is over, or any kind with `all`. False when there is none.
bool log_fold_take(struct log_fold *f, bool all, int64_t now_ns, struct log_folded *folded);

#endif
