// SPDX-License-Identifier: MIT
// check.h - cmocka with the headers that it wants before it, in the order that it wants.
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#endif
