// SPDX-License-Identifier: MIT
// log_fold.c - tells a flood of log lines of one kind: the first few are told, the others are counted.
#include "engine/log_fold.h"

#include <stddef.h>
#include <stdio.h>

static bool is_over(const struct log_kind *k, int64_t now_ns)
{
    return now_ns - k->since_ns >= LOG_FOLD_NS;
}

/// The kind, or a place for it; NULL when all are taken.
static struct log_kind *find(struct log_fold *f, const void *kind, int64_t now_ns)
{
    struct log_kind *free = NULL;
    for (uint32_t i = 0; i < LOG_FOLD_KINDS; i++) {
        struct log_kind *k = &f->kinds[i];
        if (k->kind == kind) return k;
        if (!free && (!k->kind || (is_over(k, now_ns) && k->n_more == 0))) free = k;
    }
    if (free) *free = (struct log_kind){.kind = kind, .since_ns = now_ns};
    return free;
}

bool log_fold_admits(struct log_fold *f, const void *kind, int level, const char *text, int64_t now_ns)
{
    struct log_kind *k = find(f, kind, now_ns);
    if (!k) return true;
    if (is_over(k, now_ns) && k->n_more == 0) {
        k->since_ns = now_ns;
        k->n_told = 0;
    }
    if (k->n_told < LOG_FOLD_LINES) {
        k->n_told++;
        return true;
    }
    f->n_held += k->n_more == 0;
    k->n_more++;
    k->level = level;
    snprintf(k->text, sizeof k->text, "%s", text);
    return false;
}

bool log_fold_take(struct log_fold *f, bool all, int64_t now_ns, struct log_folded *folded)
{
    for (uint32_t i = 0; i < LOG_FOLD_KINDS && f->n_held > 0; i++) {
        struct log_kind *k = &f->kinds[i];
        if (k->n_more == 0 || (!all && !is_over(k, now_ns))) continue;
        *folded = (struct log_folded){.level = k->level, .n = k->n_more};
        snprintf(folded->text, sizeof folded->text, "%s", k->text);
        f->n_held--;
        k->since_ns = now_ns;
        k->n_told = k->n_more = 0;
        return true;
    }
    return false;
}
