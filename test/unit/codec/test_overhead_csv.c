/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/codec/overhead_csv.h"

#define HEADER \
	"timestamp,node,collector_cpu_pct,collector_memory_mb,events_per_second,dropped_events\n"
#define TIME "2026-02-18T00:00:00Z"

static struct slo_overhead_csv csv;
static struct slo_overhead_sample sample;
static struct slo_err error;

static void begin(const char *text)
{
	slo_overhead_csv_init(&csv, text, strlen(text));
}

static int next(void)
{
	return slo_overhead_csv_next(&csv, &sample, &error);
}

static void samples_are_read_in_order(void **state)
{
	(void)state;
	begin(HEADER TIME ",node-a,2.100,120,900,3\n" TIME ",node-b,1e-1,+5,0,0");
	assert_int_equal(next(), 1);
	assert_string_equal(sample.node, "node-a");
	assert_true(sample.cpu_pct == 2.1 && sample.memory_mb == 120);
	assert_true(sample.events_per_second == 900 && sample.dropped_events == 3);
	assert_true(sample.timestamp_ns == INT64_C(1771372800000000000));
	assert_int_equal(next(), 1);
	assert_string_equal(sample.node, "node-b");
	assert_true(sample.cpu_pct == .1);
	assert_int_equal(csv.line, 3);
	assert_int_equal(next(), 0);
	assert_int_equal(next(), 0);
}

static void columns_are_found_by_name(void **state)
{
	(void)state;
	begin("\xef\xbb\xbfx,collector_cpu_pct,node,timestamp\r\n\r\nwhat,2,a," TIME "\r\n");
	assert_int_equal(next(), 1);
	assert_true(sample.cpu_pct == 2 && sample.memory_mb == 0);
	assert_string_equal(sample.node, "a");
	assert_int_equal(csv.line, 3);
	assert_int_equal(next(), 0);
}

static void quoted_fields_follow_rfc_4180(void **state)
{
	(void)state;
	begin("\"timestamp\",node,collector_cpu_pct\n\"" TIME "\",\"a, \"\"b\"\"\",\"2\"\n");
	assert_int_equal(next(), 1);
	assert_string_equal(sample.node, "a, \"b\"");
	assert_true(sample.cpu_pct == 2);
}

static void bad_lines_are_told_and_skipped(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{ TIME ",a,nan,0,0,0", "column \"collector_cpu_pct\": \"nan\" is not a number" },
		{ TIME ",a,0x10,0,0,0", "column \"collector_cpu_pct\": \"0x10\" is not a number" },
		{ TIME ",a,,0,0,0", "column \"collector_cpu_pct\": \"\" is not a number" },
		{ TIME ",a,-1,0,0,0",
		  "column \"collector_cpu_pct\": \"-1\" is not a number of 0 or more" },
		{ TIME ",a,1e999,0,0,0",
		  "column \"collector_cpu_pct\": \"1e999\" is not a number of 0 or more" },
		{ TIME ",a,1-2,0,0,0",
		  "column \"collector_cpu_pct\": \"1-2\" is not a number of 0 or more" },
		{ TIME ",,1,0,0,0", "column \"node\": expected 1 to 255 bytes" },
		{ TIME ",a,1,0,0", "5 columns, the header has 6" },
		{ TIME ",a,1,0,0,0,0", "7 columns, the header has 6" },
		{ TIME ",\"a,1,0,0,0", "a quote is not closed on its line" },
		{ TIME ",\"a\"b,1,0,0,0", "text behind a closing quote" },
		{ TIME ",a\"b,1,0,0,0", "a quote inside an unquoted field" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		(void)snprintf(text, sizeof(text), HEADER "%s\n" TIME ",good,1,0,0,0\n",
		               rows[i].line);
		begin(text);
		sample.cpu_pct = 4711;
		assert_int_equal(next(), -EBADMSG);
		assert_string_equal(error.msg, rows[i].why);
		assert_true(sample.cpu_pct == 4711);
		assert_int_equal(next(), 1);
		assert_string_equal(sample.node, "good");
		assert_int_equal(next(), 0);
	}
	begin(HEADER "noon,a,1,0,0,0\n");
	assert_int_equal(next(), -EBADMSG);
	assert_true(strncmp(error.msg, "column \"timestamp\": ", 20) == 0);
}

static void a_text_without_the_header_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "empty, expected a header and samples" },
		{ "\n\r\n", "empty, expected a header and samples" },
		{ TIME ",a,1,0,0,0\n", "header: no column \"timestamp\" (is this a header?)" },
		{ "timestamp,node\n",
		  "header: no column \"collector_cpu_pct\" (is this a header?)" },
		{ "timestamp,node,node,collector_cpu_pct\n",
		  "header: column \"node\" stands twice" },
		{ "timestamp,\"node\n", "header: a quote is not closed on its line" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		begin(rows[i].text);
		assert_int_equal(next(), -EINVAL);
		assert_string_equal(error.msg, rows[i].why);
	}
	begin(HEADER);
	assert_int_equal(next(), 0);
}

static void lines_and_columns_are_bounded(void **state)
{
	static char text[3 * SLO_CSV_LINE_MAX];
	size_t at;

	(void)state;
	at = (size_t)snprintf(text, sizeof(text), HEADER);
	memset(text + at, 'x', SLO_CSV_LINE_MAX + 1);
	(void)snprintf(text + at + SLO_CSV_LINE_MAX + 1, 64, "\n" TIME ",a,1,0,0,0\n");
	begin(text);
	assert_int_equal(next(), -EBADMSG);
	assert_string_equal(error.msg, "longer than 4096 bytes");
	assert_int_equal(next(), 1);
	at = (size_t)snprintf(text, sizeof(text), HEADER);
	memset(text + at, ',', SLO_CSV_COLUMNS_MAX);
	text[at + SLO_CSV_COLUMNS_MAX] = '\0';
	begin(text);
	assert_int_equal(next(), -EBADMSG);
	assert_string_equal(error.msg, "more than 32 columns");
	slo_overhead_csv_init(&csv, HEADER "a\0b\n", sizeof(HEADER "a\0b\n") - 1);
	assert_int_equal(next(), -EBADMSG);
	assert_string_equal(error.msg, "a NUL byte, expected text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_read_in_order),
		cmocka_unit_test(columns_are_found_by_name),
		cmocka_unit_test(quoted_fields_follow_rfc_4180),
		cmocka_unit_test(bad_lines_are_told_and_skipped),
		cmocka_unit_test(a_text_without_the_header_is_refused),
		cmocka_unit_test(lines_and_columns_are_bounded),
	};

	return cmocka_run_group_tests_name("overhead_csv", tests, NULL, NULL);
}
