// SPDX-License-Identifier: MIT
// kernel_pick.c - chooses the kernels for this processor, or those that the environment asks for.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/kernel.h"

/// Fastest first, as many as this processor can run.
static uint32_t runnable(const struct kernels *tables[3])
{
    uint32_t n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        tables[n++] = &kernels_avx512;
    if (__builtin_cpu_supports("avx2")) tables[n++] = &kernels_avx2;
#endif
    tables[n++] = &kernels_baseline;
    return n;
}

/// NULL when the environment names none, or none that runs here.
static const struct kernels *chosen(void)
{
    const struct kernels *tables[3];
    const char *name = getenv("CHIMED_ISA");
    uint32_t n = runnable(tables);
    for (uint32_t i = 0; name && i < n; i++)
        if (strcmp(tables[i]->isa, name) == 0) return tables[i];
    return NULL;
}

const struct kernels *kernel_pick(void)
{
    const struct kernels *tables[3], *choice = chosen();
    runnable(tables);
    return choice ? choice : tables[0];
}

bool kernel_check_choice(char *names, uint32_t names_bytes)
{
    const struct kernels *tables[3];
    uint32_t n = runnable(tables);
    snprintf(names, names_bytes, "%s%s%s%s%s", tables[0]->isa, n > 1 ? ", " : "", n > 1 ? tables[1]->isa : "",
             n > 2 ? ", " : "", n > 2 ? tables[2]->isa : "");
    const char *name = getenv("CHIMED_ISA");
    return !name || chosen();
}
