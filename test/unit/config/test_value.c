/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/config/text.h"

struct value_case {
	const char *section, *key, *text;
	const char *printed; /* NULL: refused */
};

static const struct value_case cases[] = {
	{ "agent", "interval_ms", "1s", "1000" },
	{ "agent", "interval_ms", "200", "200" },
	{ "agent", "interval_ms", "10000 ms", "10000" },
	{ "agent", "interval_ms", "199", NULL },
	{ "agent", "interval_ms", "10001", NULL },
	{ "agent", "interval_ms", "1m", NULL },
	{ "agent", "interval_ms", "-1000", NULL },
	{ "agent", "interval_ms", "+1000", NULL },
	{ "agent", "interval_ms", "0x3e8", NULL },
	{ "agent", "interval_ms", "1e3", NULL },
	{ "agent", "interval_ms", "", NULL },
	{ "agent", "interval_ms", "99999999999999999999", NULL },
	{ "agent", "interval_ms", "18446744073709551615d", NULL },
	{ "output", "rotate_bytes", "0", "0" },
	{ "output", "rotate_bytes", "1", "1B" },
	{ "output", "rotate_bytes", "1536 KiB", "1536KiB" },
	{ "output", "rotate_bytes", "2048kib", "2MiB" },
	{ "output", "rotate_bytes", "5MB", NULL },
	{ "output", "rotate_bytes", "2000GiB", NULL },
	{ "output", "rotate_keep", "100", "100" },
	{ "output", "rotate_keep", "3 files", NULL },
	{ "privacy", "names", "OFF", "off" },
	{ "privacy", "names", "yes", "on" },
	{ "privacy", "names", "2", NULL },
	{ "agent", "emit", "all", "all" },
	{ "agent", "emit", "ALL", NULL },
	{ "agent", "emit", "", NULL },
	{ "safety", "max_overhead_pct", "0.1", "0.1" },
	{ "safety", "max_overhead_pct", "1e1", "10" },
	{ "safety", "max_overhead_pct", "nan", NULL },
	{ "safety", "max_overhead_pct", "inf", NULL },
	{ "safety", "max_overhead_pct", "0x3", NULL },
	{ "safety", "max_overhead_pct", "1e999", NULL },
	{ "safety", "max_overhead_pct", "100.1", NULL },
	{ "safety", "max_overhead_pct", "3%", NULL },
	{ "slo.x", "objective", "0.999", "0.999" },
	{ "slo.x", "objective", "0", NULL },
	{ "slo.x", "objective", "1", NULL },
	{ "slo.x", "windows", "5m,1h , 3d", "5m, 1h, 3d" },
	{ "slo.x", "windows", "90s, 1500ms", "90s, 1500ms" },
	{ "slo.x", "windows", "", NULL },
	{ "slo.x", "windows", "31d", NULL },
	{ "slo.x", "windows", "1h,1h,1h,1h,1h,1h,1h,1h,1h", NULL },
	{ "otlp", "endpoint", "https://h:4318/base", "https://h:4318/base" },
	{ "otlp", "endpoint", "", "" },
	{ "otlp", "endpoint", "http://", NULL },
	{ "otlp", "endpoint", "http://:80", NULL },
	{ "otlp", "endpoint", "http://h:0", NULL },
	{ "otlp", "endpoint", "http://h:65536/v1", NULL },
	{ "otlp", "endpoint", "http://h:18446744073709551617", NULL },
	{ "otlp", "endpoint", "http://h:", NULL },
	{ "otlp", "endpoint", "http://h:4318x", NULL },
	{ "otlp", "endpoint", "http://[::1]:99999", NULL },
	{ "otlp", "endpoint", "http://h:65535/a:b", "http://h:65535/a:b" },
	{ "otlp", "endpoint", "http://[::1]", "http://[::1]" },
	{ "otlp", "endpoint", "http://[fe80::1%25eth0]:1", "http://[fe80::1%25eth0]:1" },
	{ "otlp", "endpoint", "http://user:word@h", "http://user:word@h" },
	{ "otlp", "endpoint", "ftp://h", NULL },
	{ "otlp", "endpoint", "http://a b", NULL },
	{ "webhook", "url", "", "" },
	{ "agent", "instance", "a-1.b_C", "a-1.b_C" },
	{ "agent", "instance", "../etc", NULL },
	{ "agent", "instance", "", NULL },
	{ "agent", "instance", "123456789012345678901234567890123", NULL },
	{ "agent", "signal_set", "dns_latency_ms", "dns_latency_ms" },
	{ "agent", "signal_set", "all", "all" },
	{ "agent", "signal_set", "", NULL },
	{ "agent", "signal_set", "dns_latency_ms,dns_latency_ms", NULL },
	{ "agent", "signal_set", "dns_latency", NULL },
	{ "targets", "pid", "1, 4194304", "1, 4194304" },
	{ "targets", "pid", "", "" },
	{ "targets", "pid", "0", NULL },
	{ "targets", "pid", "4194305", NULL },
	{ "targets", "pid", "1,", NULL },
	{ "targets", "comm", "a b,c", "a b, c" },
	{ "targets", "comm", "0123456789abcdef", NULL },
	{ "targets", "comm", "a\tb", NULL },
	{ "targets", "pod_uid", "0a1b2c3d-0000-4000-8000-0123456789ab",
	  "0a1b2c3d-0000-4000-8000-0123456789ab" },
	{ "targets", "pod_uid", "xa1b2c3d-0000-4000-8000-0123456789ab", NULL },
	{ "thresholds", "dns_latency_ms", "0", "0" },
	{ "thresholds", "dns_latency_ms", "-1", NULL },
};

