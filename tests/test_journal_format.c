// SPDX-License-Identifier: MIT
// test_journal_format.c - a journal is read as it was written, or not at all: every length that it can be cut
// to, every bit that can fall, every size of the buffer.
#include <string.h>

#include "engine/journal_format.h"
#include "tests/check.h"
#include "tests/random.h"

static uint8_t bytes[4096], copy[4096];
static uint64_t seed = 1;
static const struct journal_head head = {
    .written = {.realtime_ns = INT64_C(1234567890123456789), .boottime_ns = -5, .id = {1, 2, 3}},
    .next_id = 1000017,
    .n_left_out = 3,
    .n_records = {[JOURNAL_BUS] = 1, [JOURNAL_VOICE] = 2, [JOURNAL_SCHEDULED] = 1}};

static const struct journal_record records[] = {
    {JOURNAL_BUS, 0, (const uint8_t *)"/bus/new\0\0\0\0,s\0\0drum", 20},
    {JOURNAL_VOICE, UINT64_C(0x8000000000000001), (const uint8_t *)"/play\0\0\0,s\0\0bell", 16},
    {JOURNAL_VOICE, 7, (const uint8_t *)"", 0},
    {JOURNAL_SCHEDULED, UINT64_MAX, (const uint8_t *)"/stop\0\0\0,s\0\0all\0", 16},
};
#define N_RECORDS (sizeof records / sizeof records[0])

static struct journal_file write_all(void)
{
    struct journal_file f = {.bytes = bytes, .capacity = sizeof bytes};
    memset(bytes, 0xa5, sizeof bytes);
    journal_begin(&f);
    for (size_t i = 0; i < N_RECORDS; i++)
        assert_true(journal_add(&f, &records[i]));
    journal_end(&f, &head);
    journal_seal(&f);
    return f;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct journal_file f = write_all();
    struct journal_head seen;
    struct journal_record r;
    size_t at = JOURNAL_HEADER_BYTES;
    assert_null(journal_check(&f, &seen));
    assert_int_equal(seen.written.realtime_ns, head.written.realtime_ns);
    assert_int_equal(seen.written.boottime_ns, head.written.boottime_ns);
    assert_memory_equal(seen.written.id, head.written.id, sizeof head.written.id);
    assert_int_equal(seen.next_id, head.next_id);
    assert_int_equal(seen.n_left_out, head.n_left_out);
    assert_memory_equal(seen.n_records, head.n_records, sizeof head.n_records);
    for (size_t i = 0; i < N_RECORDS; i++) {
        assert_true(journal_next(&f, &at, &r));
        assert_int_equal(r.kind, records[i].kind);
        assert_int_equal(r.time, records[i].time);
        assert_int_equal(r.n_bytes, records[i].n_bytes);
        assert_memory_equal(r.message, records[i].message, r.n_bytes);
    }
    assert_false(journal_next(&f, &at, &r));
}

static void test_empty(void **state)
{
    (void)state;
    struct journal_file f = {.bytes = bytes, .capacity = JOURNAL_HEADER_BYTES};
    struct journal_head seen;
    struct journal_record r;
    size_t at = JOURNAL_HEADER_BYTES;
    journal_begin(&f);
    assert_false(journal_add(&f, &records[2])); // not even one without a message
    journal_end(&f, &(struct journal_head){0});
    journal_seal(&f);
    assert_null(journal_check(&f, &seen));
    assert_false(journal_next(&f, &at, &r));
}

static void test_no_room(void **state)
{
    (void)state;
    for (size_t capacity = JOURNAL_HEADER_BYTES; capacity < JOURNAL_HEADER_BYTES + 3 * 40; capacity++) {
        struct journal_file f = {.bytes = bytes, .capacity = capacity};
        struct journal_head seen, counted = {0};
        memset(bytes, 0xa5, sizeof bytes);
        journal_begin(&f);
        for (size_t i = 0; i < N_RECORDS; i++) {
            size_t n_before = f.n_bytes;
            bool fits = n_before + JOURNAL_RECORD_BYTES + records[i].n_bytes <= capacity;
            assert_int_equal(journal_add(&f, &records[i]), fits);
            if (!fits) assert_int_equal(f.n_bytes, n_before);
            counted.n_records[records[i].kind] += fits;
        }
        journal_end(&f, &counted);
        journal_seal(&f);
        assert_null(journal_check(&f, &seen));
        assert_int_equal(bytes[capacity], 0xa5);
    }
}

static void test_every_truncation(void **state)
{
    (void)state;
    struct journal_file f = write_all();
    struct journal_head seen;
    size_t n = f.n_bytes;
    for (f.n_bytes = 0; f.n_bytes < n; f.n_bytes++)
        if (!journal_check(&f, &seen)) fail_msg("%zu bytes of %zu are taken for the whole", f.n_bytes, n);
    f.n_bytes = n + 1;
    assert_non_null(journal_check(&f, &seen));
}

static void test_every_bit(void **state)
{
    (void)state;
    struct journal_file f = write_all();
    struct journal_head seen;
    for (size_t bit = 0; bit < 8 * f.n_bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (!journal_check(&f, &seen)) fail_msg("bit %zu is not missed", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_null(journal_check(&f, &seen));
}

static void test_rubbish(void **state)
{
    (void)state;
    struct journal_file f = write_all();
    struct journal_head seen;
    size_t n = f.n_bytes;
    memcpy(copy, bytes, n);
    for (uint32_t round = 0; round < 20000; round++) {
        memcpy(bytes, copy, n);
        uint32_t n_spoilt = 1 + random_next(&seed) % 16;
        for (uint32_t i = 0; i < n_spoilt; i++)
            bytes[random_next(&seed) % n] = (uint8_t)random_next(&seed);
        const char *problem = journal_check(&f, &seen);
        assert_int_equal(!problem, memcmp(bytes, copy, n) == 0);
    }
    f.n_bytes = sizeof bytes;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random_next(&seed);
    assert_non_null(journal_check(&f, &seen));
}

static void test_what_is_wrong_is_said(void **state)
{
    (void)state;
    struct journal_file f = write_all();
    struct journal_head seen;
    bytes[11]++;
    assert_string_equal(journal_check(&f, &seen), "it is of another version");
    bytes[11]--;
    bytes[0]++;
    assert_string_equal(journal_check(&f, &seen), "it is no journal");
    bytes[0]--;
    f.n_bytes--;
    assert_string_equal(journal_check(&f, &seen), "its length is wrong");
    f.n_bytes = 100;
    assert_string_equal(journal_check(&f, &seen), "it is too short");
}

/// Right sums around records that are none: what a wrong writer would leave.
static void test_records_that_do_not_fit(void **state)
{
    (void)state;
    for (uint32_t n_bytes = 0; n_bytes < 64; n_bytes++) {
        struct journal_file f = {.bytes = bytes, .capacity = sizeof bytes};
        struct journal_head seen;
        journal_begin(&f);
        assert_true(journal_add(&f, &records[1]));
        bytes[JOURNAL_HEADER_BYTES + 7] = (uint8_t)n_bytes;
        journal_end(&f, &(struct journal_head){.n_records = {[JOURNAL_VOICE] = 1}});
        journal_seal(&f);
        assert_int_equal(journal_check(&f, &seen) == NULL, n_bytes == records[1].n_bytes);
        bytes[JOURNAL_HEADER_BYTES + 7] = (uint8_t)records[1].n_bytes;
        bytes[JOURNAL_HEADER_BYTES + 3] = JOURNAL_KINDS;
        journal_end(&f, &(struct journal_head){.n_records = {[JOURNAL_VOICE] = 1}});
        journal_seal(&f);
        assert_non_null(journal_check(&f, &seen));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_records_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