/* Accepted values print as expected, read back as themselves; refused ones have a reason and leave the field. */
static void values_are_taken_printed_and_refused_by_their_type(void **state)
{
	static union {
		char bytes[sizeof(struct slo_config_list)];
		struct slo_config_list aligned;
	} field, before;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		const struct slo_config_row *row =
			slo_config_row_find(cases[i].section, cases[i].key);
		char text[SLO_CONFIG_VALUE_LEN];
		struct slo_err err = { 0 };
		int r;

		memset(&field, 0x5a, sizeof(field));
		before = field;
		r = slo_config_value_set(row, &field, cases[i].text, false, &err);
		if ((r == 0) != (cases[i].printed != NULL))
			fail_msg("%s = %s: %d %s", cases[i].key, cases[i].text, r, err.msg);
		if (r < 0) {
			assert_true(r == -EINVAL || r == -ERANGE);
			assert_true(strlen(err.msg) > 0);
			assert_memory_equal(&field, &before, sizeof(field));
			continue;
		}
		slo_config_value_text(row, &field, text, sizeof(text));
		assert_string_equal(text, cases[i].printed);
		assert_int_equal(slo_config_value_check(row, text, NULL), 0);
	}
}

static void lists_are_bounded(void **state)
{
	const struct slo_config_row *row = slo_config_row_find("targets", "cgroup");
	static struct slo_config_list list;
	struct slo_err err = { 0 };
	char longest[SLO_CONFIG_ITEM_LEN + 1];

	(void)state;
	memset(&list, 0, sizeof(list));
	memset(longest, 'x', sizeof(longest));
	longest[SLO_CONFIG_ITEM_LEN] = '\0';
	assert_int_equal(slo_config_value_set(row, &list, longest, true, &err), -ERANGE);
	longest[SLO_CONFIG_ITEM_LEN - 1] = '\0';
	for (size_t i = 0; i < SLO_CONFIG_LIST_MAX; i++)
		assert_int_equal(slo_config_value_set(row, &list, longest, true, NULL), 0);
	assert_string_equal(list.item[SLO_CONFIG_LIST_MAX - 1], longest);
	assert_int_equal(slo_config_value_set(row, &list, "/one", true, &err), -ERANGE);
	assert_non_null(strstr(err.msg, "too many"));
	assert_int_equal(list.count, SLO_CONFIG_LIST_MAX);
}

static void cut_text_stays_terminated(void **state)
{
	const struct slo_config_row *row = slo_config_row_find("targets", "cgroup");
	static struct slo_config_list list;
	char text[8];

	(void)state;
	memset(&list, 0, sizeof(list));
	assert_int_equal(slo_config_value_set(row, &list, "/one, /two, /three", false, NULL), 0);
	slo_config_value_text(row, &list, text, sizeof(text));
	assert_string_equal(text, "/one, /");
}

static void misspelt_signal_names_the_nearest(void **state)
{
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_config_value_check(slo_config_row_find("agent", "signal_set"),
	                                        "dns_latncy_ms", &err),
	                 -EINVAL);
	assert_non_null(strstr(err.msg, "did you mean dns_latency_ms?"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_taken_printed_and_refused_by_their_type),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(cut_text_stays_terminated),
		cmocka_unit_test(misspelt_signal_names_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
